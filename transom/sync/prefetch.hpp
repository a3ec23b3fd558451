// transom/sync/prefetch.hpp - asking for a cache line before it is needed. A hint: it changes nothing that can be seen.
//
// Written out for x86-64: GCC drops calls of a function in which there is nothing but its builtin, and says "for
// writing" only for processors that are known to understand it (the others take it for no operation).
#pragma once

namespace transom::sync {

/// The line will be read soon.
[[gnu::always_inline]] inline void prefetch_for_reading(const void* at) noexcept {
#if defined(__x86_64__)
  asm volatile("prefetcht0 %0" : : "m"(*static_cast<const char*>(at)));
#else
  __builtin_prefetch(at, 0);
#endif
}

/// The line will be written soon: this processor takes it from whoever has it.
[[gnu::always_inline]] inline void prefetch_for_writing(const void* at) noexcept {
#if defined(__x86_64__)
  asm volatile("prefetchw %0" : : "m"(*static_cast<const char*>(at)));
#else
  __builtin_prefetch(at, 1);
#endif
}

}  // namespace transom::sync
