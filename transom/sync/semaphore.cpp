// transom/sync/semaphore.cpp - taking, waiting and giving. See semaphore.hpp; permits are in semaphore_permit.cpp.
#include "transom/sync/semaphore.hpp"

#include <algorithm>
#include <bit>

#include "transom/os/futex.hpp"
#include "transom/sync/membership.hpp"
#include "transom/sync/patient_sleep.hpp"
#include "transom/sync/semaphore_taking.hpp"

namespace transom::sync {

// The kernel compares the lower half, in which the count and the bit are.
static_assert(std::endian::native == std::endian::little);

// `word` was seen to have one. False: it is another by now.
bool semaphore::take_plainly(std::uint64_t& word, std::uint64_t bit) noexcept {
  return word_.compare_exchange(word, (word - one) | bit, sync::acquire, sync::acquire);  // E1
}

void semaphore::wake_others() noexcept {
  if (count_of(word_.fetch_or(somebody, relaxed)) != 0) os::futex_wake(&word_, 1);
}

result<void> semaphore::acquire_as(const patience& how) {
  const standing* me = standing_at(this);
  if (me == nullptr) return error(errc::forked, "acquire");
  if (how.stop.stop_requested()) return error(errc::canceled, "acquire");
  return wait_and_take(*me->in, how, "acquire",
                       [this](std::uint64_t& word, std::uint64_t bit) { return take_plainly(word, bit); });
}

release_result semaphore::release(std::uint32_t count) {
  if (standing_at(this) == nullptr) return error(errc::forked, "release");
  if (count == 0) return {};
  std::uint64_t word = word_.load(relaxed);
  do {
    if (count > most - count_of(word)) return error::system(static_cast<int>(std::errc::value_too_large), "release");
  } while (!word_.compare_exchange_weak(word, (word & ~somebody) + count * one, sync::release, relaxed));  // E1
  if ((word & somebody) != 0) os::futex_wake(&word_, static_cast<int>(count));
  return {};
}

}  // namespace transom::sync
