// transom/os/futex.hpp - sleep until a word that several processes share changes. The only way to sleep on memory,
// and it takes a bound: a waker that is killed between its store and its wake wakes nobody, so whoever sleeps must
// come back and look for itself.
//
// The futexes are shared ones (no FUTEX_PRIVATE_FLAG): they work across processes and across different addresses of
// the same memory, and the same call serves threads of one process.
#pragma once
#include <chrono>
#include <cstdint>
#include <span>

namespace transom::os {

/// The longest a sleep may last. There is no endless one: more than an hour is an hour, less than nothing is nothing.
struct bound {
  std::chrono::nanoseconds at_most;
};

/// Sleeps while the u32 at `word`, which is aligned to 4 bytes, has the value `seen`, until somebody wakes it or
/// `limit` has passed. May return early for no reason: callers look at the word and loop. False: the limit passed.
/// The memory may be mapped read-only. Any thread, any process. futex(2): FUTEX_WAIT.
bool futex_wait(const void* word, std::uint32_t seen, bound limit) noexcept;

/// Wakes at most `count` sleepers on `word` and returns how many it woke. One system call whether or not anybody
/// sleeps. Any thread, any process; safe in a signal handler. futex(2): FUTEX_WAKE.
int futex_wake(const void* word, int count) noexcept;

/// Wakes all sleepers on `word` and returns how many there were.
int futex_wake_all(const void* word) noexcept;

/// A word and the value that it must still have for a sleep to begin.
struct futex_word {
  const void* word = nullptr;
  std::uint32_t seen = 0;
};

/// futex_wait() on several words at once: sleeps while each has the value that was seen, until somebody wakes any of
/// them or `limit` has passed. At least one word. Linux 5.16; on older kernels, where a filter refuses it, and beyond
/// 128 words, it sleeps on the first word and looks at the others each millisecond. futex_waitv(2).
bool futex_wait_any(std::span<const futex_word> words, bound limit) noexcept;

}  // namespace transom::os
