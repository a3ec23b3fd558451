// transom/os/signal_handler.hpp - handlers for which nothing unsafe can be written.
//
// A handler runs between two instructions of whatever its thread was doing: inside malloc, with a lock held. Next to
// nothing may be called there (signal-safety(7)), so nothing of the caller's is: the handler is this library's, and it
// does one of three things, none of which locks, allocates or waits. Who can wait for a descriptor takes a signal_set
// instead; this is for code that looks at a flag while it computes, and for loops that wait for a word or a pipe.
//
// Invariants
//   I1  No code of the user's runs in a handler. It keeps errno, and interrupts no system call that can be restarted.
//   I2  When the destructor returns no handler is running, in any thread, so what it wrote to may go.
//   I3  A child's signal does not wake its parent: in a child of fork() the first one brings back what was there before
//       the handler, and is raised again.
#pragma once
#include <atomic>
#include <cstdint>
#include <string_view>
#include <utility>

#include "transom/base/error.hpp"

namespace transom::os {

/// A sync::event, which this layer does not know: what has its name and a notify() that is safe in handlers.
template <typename T>
concept event_to_bump = T::shared_name == std::string_view("event") && requires(T& event) {
  { event.notify() } noexcept;
};

/// Handles one signal of this process as long as it lives; the destructor brings back what was there before. Moves,
/// does not copy. One handler per signal: EBUSY for a second. EINVAL for what is no signal, for SIGKILL and SIGSTOP,
/// and for SIGSEGV, SIGBUS, SIGFPE and SIGILL, which would come again as soon as the handler returns. Standard signals
/// of one number are merged while one waits, so times() may be less than how many were sent. Thread safety: any thread;
/// destroyed outside of handlers. sigaction(2).
class signal_handler {
 public:
  /// Sets `flag`, which outlives the handler.
  static result<signal_handler> set_flag(int signo, std::atomic<bool>& flag);
  /// Adds one to `word`, which outlives the handler and may lie in shared memory, and wakes all who futex_wait() on it.
  static result<signal_handler> bump(int signo, std::atomic<std::uint32_t>& word);
  /// Calls notify() of `event`, a sync::event, which outlives the handler and may lie in shared memory.
  template <event_to_bump Event>
  static result<signal_handler> bump(int signo, Event& event) {
    return bump_with(signo, &event, [](void* object) noexcept { static_cast<Event*>(object)->notify(); });
  }
  /// Writes one byte, the signal's number, to a copy of `fd`, which must be non-blocking (EINVAL): a handler that
  /// waited for room would wait for ever. What finds no room is dropped, and there is a byte to be read then; a pipe
  /// without reader is no SIGPIPE. Fails with EMFILE.
  static result<signal_handler> write_byte(int signo, int fd);

  signal_handler(signal_handler&& other) noexcept : signo_(std::exchange(other.signo_, 0)) {}
  signal_handler& operator=(signal_handler&& other) noexcept {
    reset();
    signo_ = std::exchange(other.signo_, 0);
    return *this;
  }
  ~signal_handler() { reset(); }

  int signo() const noexcept { return signo_; }  ///< 0: moved from
  /// How often the signal was handled; wraps at 2^32.
  std::uint32_t times() const noexcept;

 private:
  struct effect;
  explicit signal_handler(int signo) noexcept : signo_(signo) {}
  static result<signal_handler> bump_with(int signo, void* event, void (*notify)(void*) noexcept);
  static result<signal_handler> install(int signo, const effect& what);
  void reset() noexcept;
  int signo_ = 0;
};

}  // namespace transom::os
