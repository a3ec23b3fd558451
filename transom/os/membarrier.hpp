// transom/os/membarrier.hpp - one side pays for both fences. Where one side of a store-load pair runs a million times
// as often as the other, the frequent side needs a compiler fence only if the rare side makes every other CPU execute
// a full fence instead:
//
//     frequent (can_fence_others())           rare
//     store x (relaxed)                       store y (relaxed)
//     std::atomic_signal_fence(seq_cst)       fence_others()
//     load y                                  load x            forbidden: both loads miss the other's store
//
// The kernel interrupts each CPU that runs a registered process; a process that is not running meanwhile passed a full
// fence when it was switched out. Hence a fence at some instant between the two accesses of the rare side, on each
// side, whatever the frequent side was executing. It reaches registered processes only: whoever relies on a compiler
// fence asks can_fence_others() before, in each process.
#pragma once

namespace transom::os {

/// Registers this process for the fences of others, once (and again in a child of fork()), and says whether the kernel
/// does both sides of the exchange: false where membarrier(2) is missing (Linux before 4.16, emulators) or refused by
/// a seccomp filter; then both sides need full fences. Afterwards two loads and a compare. The first call of a process
/// that has threads already may take some ms. Any thread. membarrier(2): MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED.
bool can_fence_others() noexcept;

/// A full fence here, and one on every CPU that runs a thread of a registered process (this one's threads included):
/// all that such a thread did before it is visible to us after, and what we did before is visible to what it does
/// after. One system call and an interrupt for each of those CPUs, about 1 to 5 us. Only if can_fence_others(); false:
/// the kernel refused now, and no more than a full fence of our own happened. Any thread; safe in a signal handler.
/// membarrier(2): MEMBARRIER_CMD_GLOBAL_EXPEDITED.
bool fence_others() noexcept;

}  // namespace transom::os
