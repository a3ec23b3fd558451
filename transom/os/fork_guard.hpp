// transom/os/fork_guard.hpp - a number that changes when the process forks, so that a handle can notice that it has
// become a copy in a child: it keeps the epoch of its birth and compares.
//
// The number lives in a page that the kernel hands to a child as zeros (MADV_WIPEONFORK), whichever way the child
// was made: fork(), clone(), a system call of somebody's own. Where the kernel lacks that, pthread_atfork stands in.
#pragma once
#include <atomic>
#include <cstdint>

namespace transom::os {

namespace detail {
extern std::atomic<const std::atomic<std::uint32_t>*> epoch_word;
std::uint32_t begin_epoch() noexcept;
}  // namespace detail

/// The epoch of this process: never 0, the same in all its threads, and different from what it was before the fork
/// that made this process. Unrelated processes, and siblings, may have equal ones. A child of vfork() or
/// clone(CLONE_VM) shares the memory and therefore the epoch. Two loads and a compare; any thread, signal handlers
/// included. madvise(2).
inline std::uint32_t fork_epoch() noexcept {
  // acquire pairs with begin_epoch()'s release: the page is ready before its address can be seen.
  const std::uint32_t epoch = detail::epoch_word.load(std::memory_order_acquire)->load(std::memory_order_relaxed);
  if (epoch != 0) [[likely]]
    return epoch;
  return detail::begin_epoch();
}

/// Where the epoch stands: for those who compare it with that of their birth a hundred million times a second. Zero, or
/// another number, in a child.
inline const std::atomic<std::uint32_t>& fork_epoch_word() noexcept {
  fork_epoch();  // so that there is one
  return *detail::epoch_word.load(std::memory_order_acquire);
}

}  // namespace transom::os
