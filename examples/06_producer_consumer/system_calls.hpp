// examples/06_producer_consumer/system_calls.hpp - how many system calls processes make from now until they end,
// counted as strace(1) does: by stopping them at each. Needs no privilege for one's own children.
#pragma once
#include <sys/ptrace.h>
#include <sys/wait.h>

#include <csignal>
#include <span>

/// The calls of all `pids` together, which are children of ours, from `begin()` until all have ended; they are reaped.
/// -1: not allowed.
template <typename Begin>
long count_system_calls(std::span<const int> pids, Begin begin) {
  std::size_t alive = 0;
  for (const int pid : pids) {
    if (::ptrace(PTRACE_SEIZE, pid, nullptr, PTRACE_O_TRACESYSGOOD) != 0) return -1;
    ::ptrace(PTRACE_INTERRUPT, pid, nullptr, nullptr);
    ++alive;
  }
  begin();
  long stops = 0;
  for (int status = 0; alive > 0;) {
    const int pid = ::waitpid(-1, &status, __WALL);
    if (pid < 0) return -1;
    if (!WIFSTOPPED(status)) {
      --alive;
      continue;
    }
    const bool at_a_call = WSTOPSIG(status) == (SIGTRAP | 0x80);
    stops += at_a_call ? 1 : 0;
    const bool a_signal = !at_a_call && status >> 16 == 0;
    ::ptrace(PTRACE_SYSCALL, pid, nullptr, a_signal ? WSTOPSIG(status) : 0);
  }
  return stops / 2;  // each call stops at its entry and at its exit
}
