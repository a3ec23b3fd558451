// transom/sync/waiting.hpp - one sleeper, any number of ringers, and no fence, system call or written line per message
// while the sleeper is awake.
//
// Two words: the wait word, which only the sleeper's process writes, and the bell, which only ringers write. So each
// may lie in memory that the other side cannot write.
//
//     sleeper                                     ringer
//     seen = bell                                 publish
//     wait word: next announcement, asleep        light fence F2
//     heavy fence F1       <----- paired ----->   if wait word != quiet:
//     if nothing is published:                        if asleep: bell += 1; wake all who sleep on the bell
//         futex_wait(bell, seen)                      quiet = wait word
//     wait word: awake
//
// Forbidden: the sleeper sees nothing published and the ringer sees no announcement. One of the fences comes first, and
// the other side's read comes after it.
//
// `quiet` is private to each ringer: the wait word it has dealt with last. One ring per announcement is enough, because
// every announcement has a number of its own and the bell was read before it: either the sleeper sleeps and is woken,
// or it does not yet and finds that the bell has changed. What a ringer publishes after that ring is found by the
// look that precedes the next announcement, or by the check that follows it.
//
// A sleeper that cannot fence for its ringers, or shares their processor, where that costs more than it saves, says
// must_fence: then each ring is a full fence and a second look.
//
// Ordering
//   E1  announce  the read of the bell  ->  whoever sees the announcement, and rings
//
// Death: a ringer killed between counting and waking strands the sleeper until its bound. A dead sleeper costs each
// ringer one wake. Announcements repeat after 2^26: a ringer that published nothing for exactly so many of them would
// take a new one for the old; the bound covers that too.
#pragma once
#include <cstdint>

#include "transom/os/futex.hpp"
#include "transom/sync/atomic.hpp"
#include "transom/sync/heavy_fence.hpp"

namespace transom::sync {

/// What a sleeper tells its ringers. Bits 6 and above count announcements. Lies in shared memory.
struct wait_word {
  static constexpr std::uint32_t asleep = 1;      ///< ring me
  static constexpr std::uint32_t by_fd = 2;       ///< and do it through my descriptor: I sleep in poll(2)
  static constexpr std::uint32_t closed = 4;      ///< I take nothing any more
  static constexpr std::uint32_t must_fence = 8;  ///< I do not fence for you
  static constexpr std::uint32_t one_announcement = 64;
  atomic<std::uint32_t> value;

  bool is_closed() const noexcept { return (value.load(acquire) & closed) != 0; }  // E1
};
/// What a sleeper sleeps on. Lies in shared memory.
struct bell_word {
  atomic<std::uint32_t> value;

  /// Wakes everybody, asleep or not: for those who leave, or clean up after the dead.
  void ring_loudly() noexcept {
    value.fetch_add(1, release);  // E1
    os::futex_wake_all(&value);
  }
};
static_assert(sizeof(wait_word) == 4 && sizeof(bell_word) == 4);

/// The sleeper's side; private memory. One thread at a time, except close().
class sleeper {
 public:
  sleeper() noexcept = default;
  sleeper(wait_word& mine, const bell_word& rung) noexcept : word_(&mine), bell_(&rung) {}

  /// First of all. Says what ringers must know about this process; goes on counting where a predecessor ended.
  void introduce() noexcept {
    const std::uint32_t counted = (word_->value.load(relaxed) | (wait_word::one_announcement - 1)) + 1;
    they_fence_ = !os::can_fence_others();
    word_->value.store(counted | (they_fence_ ? wait_word::must_fence : 0), release);  // E1
  }
  /// For who waits for ringers that run on his own processor, where the kernel's fence costs more than all of theirs:
  /// from now on they fence for themselves, or no longer do. Before announce(); cheap if nothing changes.
  void let_ringers_fence(bool yes) noexcept {
    if (yes == they_fence_ || !os::can_fence_others()) return;
    they_fence_ = yes;
    if (!yes) {
      word_->value.fetch_and(~wait_word::must_fence, relaxed);
      return;
    }
    word_->value.fetch_or(wait_word::must_fence, release);  // E1
    heavy_fence();                                          // F1: who has not seen it has published
  }
  /// Sleeps until somebody rings, at most `limit`, unless `ready()` is true. May return early: callers loop. `ready`
  /// must read, with acquire, what the ringers publish.
  template <typename Ready>
  void wait(Ready ready, os::bound limit) noexcept(noexcept(ready())) {
    const std::uint32_t seen = announce(0);
    if (!ready()) os::futex_wait(&bell_->value, seen, limit);
    stop_waiting();
  }
  /// Announces without sleeping, for waits in poll(2) (`how`: wait_word::by_fd) or on several words, and returns what
  /// the bell said before. The caller looks for what it waits for after this, sleeps, and calls stop_waiting().
  std::uint32_t announce(std::uint32_t how) noexcept {
    const std::uint32_t seen = bell_->value.load(relaxed);
    word_->value.fetch_and(~(wait_word::asleep | wait_word::by_fd), relaxed);
    word_->value.fetch_add(wait_word::one_announcement | wait_word::asleep | how, acq_rel);  // E1
    if (they_fence_) full_fence();                                                           // F1 pairs with F2
    else heavy_fence();                                                                      // F1 pairs with F2
    return seen;
  }
  void stop_waiting() noexcept { word_->value.fetch_and(~(wait_word::asleep | wait_word::by_fd), relaxed); }
  /// For other threads of this process that have published what it may wait for. No more than a hint before
  /// light_fence().
  bool is_asleep_after_all() const noexcept {
    light_fence();  // F2 pairs with F1
    return is_announced();
  }
  bool is_announced() const noexcept { return (word_->value.load(relaxed) & wait_word::asleep) != 0; }
  /// For ever. Any thread.
  void close() noexcept { word_->value.fetch_or(wait_word::closed, release); }  // E1
  const bell_word& bell() const noexcept { return *bell_; }

