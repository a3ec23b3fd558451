// transom/os/futex.cpp - see futex.hpp.
#include "transom/os/futex.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <ctime>

#include "transom/base/ensure.hpp"

namespace transom::os {

namespace {
constexpr std::chrono::nanoseconds longest = std::chrono::hours(1);
}

bool futex_wait(const void* word, std::uint32_t seen, bound limit) noexcept {
  const auto ns = std::clamp(limit.at_most, std::chrono::nanoseconds(0), longest).count();
  const timespec left{.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000};
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

}  // namespace transom::os
