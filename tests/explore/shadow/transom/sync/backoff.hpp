// tests/explore/shadow/transom/sync/backoff.hpp - what code under exploration gets instead of transom/sync/backoff.hpp:
// a loop that waits lets everybody else go on first.
#pragma once
#include "tests/explore/steps.hpp"

namespace transom::sync {

inline void relax() noexcept { explore::relax(); }

}  // namespace transom::sync
