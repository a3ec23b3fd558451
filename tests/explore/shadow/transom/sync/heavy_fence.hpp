// tests/explore/shadow/transom/sync/heavy_fence.hpp - what code under exploration gets instead of
// transom/sync/heavy_fence.hpp: the compiler's fence and the kernel's as steps of the explorer's.
#pragma once
#include <source_location>

#include "tests/explore/steps.hpp"
#include "transom/os/membarrier.hpp"
#include "transom/sync/atomic.hpp"

namespace transom::sync {

inline void light_fence(std::source_location where = std::source_location::current()) noexcept {
  explore::light_fence(where);
}
inline void heavy_fence(std::source_location where = std::source_location::current()) noexcept {
  explore::heavy_fence(where);
}

}  // namespace transom::sync
