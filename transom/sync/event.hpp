// transom/sync/event.hpp - something has happened: a counter that any number of threads of any processes bump and sleep
// on; no system call while nobody sleeps. What a condition variable is used for, without its accounting of waiters.
//
// One word of 64 bits: bit 0 says that somebody may be asleep, the bits above count. Whoever wants to sleep sets the
// bit in the very count that it has seen; whoever bumps the count clears the bit in the same step. Both change one
// word, so one of them comes first, and no fence is needed. The kernel compares the lower half: a sleep begins only
// while count and bit are what the sleeper left.
//
//     waiter                                        notifier
//     word: (seen, quiet) -> (seen, somebody)       word: (n, bit) -> (n + 1, quiet)
//     futex_wait(word, (seen, somebody))            if the bit was set: wake all
//
// Forbidden: a waiter asleep on a count that has moved, and nobody about to wake it. The bit is set in the count the
// waiter sleeps on, and whoever moves the count sees it.
//
// Ordering
//   E1  notify   what was done before  ->  whoever sees the count
//
// Death: a dead waiter leaves a bit, which costs one wake that nobody needed. A notifier killed between the count and
// the wake strands the sleepers for at most longest_sleep (patient_sleep.hpp). Nothing else can be left behind.
#pragma once
#include <chrono>
#include <cstdint>
#include <stop_token>
#include <string_view>

#include "transom/base/clock.hpp"
#include "transom/base/error.hpp"
#include "transom/os/futex.hpp"
#include "transom/sync/atomic.hpp"

namespace transom::sync {

/// Counts what has happened, and lets others sleep until more has. The usual loop looks, in this order, at the count,
/// at what it waits for, and at the count again by wait():
///
///     for (std::uint32_t seen = e.value(); !condition(); seen = e.value()) e.wait(seen).or_throw();
///
/// Lies anywhere in memory that the processes share, or in a program of its own threads. Thread safety: all calls, any
/// thread, any process; notify() in signal handlers too. In a child of fork() the memory is not there: reach it through
/// shared<T>, which says so.
class event {
 public:
  static constexpr std::string_view shared_name = "event";

  event() noexcept = default;
  event(const event&) = delete;
  event& operator=(const event&) = delete;

  /// How often notify() was called, modulo 2^32. Whoever sees a count sees what was done before it was reached.
  std::uint32_t value() const noexcept { return count_of(word_.load(acquire)); }  // E1

  /// Counts, and wakes all who wait. One locked instruction; a system call only if somebody may be asleep. Safe in a
  /// signal handler.
  void notify() noexcept {
    std::uint64_t word = word_.load(relaxed);
    while (!word_.compare_exchange_weak(word, (word + one) & ~somebody, release, relaxed)) {}  // E1
    if ((word & somebody) != 0) os::futex_wake_all(&word_);
  }

  /// Sleeps while value() is `seen`, and returns what it is then: at once if it is another already. canceled: a stop is
  /// requested, before or meanwhile. futex(2).
  result<std::uint32_t> wait(std::uint32_t seen, std::stop_token stop = {}) const {
    return wait_as(seen, patience::forever(std::move(stop)));
  }
  /// The same without waiting: would_block while value() is `seen`.
  result<std::uint32_t> try_wait(std::uint32_t seen) const { return wait_as(seen, patience::none()); }
  /// The same for at most `time`: timed_out.
  template <typename Rep, typename Period>
  result<std::uint32_t> wait_for(std::uint32_t seen, std::chrono::duration<Rep, Period> time,
                                 std::stop_token stop = {}) const {
    return wait_as(seen, patience::until_time(deadline::after(time), std::move(stop)));
  }
  /// The same until `when`, on any clock: timed_out.
  template <typename Clock, typename Duration>
  result<std::uint32_t> wait_until(std::uint32_t seen, std::chrono::time_point<Clock, Duration> when,
                                   std::stop_token stop = {}) const {
    return wait_as(seen, patience::until_time(deadline::at(when), std::move(stop)));
  }
  /// What the others boil down to.
  result<std::uint32_t> wait_as(std::uint32_t seen, const patience& how) const;

 private:
  static constexpr std::uint64_t somebody = 1, one = 2;
  static constexpr std::uint32_t count_of(std::uint64_t word) noexcept { return static_cast<std::uint32_t>(word >> 1); }
  mutable atomic<std::uint64_t> word_;  // who waits changes no count
};
static_assert(sizeof(event) == 8);

}  // namespace transom::sync
