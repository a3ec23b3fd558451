// transom/sync/condition.cpp - see condition.hpp.
#include "transom/sync/condition.hpp"

#include <algorithm>

#include "transom/sync/patient_sleep.hpp"
#include "transom/sync/rwlock.hpp"

namespace transom::sync {

// Lets the lock go, sleeps, takes it again. The sleep ends at the bound too: a notifier may have died before it
// counted.
result<void> condition::sleep(guard& held, std::uint32_t seen, const patience& how) {
  mutex* const lock = held.held_;
  rwlock* const of = held.of_;
  held.unlock();
  const patience once{std::min(how.until, deadline::after(longest_sleep)), how.stop, false};
  auto slept = changed_.wait_as(seen, once);
  auto again = of == nullptr ? lock->lock() : of->lock();
  if (!again) return again.error().during("wait");
  held = std::move(*again);
  if (slept || (slept.error() == errc::timed_out && !how.until.expired())) return {};
  return slept.error().during("wait");
}

}  // namespace transom::sync
