// bench/goals/ticks.hpp - the cheapest clock there is, and the pause of a polling loop.
//
// On x86 the time stamp counter, 10 ns a look where the clock of the library takes 25; how long a tick is comes from
// the library's clock at both ends of the run itself. The hold of a sparse round trip is measured by the other process
// in ticks and subtracted here: that needs equal rates on both cores, not equal values.
#pragma once
#include <chrono>
#include <cstdint>

namespace goals {

inline std::uint64_t ticks() noexcept {
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();
#else
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
#endif
}

inline void pause() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb");
#endif
}

/// Learns the length of a tick between its construction and the question.
class tick_ruler {
 public:
  double ns_per_tick() const {
    const double passed = std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - begun_).count();
    return passed / static_cast<double>(ticks() - first_);
  }

 private:
  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  std::uint64_t first_ = ticks();
};

}  // namespace goals
