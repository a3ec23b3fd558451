// tests/step/stepper.hpp - runs a child one instruction at a time, and ends or stops it after any of them.
//
// A kill leaves a prefix of the victim's instructions, so whoever stands at each of them in turn has seen every kill
// there is. The child marks where what is to be looked at begins and ends; both marks are one system call that stops
// it (kill itself with SIGSTOP), which no step can be mistaken for.
//
// A system call is one step: a kill inside the kernel is a kill before it or after it, as far as memory can tell.
//
// To stand at instruction 30,000 without 30,000 stops, advance() sets a breakpoint at an address that measure() saw
// there and rarely before, lets the child run into it as often as that, and steps the rest (x86-64; elsewhere all is
// stepped). That needs a child that goes the same way as the measured one. One that meets somebody else may not: it
// may wait where the other one passed, or take another turn. advance_beside() therefore waits a bounded time for the
// breakpoint, and stands wherever the child is then; or, exactly, it runs from system call to system call and steps.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace transom::step {

/// In the child: here begins what is looked at, and here it ends. end() does not return: whatever the child holds, it
/// holds until it is killed.
void begin() noexcept;
[[noreturn]] void end() noexcept;

/// The way from begin() to end().
struct trace {
  std::uint64_t instructions = 0;
  std::vector<std::uint64_t> places;  ///< the address of each instruction; empty: unknown
  std::vector<std::uint64_t> calls;   ///< which of them are system calls

  /// Works out where breakpoints pay; after the rest is filled in.
  void prepare();
  struct jump {
    std::uint32_t to = 0;     ///< the best instruction to run into on the way here; 0: none
    std::uint32_t times = 0;  ///< how often its address is met until then
  };
  std::vector<jump> jumps;
};

/// A forked child under ptrace(2), standing at begin() when the constructor returns. It is killed and reaped with this
/// object, and by the kernel if this process dies first.
class tracee {
 public:
  explicit tracee(const std::function<void()>& body);
  tracee(const tracee&) = delete;
  tracee& operator=(const tracee&) = delete;
  ~tracee() { kill(); }

  /// Steps from begin() to end() and counts.
  trace measure();
  /// Stands after `count` instructions from begin(), or at end() if that comes first.
  void advance(const trace& known, std::uint64_t count);
  /// The same when another process may have changed the way. Exactly: after as many calls and instructions, and slowly.
  void advance_beside(const trace& known, std::uint64_t count, bool exactly);
  /// Whether it stands where the measured one stood after `count`.
  bool is_at(const trace& known, std::uint64_t count) const;
  /// Lets it run to end(). As long as that takes: whoever calls has a watchdog.
  void run_to_end();
  /// Lets go of it, stopped by SIGSTOP where it stands, until resume_to_end().
  void leave_stopped();
  void resume_to_end();
  /// SIGKILL, and waits until it is gone with all it had mapped and locked.
  void kill();

  /// What ended it before we did ("signal 11", "exit status 99"); empty: nothing.
  const std::string& fault() const noexcept { return fault_; }
  pid_t pid() const noexcept { return pid_; }

 private:
  enum class stop { step, call, mark, late, gone };
  stop go(int request);
  stop next_stop();
  stop next_stop_soon();
  stop look(int status);
  bool run_into(std::uint64_t address, std::uint32_t times);
  std::uint64_t place() const;

  pid_t pid_ = -1;
  bool at_end_ = false, in_company_ = false;
  std::string fault_;
};

}  // namespace transom::step
