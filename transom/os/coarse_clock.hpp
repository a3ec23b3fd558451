// transom/os/coarse_clock.hpp - the steady clock as it was at the kernel's last tick: at most 10 ms old, for a fifth of
// the price. For deciding that it is time to look at something once more.
#pragma once
#include <chrono>

#include <time.h>

namespace transom::os {

/// The time of std::chrono::steady_clock, to within a tick. clock_gettime(2), CLOCK_MONOTONIC_COARSE.
inline std::chrono::nanoseconds coarse_now() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

}  // namespace transom::os
