// transom/sync/doorbell.hpp - lets any number of threads of any processes sleep until somebody rings; one fence and
// one load for the ringer when nobody sleeps.
//
// One word: bit 0 says that somebody may be asleep, the other bits count the rings that woke.
//
//     sleeper                                   ringer
//     seen = word |= 1                          publish
//     fence F1       <----- paired ----->       fence F2
//     if nothing is published:                  if word & 1:
//         futex_wait(word, seen)                    word = (word + 2) & ~1; futex_wake_all(word)
//
// Forbidden: the sleeper sees nothing published and the ringer sees no bit. Acquire and release allow it: they leave
// store -> load free. The two fences do not: one of them comes first, and the other side's read comes after it.
//
// Several sleepers. Whoever announced itself before a ring either sleeps and is woken (the ring wakes all), or has
// not yet slept and finds the word changed: futex_wait compares it with `seen`. The count is there for the second
// case: with a bare flag, another sleeper could set the bit again in between, the word would look unchanged, and the
// first one would sleep through the ring. A bit left behind by a sleeper that did not sleep, or died, costs one wake
// that nobody needed. Two ringers: the one whose CAS clears the bit wakes everybody, for both.
//
// Death: a ringer killed between clearing the bit and the wake strands the sleepers for at most `limit`. A dead
// sleeper leaves a bit and nothing else. There is no endless wait to be called by mistake: each names its bound.
#pragma once
#include <cstdint>

#include "transom/os/futex.hpp"
#include "transom/sync/atomic.hpp"

namespace transom::sync {

/// A futex word in memory that the processes share. Thread safety: any number of threads and processes may ring and
/// wait at once. See futex(2).
class doorbell {
 public:
  /// Wakes everybody who waits. Call after publishing what they wait for; no system call when nobody sleeps.
  void ring() noexcept {
    full_fence();  // F2 pairs with F1
    std::uint32_t word = word_.load(relaxed);
    while ((word & somebody) != 0) {
      if (word_.compare_exchange_weak(word, (word + one_ring) & ~somebody, relaxed, relaxed)) {
        os::futex_wake_all(&word_);
        return;
      }
    }
  }

  /// Wakes everybody, whether or not the word says that somebody sleeps: for those who clean up after the dead.
  void ring_loudly() noexcept {
    full_fence();  // F2 pairs with F1
    word_.fetch_add(one_ring, relaxed);
    os::futex_wake_all(&word_);
  }

  /// Sleeps until somebody rings, at most `limit`, unless `ready()` is true. May return early: callers loop. `ready`
  /// must read, with acquire, what the ringer publishes.
  template <typename Ready>
  void wait(Ready ready, os::bound limit) noexcept(noexcept(ready())) {
    const std::uint32_t seen = word_.fetch_or(somebody, relaxed) | somebody;
    full_fence();  // F1 pairs with F2
    if (!ready()) os::futex_wait(&word_, seen, limit);
  }

  /// Whether somebody may be asleep just now; no more than a hint.
  bool has_sleepers() const noexcept { return (word_.load(relaxed) & somebody) != 0; }

 private:
  static constexpr std::uint32_t somebody = 1, one_ring = 2;
  atomic<std::uint32_t> word_;
};
static_assert(sizeof(doorbell) == 4);

}  // namespace transom::sync
