// transom/os/signal.cpp - signalfd(2), and masks changed by exactly what was asked for.
#include "transom/os/signal.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <string>
#include <string_view>

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
                     .uid = about.ssi_uid,
                     .merged = about.ssi_code == SI_TIMER ? about.ssi_overrun : 0};
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

result<signal_allowance> signals_waiting(int pid) {
  const std::string path = "/proc/" + (pid == 0 ? std::string("self") : std::to_string(pid)) + "/status";
  const auto where = [&] { return place(path); };
  auto opened = checked("open", where, [&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); });
  if (!opened) {
    const bool gone =
        opened.failed_with(std::errc::no_such_file_or_directory) && ::kill(pid, 0) == -1 && errno == ESRCH;
    return gone ? error(errc::no_peer, "open", where()).with_peer(pid) : opened.error();
  }
  const transom::fd file(*opened);
  std::array<char, 4096> text{};  // SigQ is within the first kilobyte
  auto size = checked("read", where, [&] { return ::read(file.get(), text.data(), text.size()); });
  if (!size) return size.error();
  const std::string_view all(text.data(), static_cast<std::size_t>(*size));
  constexpr std::string_view label = "\nSigQ:\t";  // then "waiting/most"
  signal_allowance found;
  if (const auto line = all.find(label); line != std::string_view::npos) {
    const char* const end = all.data() + all.size();
    const auto [slash, bad] = std::from_chars(all.data() + line + label.size(), end, found.waiting);
    if (bad == std::errc() && slash != end && std::from_chars(slash + 1, end, found.most).ec == std::errc()) {
      return found;
    }
  }
  return error::system(EINVAL, "read", where()).with_detail("no SigQ in it");
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
  std::string why = "too many signals wait: RLIMIT_SIGPENDING (ulimit -i) of the receiver's user";
  if (const auto now = signals_waiting(pid)) {
    why += " is " + std::to_string(now->most) + ", " + std::to_string(now->waiting) + " wait";
  }
  return error(errc::would_block, "sigqueue", place("pid " + std::to_string(pid))).with_detail(why);
}

all_signals_blocked::all_signals_blocked() noexcept {
  sigset_t all;
  ::sigfillset(&all);
  before_ = change_mask(SIG_BLOCK, all);
}

all_signals_blocked::~all_signals_blocked() { change_mask(SIG_SETMASK, set_of(before_)); }

}  // namespace transom::os
