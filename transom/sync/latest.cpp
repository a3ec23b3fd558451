// transom/sync/latest.cpp - see latest.hpp.
#include "transom/sync/latest.hpp"

#include <bit>

#include "transom/sync/patient_sleep.hpp"

namespace transom::sync::detail {

// The kernel compares the half of the word in which the version changes.
static_assert(std::endian::native == std::endian::little);

result<std::uint64_t> wait_for_version(atomic<std::uint64_t>& word, std::uint64_t seen, const patience& how) {
  constexpr std::uint64_t somebody = 1;
  if (how.stop.stop_requested()) return error(errc::canceled, "wait");
  patient_sleep rest(how);
  for (;;) {
    std::uint64_t now = word.load(acquire);  // E1
    if (now >> 1 != seen) return now >> 1;
    if (const auto over = rest.is_over()) return error(*over, "wait");
    if ((now & somebody) == 0 && !word.compare_exchange(now, now | somebody, relaxed, relaxed)) continue;
    rest.sleep(&word, static_cast<std::uint32_t>(now | somebody));
  }
}

}  // namespace transom::sync::detail
