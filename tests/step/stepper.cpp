// tests/step/stepper.cpp - see stepper.hpp.
#include "tests/step/stepper.hpp"

#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <sys/user.h>
#endif

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <exception>
#include <unordered_map>

#include "transom/base/clock.hpp"

// From the linker: where our code begins and ends.
extern "C" const char __executable_start, etext;

namespace transom::step {
namespace {

// With PTRACE_O_TRACESYSGOOD, what a stop at a system call is told by.
constexpr int stopped_by_call = SIGTRAP | 0x80;

// Stops a child that does not come to a stop of its own; it never sees the signal.
constexpr int come_here = SIGUSR2;

void stop_here() noexcept { ::syscall(SYS_kill, ::syscall(SYS_getpid), SIGSTOP); }

// PTRACE requests are an enumeration in C++ and numbers to the kernel.
long trace_request(int request, pid_t pid, std::uintptr_t address, std::uintptr_t data) {
  return ::syscall(SYS_ptrace, static_cast<long>(request), pid, address, data);
}

}  // namespace

void begin() noexcept { stop_here(); }
void end() noexcept {
  for (;;) stop_here();
}

tracee::tracee(const std::function<void()>& body) : pid_(::fork()) {
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    trace_request(PTRACE_TRACEME, 0, 0, 0);
    int status = 0;
    try {
      body();
    } catch (const std::exception&) {
      status = 99;
    }
    ::_exit(status);
  }
  if (next_stop() == stop::mark) trace_request(PTRACE_SETOPTIONS, pid_, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
}

tracee::stop tracee::look(int status) {
  if (WIFSTOPPED(status)) {
    const int signal = WSTOPSIG(status);
    if (signal == SIGTRAP) return stop::step;
    if (signal == stopped_by_call) return stop::call;
    if (signal == SIGSTOP) return stop::mark;
    if (signal == come_here) return stop::late;
    fault_ = "signal " + std::to_string(signal);
    return stop::gone;
  }
  const bool exited = WIFEXITED(status);
  if (exited && WEXITSTATUS(status) == 0) at_end_ = true;
  else if (exited) fault_ = "exit status " + std::to_string(WEXITSTATUS(status));
  else fault_ = "signal " + std::to_string(WTERMSIG(status));
  pid_ = -1;
  return stop::gone;
}

tracee::stop tracee::next_stop() {
  if (pid_ <= 0) return stop::gone;
  int status = 0;
  while (::waitpid(pid_, &status, __WALL | WUNTRACED) == -1) {
    if (errno != EINTR) return stop::gone;
  }
  return look(status);
}

// The next stop, or wherever it is after a while. Needs SIGCHLD to be blocked, so that none is missed.
tracee::stop tracee::next_stop_soon() {
  sigset_t child;
  ::sigemptyset(&child);
  ::sigaddset(&child, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &child, nullptr);
  const deadline limit = deadline::after(std::chrono::milliseconds(10));
  for (bool called = false;;) {
    int status = 0;
    if (::waitpid(pid_, &status, __WALL | WUNTRACED | WNOHANG) == pid_) return look(status);
    if (!called && limit.expired()) {
      ::kill(pid_, come_here);
      called = true;
    }
    const timespec some{.tv_sec = 0, .tv_nsec = 2'000'000};
    ::sigtimedwait(&child, nullptr, &some);
  }
}

tracee::stop tracee::go(int request) {
  if (pid_ <= 0 || at_end_ || !fault_.empty()) return stop::gone;
  trace_request(request, pid_, 0, 0);
  const stop here = in_company_ ? next_stop_soon() : next_stop();
  if (here == stop::mark) at_end_ = true;
  return here;
}

#if defined(__x86_64__)
namespace {

constexpr std::uint64_t breakpoint = 0xcc;  // int3
constexpr std::size_t next_instruction = offsetof(user_regs_struct, rip);

// The child is a fork of ours: the code at its address is the code at ours.
bool is_system_call(std::uint64_t address) {
  std::uint16_t code = 0;
  std::memcpy(&code, reinterpret_cast<const void*>(address), sizeof code);
  return code == 0x050f;
}

bool in_our_text(std::uint64_t address) {
  return address >= reinterpret_cast<std::uint64_t>(&__executable_start) &&
         address < reinterpret_cast<std::uint64_t>(&etext);
}

}  // namespace

std::uint64_t tracee::place() const {
  std::uint64_t address = 0;
  // The system call stores the word where `data` points; only glibc's wrapper returns it.
  trace_request(PTRACE_PEEKUSER, pid_, next_instruction, reinterpret_cast<std::uintptr_t>(&address));
  return address;
}

// Runs until it meets `address` for the time that is asked for, and stands before that instruction. False: it met
// something else.
bool tracee::run_into(std::uint64_t address, std::uint32_t times) {
  std::uint64_t code = 0;
  trace_request(PTRACE_PEEKTEXT, pid_, address, reinterpret_cast<std::uintptr_t>(&code));
  for (std::uint32_t met = 1;; ++met) {
    trace_request(PTRACE_POKETEXT, pid_, address, (code & ~std::uint64_t{0xff}) | breakpoint);
    const stop here = go(PTRACE_CONT);
    if (pid_ <= 0) return false;
    trace_request(PTRACE_POKETEXT, pid_, address, code);
    if (here != stop::step) return false;
    trace_request(PTRACE_POKEUSER, pid_, next_instruction, address);
    if (met == times) return true;
    if (go(PTRACE_SINGLESTEP) != stop::step) return false;
  }
}
#else
namespace {
bool is_system_call(std::uint64_t) { return false; }
bool in_our_text(std::uint64_t) { return false; }
}  // namespace
std::uint64_t tracee::place() const { return 0; }
bool tracee::run_into(std::uint64_t, std::uint32_t) { return false; }
#endif

void trace::prepare() {
  constexpr std::uint32_t stops_of_a_breakpoint = 4;
  jumps.assign(places.size(), {});
  std::unordered_map<std::uint64_t, std::uint32_t> met;
  std::uint64_t cost = 0;
  for (std::size_t at = 0; at < places.size(); ++at, ++cost) {
    const std::uint32_t times = ++met[places[at]];
    if (at > 0) jumps[at] = jumps[at - 1];
    const std::uint64_t by_jump = std::uint64_t{times} * stops_of_a_breakpoint;
    if (!in_our_text(places[at]) || by_jump >= cost) continue;
    cost = by_jump;
    jumps[at] = {static_cast<std::uint32_t>(at), times};
  }
}

trace tracee::measure() {
  trace way;
  for (;;) {
    const std::uint64_t here = place();
    if (here != 0) way.places.push_back(here);
    if (here != 0 && is_system_call(here)) way.calls.push_back(way.instructions);
    const stop next = go(PTRACE_SINGLESTEP);
    if (next == stop::gone) return way;
    ++way.instructions;
    if (next == stop::mark) return way;
  }
}

void tracee::advance(const trace& known, std::uint64_t count) {
  std::uint64_t done = 0;
  if (count < known.jumps.size() && known.jumps[count].to != 0) {
    const auto [to, times] = known.jumps[count];
    if (!run_into(known.places[to], times)) return;
    done = to;
  }
  for (; done < count; ++done) {
    if (go(PTRACE_SINGLESTEP) != stop::step) return;
  }
}

void tracee::advance_beside(const trace& known, std::uint64_t count, bool exactly) {
  if (!exactly && !known.jumps.empty()) {
    in_company_ = true;
    advance(known, count);
    in_company_ = false;
    return;
  }
  // A call is behind us when we stand one after it.
  const auto passed = std::upper_bound(known.calls.begin(), known.calls.end(), count,
                                       [](auto wanted, auto call) { return wanted < call + 1; });
  for (auto call = known.calls.begin(); call != passed; ++call) {
    // One stop on the way in, one on the way out.
    if (go(PTRACE_SYSCALL) != stop::call || go(PTRACE_SYSCALL) != stop::call) return;
  }
  if (passed != known.calls.begin()) count -= *(passed - 1) + 1;
  while (count-- > 0) {
    if (go(PTRACE_SINGLESTEP) != stop::step) return;
  }
}

bool tracee::is_at(const trace& known, std::uint64_t count) const {
  if (known.places.empty()) return true;
  if (count >= known.places.size()) return at_end_;
  return pid_ > 0 && !at_end_ && place() == known.places[count];
}

void tracee::run_to_end() {
  while (!at_end_ && fault_.empty() && pid_ > 0) go(PTRACE_CONT);
}

void tracee::leave_stopped() {
  if (pid_ <= 0) return;
  if (!at_end_) ::kill(pid_, SIGSTOP);  // of its own accord it stops at end() only
  trace_request(PTRACE_DETACH, pid_, 0, at_end_ ? SIGSTOP : 0);
  next_stop();
}

void tracee::resume_to_end() {
  if (pid_ <= 0 || at_end_) return;
  ::kill(pid_, SIGCONT);
  if (next_stop() == stop::mark) at_end_ = true;
}

void tracee::kill() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  int status = 0;
  // Stops that were on their way may be reported first.
  while (::waitpid(pid_, &status, __WALL) != -1 || errno == EINTR) {
    if (!WIFSTOPPED(status)) break;
  }
  pid_ = -1;
}

}  // namespace transom::step
