// transom/sync/mutex.hpp - mutual exclusion between threads of any processes that survives the death of any of them.
//
// Layout (docs/formats/locks.md), 32 bytes, all zeros unless it was given a name or reports deadlocks:
//     0  word     u64  lock_word.hpp; the futex is its lower half
//     8  reports  u32  1: closing a cycle is an error
//    16  name     char[16], ended by a zero if it is shorter
//
// Invariants
//   L1  At most one thread is named in the word, and it alone enters what the lock protects. It comes in by a
//       compare-and-swap from a word that names nobody, and goes out by an exchange.
//   L2  A word that names an incarnation which is gone becomes dirty, by whoever has the kernel's proof and wins the
//       compare-and-swap. A dirty lock is entered by lock_or_recover() alone.
//   L3  `dirty` goes from 1 to 0 in one place: by the holder, after repair() has returned.
//   L4  Whoever slept comes in with `waiters` set, for the others who may still sleep (glibc bug 20973).
//
// Ordering
//   E1  hand over   what the holder did  ->  the next one to come in
//
// Death: a holder leaves a word that names it: L2. Between the exchange and the wake, or after a wake and before the
// compare-and-swap, it leaves a free lock and sleepers, who look for themselves after at most 100 ms
// (patient_sleep.hpp). A repairer leaves it dirty.
//
// Speed: not contended, one compare-and-swap and one exchange. Contended: some looks without the kernel, then one
// futex. There is no queue: who comes in next is not decided by who came first.
#pragma once
#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "transom/base/clock.hpp"
#include "transom/base/ensure.hpp"
#include "transom/base/error.hpp"
#include "transom/os/futex.hpp"
#include "transom/sync/guard.hpp"
#include "transom/sync/lock_word.hpp"

namespace transom::sync {

/// A lock. Lies in shared<T>, or anywhere else that is shared and registered (membership.hpp), or in ordinary memory
/// for the threads of one process. Neither copied nor moved; nothing is done at its end, and there need not be one.
///
/// There is no unlock(): a lock that fails with owner_died is not held, and code that forgets to look has no guard.
/// Every way to lock fails with owner_died when a holder died (detail: who, if it is known) and no repair has been
/// completed; would_deadlock when this thread would wait for itself; forked. Thread safety: all calls, any thread.
class mutex {
 public:
  static constexpr std::string_view shared_name = "mutex";

  mutex() noexcept = default;
  /// A wait that would close a cycle of waits, across threads and processes, is would_deadlock: detail() has the cycle.
  explicit mutex(report_deadlocks how) noexcept : reports_(1) { how.name.copy(name_.data(), name_.size()); }
  mutex(const mutex&) = delete;
  mutex& operator=(const mutex&) = delete;

  /// Waits until it has the lock, or somebody else's death or `stop` (canceled) ends it.
  result<guard> lock(std::stop_token stop = {}) {
    if (!stop.stop_requested()) [[likely]] {
      if (std::uint32_t epoch = 0; enter_quickly(epoch)) [[likely]]
        return guard(*this, epoch, false);
    }
    return enter(patience::forever(std::move(stop)), entry::to_use);
  }
  /// Without waiting: would_block.
  result<guard> try_lock() {
    if (std::uint32_t epoch = 0; enter_quickly(epoch)) [[likely]]
      return guard(*this, epoch, false);
    return enter(patience::none(), entry::to_use);
  }
  /// Waiting for at most `time`: timed_out.
  template <typename Rep, typename Period>
  result<guard> lock_for(std::chrono::duration<Rep, Period> time, std::stop_token stop = {}) {
    return enter(patience::until_time(deadline::after(time), std::move(stop)), entry::to_use);
  }
  template <typename Clock, typename Duration>
  result<guard> lock_until(std::chrono::time_point<Clock, Duration> when, std::stop_token stop = {}) {
    return enter(patience::until_time(deadline::at(when), std::move(stop)), entry::to_use);
  }
  /// lock(), and if a holder died first calls repair() under the lock. Only once that has returned is the lock healthy
  /// again: if it throws, or dies, the lock stays as it was for the next one. A repair() may return result<void>: what
  /// it fails with is returned, and nothing is healed.
  template <std::invocable Repair>
  result<guard> lock_or_recover(Repair&& repair, std::stop_token stop = {}) {
    auto held = enter(patience::forever(std::move(stop)), entry::to_repair);
    if (!held) return held;
    return repaired(std::move(*held), std::forward<Repair>(repair));
  }

  /// Whether a holder died and nobody has repaired since; no more than a hint while others may lock.
  bool is_dirty() const noexcept { return (word_.load(relaxed) & lock_word::dirty) != 0; }
  /// What it was named, or where it lies in its memory; for people.
  std::string name() const;

 private:
  friend class guard;
  friend class rwlock;
  friend class condition;
  friend class wait_graph;
  enum class entry { to_use, to_repair };

  bool enter_quickly(std::uint32_t& epoch) noexcept {
    const standing* me = standing_at(this);
    if (me == nullptr) [[unlikely]]
      return false;
    epoch = me->epoch;
    std::uint64_t free = 0;
    return word_.compare_exchange(free, lock_word::held_by(*me), acquire, relaxed);  // E1
  }
  template <typename Repair>
  result<guard> repaired(guard held, Repair&& repair) {
    if (!held.dirty_) return held;
    if constexpr (std::convertible_to<std::invoke_result_t<Repair>, result<void>>) {
      const result<void> done = std::forward<Repair>(repair)();
      if (!done) return done.error();
    } else {
      std::forward<Repair>(repair)();
    }
    word_.fetch_and(~lock_word::dirty, relaxed);  // L3; a death before leave() makes it dirty again
    held.dirty_ = false;
    return held;
  }
  result<guard> enter(const patience& how, entry why);
  result<guard> enter_as(const standing& me, const patience& how, entry why);
  void leave(std::uint64_t as) noexcept {
    const std::uint64_t left = word_.exchange(as, release);  // E1
    if ((left & (lock_word::waiters | lock_word::crowd)) != 0) [[unlikely]]
      os::futex_wake(&word_, (left & lock_word::crowd) != 0 || as != 0 ? 1 << 30 : 1);
  }
  void declare_dead(std::uint64_t seen) noexcept;
  error owner_died_error(const standing& me, std::uint32_t dead) const;

  atomic<std::uint64_t> word_{0};
  std::uint32_t reports_ = 0, reserved_ = 0;
  std::array<char, 16> name_{};
};
static_assert(sizeof(mutex) == 32);

void guard::unlock() noexcept {
  transom::detail::ensure(held_ != nullptr, "a guard that holds nothing is not unlocked");
  mutex* const lock = std::exchange(held_, nullptr);
  if (os::fork_epoch() == epoch_) [[likely]]
    lock->leave(dirty_ ? lock_word::dirty : 0);
}

}  // namespace transom::sync