 private:
  wait_word* word_ = nullptr;
  const bell_word* bell_ = nullptr;
  bool they_fence_ = false;
};

/// A ringer's side; private memory. One thread at a time.
class ringer {
 public:
  ringer() noexcept = default;
  ringer(const wait_word& theirs, bell_word& mine) noexcept
      : word_(&theirs), bell_(&mine), alone_(!os::can_fence_others()) {
    const std::uint32_t word = theirs.value.load(acquire);  // E1
    quiet_ = (word & wait_word::asleep) != 0 ? ~word : quiet_for(word);
  }
  /// Wakes the sleeper if it sleeps. Call after publishing what it waits for. True: it sleeps in poll(2), and the
  /// caller makes its descriptor readable.
  [[nodiscard, gnu::always_inline]] bool ring() noexcept {
    light_fence();                                          // F2 pairs with F1
    const std::uint32_t word = word_->value.load(acquire);  // E1
    return word != quiet_ && ring_for(word);
  }
  /// The same without a memory of what was rung for: for any thread, when rings are rare.
  [[nodiscard]] bool ring_again() const noexcept {
    light_fence();                                    // F2 pairs with F1
    std::uint32_t word = word_->value.load(acquire);  // E1
    if (alone_ || (word & wait_word::must_fence) != 0) {
      full_fence();                       // F2 pairs with F1
      word = word_->value.load(acquire);  // E1
    }
    if ((word & wait_word::asleep) == 0) return false;
    bell_->ring_loudly();
    return (word & wait_word::by_fd) != 0;
  }
  /// Something about the sleeper has changed since the last look: it sleeps, woke up, or has closed. One load.
  bool has_news() const noexcept { return word_->value.load(relaxed) != quiet_; }
  bool peer_closed() const noexcept { return word_->is_closed(); }
  /// After a look at the news: it is dealt with, unless the peer sleeps and must still be rung for, or has closed.
  void note() noexcept {
    const std::uint32_t word = word_->value.load(relaxed);
    if ((word & wait_word::asleep) == 0) quiet_ = quiet_for(word);
  }

 private:
  [[gnu::noinline]] bool ring_for(std::uint32_t word) noexcept {
    if (alone_ || (word & wait_word::must_fence) != 0) {
      full_fence();                       // F2 pairs with F1
      word = word_->value.load(acquire);  // E1
    }
    quiet_ = quiet_for(word);
    if ((word & wait_word::asleep) == 0 || word == rung_) return false;
    rung_ = word;
    bell_->ring_loudly();
    return (word & wait_word::by_fd) != 0;
  }
  // What the wait word may go on saying without being news. That it has closed stays news, and so does each word where
  // we must look behind a fence of our own: no wait word is the complement of another.
  std::uint32_t quiet_for(std::uint32_t word) const noexcept {
    return alone_ || (word & (wait_word::must_fence | wait_word::closed)) != 0 ? ~word : word;
  }

  const wait_word* word_ = nullptr;
  bell_word* bell_ = nullptr;
  std::uint32_t quiet_ = 0, rung_ = 0;  // rung_: of the last ring
  bool alone_ = false;                  // the kernel fences neither for us nor for others
};

}  // namespace transom::sync
