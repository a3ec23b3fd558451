// transom/sync/semaphore_taking.hpp - the wait that all ways of taking share. Private to semaphore*.cpp.
// Ordering: see transom/sync/semaphore.hpp.
#pragma once
#include "transom/os/futex.hpp"
#include "transom/sync/membership.hpp"
#include "transom/sync/patient_sleep.hpp"
#include "transom/sync/semaphore.hpp"

namespace transom::sync {

// `take` changes the word it is given into one with a count less and that bit set, or loads it anew and says no.
template <typename Take>
result<void> semaphore::wait_and_take(const membership& in, const patience& how, const char* operation, Take take) {
  patient_sleep rest(how);
  bool has_slept = false, has_asked = false;
  std::uint64_t word = word_.load(sync::acquire);  // E1 E2
  for (;;) {
    if (count_of(word) != 0) {
      const std::uint32_t there = count_of(word);
      if (!take(word, has_slept ? somebody : 0)) continue;
      if (has_slept && there > 1) os::futex_wake(&word_, 1);  // S1
      return {};
    }
    if (const auto over = rest.is_over()) {
      if (!has_asked && *over != errc::canceled) {  // the dead may have what we want
        has_asked = true;
        in.reap();
        word = word_.load(sync::acquire);  // E1 E2
        continue;
      }
      if (has_slept) wake_others();  // S2
      return error(*over, operation);
    }
    if ((word & somebody) == 0 && !word_.compare_exchange(word, word | somebody, relaxed, relaxed)) {
      word = word_.load(sync::acquire);  // E1 E2
      continue;
    }
    has_slept = true;
    if (!rest.sleep(&word_, static_cast<std::uint32_t>(word | somebody))) in.reap();
    word = word_.load(sync::acquire);  // E1 E2
  }
}

}  // namespace transom::sync
