// transom/os/signal_handler.cpp - one table, one handler; see signal_handler.hpp.
//
// Ordering: one edge to what a handler reads, one question that closes it.
//   E1  install  the effect's fields -> a handler that sees the row as active
//   F1  a handler counts itself in, then looks whether the row is active
//   F2  reset() makes the row idle, then looks whether anybody is counted in
// Forbidden: both look and see the other's past; a handler would then write to what is gone. Hence seq_cst on both.
//
// SUBTLE: reset() may be interrupted by the very handler it waits for. That one finishes first, so the wait ends.
#include "transom/os/signal_handler.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <string>

#include "transom/os/fd.hpp"
#include "transom/os/fork_guard.hpp"
#include "transom/os/futex.hpp"
#include "transom/os/pipe.hpp"
#include "transom/os/syscall.hpp"

namespace transom::os {

struct signal_handler::effect {
  std::atomic<bool>* flag = nullptr;
  std::atomic<std::uint32_t>* word = nullptr;
  void* event = nullptr;
  void (*notify)(void*) noexcept = nullptr;
  int fd = -1;
};

namespace {

static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<std::uint32_t>::is_always_lock_free);
static_assert(sizeof(std::atomic<std::uint32_t>) == 4, "the word is a futex");

enum class row_state : std::uint8_t { idle, claimed, active };

struct row {
  std::atomic<row_state> state{row_state::idle};
  std::atomic<std::uint32_t> running{0}, times{0};
  std::atomic<std::atomic<bool>*> flag{nullptr};
  std::atomic<std::atomic<std::uint32_t>*> word{nullptr};
  std::atomic<void*> event{nullptr};
  std::atomic<void (*)(void*) noexcept> notify{nullptr};
  std::atomic<int> fd{-1};
  std::atomic<std::uint32_t> epoch{0};  // of the process that installed it
  struct sigaction before{};
};
std::array<row, _NSIG> rows;

using enum std::memory_order;

void perform(row& own, int signo) noexcept {
  if (own.epoch.load(relaxed) != fork_epoch()) {
    ::sigaction(signo, &own.before, nullptr);
    ::raise(signo);  // blocked until this handler returns
    return;
  }
  own.times.fetch_add(1, relaxed);
  if (auto* flag = own.flag.load(relaxed)) flag->store(true, release);
  if (auto* word = own.word.load(relaxed)) {
    word->fetch_add(1, release);
    futex_wake_all(word);
  }
  if (void* event = own.event.load(relaxed)) own.notify.load(relaxed)(event);
  if (const int fd = own.fd.load(relaxed); fd >= 0) {
    const auto byte = static_cast<unsigned char>(signo);
    const buffer one{&byte, 1};
    // No room: whoever reads has something to read. Nobody reads: not a reason to raise SIGPIPE. A failure of this
    // call allocates nothing.
    try_write_pipe(fd, {&one, 1}, place()).ignore();
  }
}

void on_signal(int signo) {
  const int number = errno;
  row& own = rows[static_cast<std::size_t>(signo)];
  own.running.fetch_add(1, seq_cst);                                      // F1 pairs with F2
  if (own.state.load(seq_cst) == row_state::active) perform(own, signo);  // E1
  own.running.fetch_sub(1, release);
  errno = number;
}

place signal_place(int signo) { return place("signal " + std::to_string(signo)); }

// Why nobody can have a handler for it, or nothing.
const char* refusal(int signo) noexcept {
  switch (signo) {
    case SIGKILL:
    case SIGSTOP: return "nobody can handle it";
    case SIGSEGV:
    case SIGBUS:
    case SIGFPE:
    case SIGILL: return "it comes again as soon as a handler returns";
    default: break;
  }
  sigset_t set;
  ::sigemptyset(&set);
  return ::sigaddset(&set, signo) == 0 ? nullptr : "no signal that a program can use";
}

}  // namespace

result<signal_handler> signal_handler::install(int signo, const effect& what) {
  if (const char* why = refusal(signo)) {
    return error::system(EINVAL, "sigaction", signal_place(signo)).with_detail(why);
  }
  row& own = rows[static_cast<std::size_t>(signo)];
  auto idle = row_state::idle;
  if (!own.state.compare_exchange_strong(idle, row_state::claimed, acquire, relaxed)) {
    return error::system(EBUSY, "sigaction", signal_place(signo)).with_detail("it has a signal_handler already");
  }
  transom::fd copy;
  if (what.fd >= 0) {
    auto number = checked(
        "fcntl(F_DUPFD_CLOEXEC)", [&] { return fd_place(what.fd); },
        [&] { return ::fcntl(what.fd, F_DUPFD_CLOEXEC, 0); });
    if (!number) {
      own.state.store(row_state::idle, release);
      return number.error();
    }
    copy = transom::fd(*number);
  }
  own.flag.store(what.flag, relaxed);
  own.word.store(what.word, relaxed);
  own.event.store(what.event, relaxed);
  own.notify.store(what.notify, relaxed);
  own.fd.store(copy.release(), relaxed);
  own.epoch.store(fork_epoch(), relaxed);
  own.times.store(0, relaxed);
  own.state.store(row_state::active, release);  // E1

  struct sigaction handle{};
  handle.sa_handler = &on_signal;
  handle.sa_flags = SA_RESTART;
  ::sigfillset(&handle.sa_mask);
  ::sigaction(signo, &handle, &own.before);  // with a signal that refusal() lets pass it cannot fail
  return signal_handler(signo);
}

result<signal_handler> signal_handler::set_flag(int signo, std::atomic<bool>& flag) {
  return install(signo, {.flag = &flag});
}

result<signal_handler> signal_handler::bump(int signo, std::atomic<std::uint32_t>& word) {
  return install(signo, {.word = &word});
}

result<signal_handler> signal_handler::bump_with(int signo, void* event, void (*notify)(void*) noexcept) {
  return install(signo, {.event = event, .notify = notify});
}

result<signal_handler> signal_handler::write_byte(int signo, int fd) {
  const int flags = retried([&] { return ::fcntl(fd, F_GETFL); });
  if (flags == -1) {
    const int number = errno;
    return error::system(number, "fcntl(F_GETFL)", fd_place(fd));
  }
  if ((flags & O_NONBLOCK) == 0) {
    return error::system(EINVAL, "sigaction", fd_place(fd))
        .with_detail("a handler writes to a non-blocking descriptor");
  }
  return install(signo, {.fd = fd});
}

std::uint32_t signal_handler::times() const noexcept {
  return signo_ == 0 ? 0 : rows[static_cast<std::size_t>(signo_)].times.load(relaxed);
}

void signal_handler::reset() noexcept {
  const int signo = std::exchange(signo_, 0);
  if (signo == 0) return;
  row& own = rows[static_cast<std::size_t>(signo)];
  ::sigaction(signo, &own.before, nullptr);
  own.state.store(row_state::claimed, seq_cst);  // F2 pairs with F1
  // In a child of fork() nobody runs but this thread; one that was in a handler at the fork is still counted in.
  if (own.epoch.load(relaxed) == fork_epoch()) {
    while (own.running.load(seq_cst) != 0) ::sched_yield();
  } else {
    own.running.store(0, relaxed);
  }
  const transom::fd copy(own.fd.exchange(-1, relaxed));  // closed here
  own.state.store(row_state::idle, release);
}

}  // namespace transom::os
