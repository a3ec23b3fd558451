// transom/sync/event.cpp - see event.hpp.
#include "transom/sync/event.hpp"

#include <bit>

#include "transom/sync/patient_sleep.hpp"

namespace transom::sync {

// The kernel compares the lower half, in which the count changes.
static_assert(std::endian::native == std::endian::little);

result<std::uint32_t> event::wait_as(std::uint32_t seen, const patience& how) const {
  if (how.stop.stop_requested()) return error(errc::canceled, "wait");
  patient_sleep rest(how);
  for (;;) {
    std::uint64_t word = word_.load(acquire);  // E1
    if (count_of(word) != seen) return count_of(word);
    if (const auto over = rest.is_over()) return error(*over, "wait");
    if ((word & somebody) == 0 && !word_.compare_exchange(word, word | somebody, relaxed, relaxed)) continue;
    rest.sleep(&word_, static_cast<std::uint32_t>(word | somebody));
  }
}

}  // namespace transom::sync
