// transom/os/membarrier.cpp - see membarrier.hpp.
#include "transom/os/membarrier.hpp"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>

#include "transom/os/fork_guard.hpp"

namespace transom::os {

namespace {

// The epoch in which the kernel was asked, twice, plus its answer. 0: never asked, because no epoch is 0. Threads that
// ask at the same time get the same answer and register a registered process, which changes nothing.
constinit std::atomic<std::uint64_t> known{0};

bool membarrier(int command) noexcept { return ::syscall(SYS_membarrier, command, 0, 0) == 0; }

}  // namespace

bool can_fence_others() noexcept {
  const std::uint64_t epoch = fork_epoch();
  const std::uint64_t answer = known.load(std::memory_order_relaxed);
  if (answer >> 1 == epoch) [[likely]]
    return (answer & 1) != 0;
  const bool can = membarrier(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED) && membarrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED);
  known.store(epoch << 1 | (can ? 1 : 0), std::memory_order_relaxed);
  return can;
}

bool fence_others() noexcept {
  // Ours first and always: the kernel's own happens only if it does not refuse.
#if !defined(__SANITIZE_THREAD__)
  std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
  return membarrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED);
}

}  // namespace transom::os
