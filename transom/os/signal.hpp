// transom/os/signal.hpp - signals as messages: read from a descriptor, never handled.
//
// A signal sent to the process goes to any thread that does not block it. So make a signal_set before other
// threads: they inherit the mask.
//
// Merging: standard signals (below SIGRTMIN) of one number are one while they wait, and nobody is told how many were
// sent; that a signal came says "look", not "one more". Only a timer counts what was merged: signal_info::merged.
// Real-time signals queue, one entry each and in order, the lowest number first, up to RLIMIT_SIGPENDING per user. At
// that limit sigqueue() fails, and what others send with kill(2) comes without value, sender or count.
#pragma once
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <stop_token>
#include <utility>

#include "transom/base/clock.hpp"
#include "transom/base/error.hpp"
#include "transom/os/fd.hpp"

namespace transom::os {

/// A signal that arrived.
struct signal_info {
  int signo = 0;
  int value = 0;        ///< what sigqueue() gave; 0 for other signals
  int pid = 0;          ///< the sender; 0: the kernel, or a process that we cannot see
  unsigned uid = 0;     ///< the sender's real user
  unsigned merged = 0;  ///< of a timer_create(2) timer: expirations that this one stands for besides itself
};

/// What RLIMIT_SIGPENDING counts: signals of all processes of one user that wait with their value or sender.
struct signal_allowance {
  std::uint64_t waiting = 0, most = 0;
};
/// For the user of process `pid` (0: this one), and the limit of that process. Fails with no_peer; ENOENT without
/// /proc. proc_pid_status(5): SigQ.
result<signal_allowance> signals_waiting(int pid = 0);

/// A set of signals that this thread blocks and reads, as long as the object lives. The destructor unblocks those
/// that were not blocked before and consumes nothing: what still waits is then delivered, by default with its usual
/// effect. Destroy it in the thread that made it. Thread safety: wait from any thread. signalfd(2).
class signal_set {
 public:
  /// Throws transom::exception where make() fails.
  signal_set(std::initializer_list<int> signals) : signal_set(make(signals).or_throw()) {}
  /// Fails with invalid_argument for a number that is no signal, or SIGKILL or SIGSTOP, which nobody can hold back.
  static result<signal_set> make(std::initializer_list<int> signals);
  signal_set(signal_set&& other) noexcept : fd_(std::move(other.fd_)), added_(std::exchange(other.added_, 0)) {}
  signal_set& operator=(signal_set&& other) noexcept;
  ~signal_set() { restore(); }

  /// The next signal, the lowest number first. Waits for one; canceled when `stop` fires.
  result<signal_info> wait(std::stop_token stop = {}) const { return wait(patience::forever(std::move(stop))); }
  result<signal_info> wait(const patience& how) const;
  /// The same without waiting: would_block when there is none.
  result<signal_info> try_wait() const;
  /// The same for at most `d`: timed_out.
  template <typename Rep, typename Period>
  result<signal_info> wait_for(std::chrono::duration<Rep, Period> d, std::stop_token stop = {}) const {
    return wait(patience::until_time(deadline::after(d), std::move(stop)));
  }
  /// Readable while a signal waits.
  int fd() const noexcept { return fd_.get(); }

 private:
  signal_set(transom::fd owned, std::uint64_t added) noexcept : fd_(std::move(owned)), added_(added) {}
  void restore() noexcept;
  transom::fd fd_;
  std::uint64_t added_ = 0;  // bit n: signal n + 1, which we blocked and it was not before
};

/// Sends real-time (or any) signal `signo` with `value` to the process `pid`. Fails with no_peer when there is none,
/// operation_not_permitted, or would_block when the receiver's user has RLIMIT_SIGPENDING of them waiting; the detail
/// says how many. sigqueue(3).
result<void> sigqueue(int pid, int signo, int value);

/// Blocks every signal in this thread while it lives, so that threads and processes started meanwhile begin with
/// every signal blocked. Destroy it in the thread that made it.
class all_signals_blocked {
 public:
  all_signals_blocked() noexcept;
  all_signals_blocked(const all_signals_blocked&) = delete;
  all_signals_blocked& operator=(const all_signals_blocked&) = delete;
  ~all_signals_blocked();

 private:
  std::uint64_t before_ = 0;
};

}  // namespace transom::os
