// tests/explore/shadow/transom/sync/backoff.hpp - what code under exploration gets instead of transom/sync/backoff.hpp:
// a loop that waits lets everybody else go on first.
#pragma once
#include <chrono>

#include "tests/explore/steps.hpp"

namespace transom::sync {

inline constexpr int looks_before_sleep = 0;

inline void relax() noexcept { explore::relax(); }
/// Time is no step: what others do meanwhile they do in some schedule anyway.
inline void relax_for(std::chrono::nanoseconds) noexcept {}

}  // namespace transom::sync
