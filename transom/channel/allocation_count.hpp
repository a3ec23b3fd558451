// transom/channel/allocation_count.hpp - counts every allocation of the thread, in this layer's tests.
#pragma once
#include <cstddef>

namespace transom::samples {

/// Grows by one with each operator new of this thread, aligned or not.
extern thread_local std::size_t allocations;

}  // namespace transom::samples
