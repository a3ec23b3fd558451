// transom/process/child.hpp - a process that this one started.
//
// Invariant: a child is a pidfd, so nothing here can hit a successor that got the same pid. Until the end has been
// waited for, the kernel keeps the pid.
#pragma once
#include <chrono>
#include <optional>
#include <stop_token>

#include "transom/base/clock.hpp"
#include "transom/base/error.hpp"
#include "transom/os/process.hpp"

namespace transom {

/// How a process ended: by itself with a code, or by a signal.
struct exit_status {
  int code = 0;
  int signal = 0;  ///< 0: it ended by itself
  bool success() const noexcept { return code == 0 && signal == 0; }
  friend bool operator==(const exit_status&, const exit_status&) = default;
};

/// Owns a started process. Moves, does not copy. The destructor kills (SIGKILL) and reaps a child that was neither
/// waited for nor detached: children are never leaked. Thread safety: one thread at a time, but kill() and pid() from
/// any. pidfd_open(2), waitid(2).
class child {
 public:
  explicit child(os::process started) noexcept : process_(std::move(started)) {}
  child(child&&) noexcept = default;
  child& operator=(child&& other) noexcept;
  ~child() { end(); }

  int pid() const noexcept { return process_ ? process_->pid() : 0; }
  /// Readable when it has ended.
  int fd() const noexcept { return process_ ? process_->fd() : -1; }
  /// Sends a signal. no_peer once it has ended.
  result<void> kill(int signo);
  /// Waits for its end and reaps it; again gives the same answer. canceled if the token fires first.
  result<exit_status> wait(std::stop_token stop = {}) { return wait(patience::forever(std::move(stop))); }
  result<exit_status> try_wait() { return wait(patience::none()); }
  template <typename Rep, typename Period>
  result<exit_status> wait_for(std::chrono::duration<Rep, Period> time, std::stop_token stop = {}) {
    return wait(patience::until_time(deadline::after(time), std::move(stop)));
  }
  template <typename Clock, typename Duration>
  result<exit_status> wait_until(std::chrono::time_point<Clock, Duration> when, std::stop_token stop = {}) {
    return wait(patience::until_time(deadline::at(when), std::move(stop)));
  }
  /// Lets it go on by itself. This process stays its parent, so a detached child that ends is a zombie until this
  /// process ends, unless SIGCHLD is ignored.
  void detach() noexcept { detached_ = true; }

 private:
  result<exit_status> wait(const patience& how);
  void end() noexcept;

  std::optional<os::process> process_;
  std::optional<exit_status> ended_;
  bool detached_ = false;
};

}  // namespace transom
