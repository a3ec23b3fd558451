// transom/os/signal.cpp - signalfd(2), and masks changed by exactly what was asked for.
#include "transom/os/signal.hpp"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <string>

#include "transom/os/poll.hpp"
#include "transom/os/syscall.hpp"

namespace transom::os {
namespace {

static_assert(_NSIG == 65, "a mask has a bit for each of 64 signals");

constexpr std::uint64_t bit(int signo) noexcept { return std::uint64_t{1} << (signo - 1); }

std::uint64_t bits_of(const sigset_t& set) noexcept {
  std::uint64_t bits = 0;
  for (int signo = 1; signo < _NSIG; ++signo) {
    if (::sigismember(&set, signo) == 1) bits |= bit(signo);
  }
  return bits;
}

sigset_t set_of(std::uint64_t bits) noexcept {
  sigset_t set;
  ::sigemptyset(&set);
  for (int signo = 1; signo < _NSIG; ++signo) {
    if ((bits & bit(signo)) != 0) ::sigaddset(&set, signo);
  }
  return set;
}

// Changes this thread's mask and returns what it was. With these arguments it cannot fail.
std::uint64_t change_mask(int how, const sigset_t& by) noexcept {
  sigset_t before;
  ::pthread_sigmask(how, &by, &before);
  return bits_of(before);
}

place signal_place(int signo) { return place("signal " + std::to_string(signo)); }

}  // namespace

result<signal_set> signal_set::make(std::initializer_list<int> signals) {
  sigset_t wanted;
  ::sigemptyset(&wanted);
  for (const int signo : signals) {
    if (signo == SIGKILL || signo == SIGSTOP) {
      return error::system(EINVAL, "signalfd", signal_place(signo)).with_detail("nobody can hold it back");
    }
    if (::sigaddset(&wanted, signo) != 0) {
      return error::system(EINVAL, "signalfd", signal_place(signo)).with_detail("no signal that a program can use");
    }
  }
  auto made = checked(
      "signalfd", [] { return place("signal_set"); },
      [&] { return ::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK); });
  if (!made) return made.error();
  transom::fd owner(*made);
  const std::uint64_t before = change_mask(SIG_BLOCK, wanted);
  return signal_set(std::move(owner), bits_of(wanted) & ~before);
}

signal_set& signal_set::operator=(signal_set&& other) noexcept {
  if (this == &other) return *this;
  restore();
  fd_ = std::move(other.fd_);
  added_ = std::exchange(other.added_, 0);
  return *this;
}

void signal_set::restore() noexcept {
  const std::uint64_t added = std::exchange(added_, 0);
  if (added != 0) change_mask(SIG_UNBLOCK, set_of(added));
}

result<signal_info> signal_set::try_wait() const {
  signalfd_siginfo about{};
  auto size =
      attempted("wait", [] { return place("signal_set"); }, [&] { return ::read(fd_.get(), &about, sizeof about); });
  if (!size) return size.error();
  return signal_info{.signo = static_cast<int>(about.ssi_signo),
                     .value = about.ssi_int,
                     .pid = static_cast<int>(about.ssi_pid),
                     .uid = about.ssi_uid};
}

result<signal_info> signal_set::wait(const patience& how) const {
  if (how.stop.stop_requested()) return error(errc::canceled, "wait", place("signal_set"));
  for (;;) {
    auto came = try_wait();
    if (came || came.error() != errc::would_block) return came;
    auto ready = wait_ready(fd_.get(), interest::readable, how, "wait", place("signal_set"));
    if (!ready) return ready.error();
  }
}

result<void> sigqueue(int pid, int signo, int value) {
  auto sent = done(
      "sigqueue", [&] { return place("pid " + std::to_string(pid)); },
      [&] {
        sigval with{};
        with.sival_int = value;
        return ::sigqueue(pid, signo, with);
      });
  if (sent) return sent;
  const error& reason = sent.error();
  if (reason == std::errc::no_such_process) {
    return error(errc::no_peer, "sigqueue", place("pid " + std::to_string(pid))).with_peer(pid);
  }
  if (reason != std::errc::resource_unavailable_try_again) return reason;
  return error(errc::would_block, "sigqueue", place("pid " + std::to_string(pid)))
      .with_detail("too many signals wait: RLIMIT_SIGPENDING (ulimit -i) of the receiver's user");
}

all_signals_blocked::all_signals_blocked() noexcept {
  sigset_t all;
  ::sigfillset(&all);
  before_ = change_mask(SIG_BLOCK, all);
}

all_signals_blocked::~all_signals_blocked() { change_mask(SIG_SETMASK, set_of(before_)); }

}  // namespace transom::os
