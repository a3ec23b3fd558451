// transom/os/futex.cpp - see futex.hpp.
#include "transom/os/futex.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <ctime>

#include "transom/base/ensure.hpp"

namespace transom::os {

namespace {

using std::chrono::nanoseconds;

constexpr nanoseconds longest = std::chrono::hours(1);
constexpr nanoseconds slice = std::chrono::milliseconds(1);

constexpr long sys_futex_waitv = 449;  // Linux 5.16, the same number on every architecture
constexpr std::size_t most_words = FUTEX_WAITV_MAX;

// What a kernel or a filter refused once it refuses for ever, in children too.
constinit std::atomic<bool> no_waitv{false};

timespec as_timespec(nanoseconds time) noexcept {
  return {.tv_sec = time.count() / 1'000'000'000, .tv_nsec = time.count() % 1'000'000'000};
}

// The clock by which the kernel ends a futex_waitv(2).
nanoseconds monotonic_now() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::chrono::seconds(now.tv_sec) + nanoseconds(now.tv_nsec);
}

bool changed(const futex_word& one) noexcept {
  return __atomic_load_n(static_cast<const std::uint32_t*>(one.word), __ATOMIC_RELAXED) != one.seen;
}

bool wait_in_slices(std::span<const futex_word> words, nanoseconds until) noexcept {
  for (;;) {
    for (const futex_word& one : words)
      if (changed(one)) return true;
    const nanoseconds left = until - monotonic_now();
    if (left <= nanoseconds(0)) return false;
    if (futex_wait(words.front().word, words.front().seen, {std::min(left, slice)})) return true;
  }
}

}  // namespace

bool futex_wait(const void* word, std::uint32_t seen, bound limit) noexcept {
  const timespec left = as_timespec(std::clamp(limit.at_most, nanoseconds(0), longest));
  // EINTR and EAGAIN are early returns, which every caller expects: not retried here, where the time already slept
  // is not known.
  const long woken = ::syscall(SYS_futex, word, FUTEX_WAIT, seen, &left, nullptr, 0);
  if (woken == 0) return true;
  const int number = errno;
  detail::ensure(number == ETIMEDOUT || number == EAGAIN || number == EINTR,
                 "a futex word is mapped and aligned to 4 bytes");
  return number != ETIMEDOUT;
}

int futex_wake(const void* word, int count) noexcept {
  const long woken = ::syscall(SYS_futex, word, FUTEX_WAKE, count, nullptr, nullptr, 0);
  return woken > 0 ? static_cast<int>(woken) : 0;
}

int futex_wake_all(const void* word) noexcept { return futex_wake(word, INT_MAX); }

bool futex_wait_any(std::span<const futex_word> words, bound limit) noexcept {
  detail::ensure(!words.empty(), "a sleep needs a word to sleep on");
  const nanoseconds until = monotonic_now() + std::clamp(limit.at_most, nanoseconds(0), longest);
  if (words.size() > most_words || no_waitv.load(std::memory_order_relaxed)) return wait_in_slices(words, until);
  std::array<futex_waitv, most_words> all;
  for (std::size_t i = 0; i < words.size(); ++i) {
    all[i] = {.val = words[i].seen,
              .uaddr = reinterpret_cast<std::uintptr_t>(words[i].word),
              .flags = FUTEX_32,
              .__reserved = 0};
  }
  const timespec end = as_timespec(until);
  const long woken = ::syscall(sys_futex_waitv, all.data(), words.size(), 0, &end, CLOCK_MONOTONIC);
  if (woken >= 0) return true;
  const int number = errno;
  if (number == ENOSYS || number == EPERM) {
    no_waitv.store(true, std::memory_order_relaxed);
    return wait_in_slices(words, until);
  }
  // ENOMEM: no memory to remember the words by. Early returns are expected; a caller that loops tries again.
  detail::ensure(number == ETIMEDOUT || number == EAGAIN || number == EINTR || number == ENOMEM,
                 "futex words are mapped and aligned to 4 bytes");
  return number != ETIMEDOUT;
}

}  // namespace transom::os
