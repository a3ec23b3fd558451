// transom/os/process.hpp - a process held by a pidfd: the number may be given to somebody else, the handle not.
//
// Death: the handle outlives the process. It becomes readable when the last thread has ended, also for whoever is
// not the parent; how it ended only the parent learns, once, by wait().
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "transom/base/clock.hpp"
#include "transom/base/error.hpp"
#include "transom/os/fd.hpp"

namespace transom::os {

/// How a process ended: by itself with `code`, or by `signal`.
struct exit_state {
  int code = 0;
  int signal = 0;  ///< 0: it ended by itself
  friend bool operator==(const exit_state&, const exit_state&) = default;
};

/// Owns a pidfd. The destructor lets go of the handle; the process goes on, and a child stays to be reaped.
/// Thread safety: wait() and try_wait() one thread at a time, the rest from any. pidfd_open(2).
class process {
 public:
  /// A handle on the process `pid`. Fails with no_peer when there is none, unsupported before Linux 5.3.
  static result<process> open(int pid);
  static result<process> self();
  /// Takes over an open pidfd of the process `pid`.
  process(transom::fd owned, int pid) noexcept : fd_(std::move(owned)), pid_(pid) {}

  int fd() const noexcept { return fd_.get(); }  ///< readable when it has ended
  transom::fd release() && noexcept { return std::move(fd_); }
  int pid() const noexcept { return pid_; }

  /// Fails with no_peer once it has ended, operation_not_permitted if it is somebody else's. pidfd_send_signal(2).
  result<void> send_signal(int signo) const;
  /// Whether it has ended; a zombie has.
  result<bool> has_ended() const;
  /// Waits for the end of any process, child or not, and leaves the exit state to its parent.
  result<void> wait_ended(const patience& how = {}) const;
  /// Waits for the end of a child of ours, reaps it, and answers the same again when asked again. Fails with
  /// no_child_process if it is not ours, was reaped by somebody else, or SIGCHLD is ignored. waitid(2).
  result<exit_state> wait(const patience& how = {});
  /// The same without waiting: would_block while it runs.
  result<exit_state> try_wait();

 private:
  transom::fd fd_;
  int pid_ = 0;
  std::optional<exit_state> ended_;
};

/// What tells one process from every other, also from a later one with the same pid.
struct process_identity {
  std::int32_t pid = 0;             ///< in its own pid namespace
  std::uint32_t uid = 0;            ///< effective
  std::uint64_t start_time = 0;     ///< clock ticks since boot; 0: /proc is not to be had
  std::uint64_t pid_namespace = 0;  ///< inode of the namespace; 0: /proc is not to be had
  std::uint64_t pidfs_inode = 0;    ///< unique until the next boot; 0 before Linux 6.9
  std::array<std::byte, 16> boot_id{};
  std::array<char, 16> comm{};  ///< name, ended by a zero
  friend bool operator==(const process_identity&, const process_identity&) = default;
};

/// Never fails: what cannot be learnt is 0. Asks the kernel each time, so it is right after fork().
process_identity identity_of_self() noexcept;
/// The start of process `pid` in clock ticks since boot, field 22 of /proc/PID/stat. Fails with no_peer.
result<std::uint64_t> start_time_of(int pid);
/// The unique inode of a pidfd; 0 before Linux 6.9.
std::uint64_t pidfs_inode_of(const process& whose) noexcept;

}  // namespace transom::os
