// transom/sync/condition.hpp - waiting, under a lock, until what the lock protects is as one wants it: an event and a
// predicate, and nothing else. There is no account of waiters that a dead one could leave wrong (glibc bug 21422), and
// no wake-up that is meant for one of them and can be lost with it (25847).
//
//     waiter                                  notifier
//     lock                                    lock
//     seen = count                            make it so
//     predicate? no:                          unlock
//         unlock; wait until count != seen    count += 1; wake all
//         lock, and once more
//
// Forbidden: the waiter sleeps although it is so. The count was read before the predicate, under the lock; whoever
// makes it so afterwards counts afterwards.
//
// Death: a dead waiter leaves nothing. A notifier that died before it counted has let nobody know; a waiter looks for
// itself every 100 ms (patient_sleep.hpp). Whoever died under the lock: wait() says owner_died.
#pragma once
#include <chrono>
#include <concepts>
#include <stop_token>
#include <string_view>
#include <utility>

#include "transom/sync/event.hpp"
#include "transom/sync/mutex.hpp"

namespace transom::sync {

/// Lies beside the lock. Neither copied nor moved. Thread safety: all calls, any thread of any process.
class condition {
 public:
  static constexpr std::string_view shared_name = "condition";

  condition() noexcept = default;
  condition(const condition&) = delete;
  condition& operator=(const condition&) = delete;

  /// Waits, without the lock, until `holds()` is true; it is asked under the lock, which is held again when this
  /// returns, whether it waited in vain (canceled) or not. Two failures leave `held` empty: owner_died, when a holder
  /// died meanwhile (lock_or_recover() is next), and forked. If holds() throws, the lock is held.
  template <std::predicate Holds>
  result<void> wait(guard& held, Holds holds, std::stop_token stop = {}) {
    return wait_as(held, holds, patience::forever(std::move(stop)));
  }
  /// The same for at most `time`, and as long as it takes to get the lock back: timed_out.
  template <std::predicate Holds, typename Rep, typename Period>
  result<void> wait_for(guard& held, std::chrono::duration<Rep, Period> time, Holds holds, std::stop_token stop = {}) {
    return wait_as(held, holds, patience::until_time(deadline::after(time), std::move(stop)));
  }
  template <std::predicate Holds, typename Clock, typename Duration>
  result<void> wait_until(guard& held, std::chrono::time_point<Clock, Duration> when, Holds holds,
                          std::stop_token stop = {}) {
    return wait_as(held, holds, patience::until_time(deadline::at(when), std::move(stop)));
  }
  /// After making something so, with the lock or without it. Everybody looks again. No system call while nobody sleeps.
  void notify_all() noexcept { changed_.notify(); }

 private:
  template <typename Holds>
  result<void> wait_as(guard& held, Holds& holds, const patience& how) {
    transom::detail::ensure(static_cast<bool>(held), "a condition is waited for with the lock held");
    if (how.stop.stop_requested()) return error(errc::canceled, "wait");
    for (;;) {
      const std::uint32_t seen = changed_.value();
      if (holds()) return {};
      auto slept = sleep(held, seen, how);
      if (!slept) {
        if (held && slept.error() == errc::timed_out && holds()) return {};
        return slept;
      }
    }
  }
  result<void> sleep(guard& held, std::uint32_t seen, const patience& how);

  event changed_;
};
static_assert(sizeof(condition) == 8);

}  // namespace transom::sync
