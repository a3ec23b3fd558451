// transom/sync/backoff.hpp - waiting a moment without the kernel.
#pragma once
#include <chrono>

#include "transom/base/clock.hpp"

namespace transom::sync {

/// Tells the processor that this is a waiting loop; some ten to a hundred cycles.
inline void relax() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
  asm volatile("yield");
#endif
}

/// How often a thread looks at a lock that is held before it sleeps: about as long as a sleep and a wake cost.
inline constexpr int looks_before_sleep = 100;

/// Passes about `time` without giving up the processor. For microseconds, where a sleep would cost more.
inline void relax_for(std::chrono::nanoseconds time) noexcept {
  const deadline end = deadline::after(time);
  do {
    for (int i = 0; i < 8; ++i) relax();
  } while (!end.expired());
}

}  // namespace transom::sync
