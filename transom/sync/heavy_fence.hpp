// transom/sync/heavy_fence.hpp - the two halves of an asymmetric fence: the side that acts a hundred million times a
// second pays nothing, the side that is about to sleep pays for both.
//
//     often (light)                           rarely (heavy)
//     store X                                 store Y
//     light_fence()     <----- paired ----->  heavy_fence()
//     load Y                                  load X
//
// Forbidden: both loads miss both stores. heavy_fence() has the kernel run a full fence on every processor that runs a
// registered process just now, at some point between its own store and load; so the other side's two accesses lie
// before or after that point, and the compiler has kept them in order. Whoever is not running went through a full
// fence when it was switched out. membarrier(2), MEMBARRIER_CMD_GLOBAL_EXPEDITED.
//
// Both sides must be registered, which os::can_fence_others() does. A process where it says no (an old kernel, a
// seccomp filter) uses full_fence() as its light half, and tells its peers, before they attach, to do the same when
// it is the heavy half.
#pragma once
#include "transom/os/membarrier.hpp"
#include "transom/sync/atomic.hpp"

namespace transom::sync {

/// The half that costs nothing: it keeps the compiler from moving accesses across.
inline void light_fence() noexcept { std::atomic_signal_fence(seq_cst); }

/// The half that pays: one system call, some microseconds when others run. Without the kernel's help a full_fence().
inline void heavy_fence() noexcept {
  full_fence();
  if (os::can_fence_others()) os::fence_others();
}

}  // namespace transom::sync
