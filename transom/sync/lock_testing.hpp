// transom/sync/lock_testing.hpp - children that hold locks in a room (testing.hpp), and die. For tests only.
#pragma once
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <utility>

#include "transom/os/futex.hpp"
#include "transom/sync/testing.hpp"

namespace transom::sync::testing {

/// How far somebody has come, for others to wait for.
struct steps {
  atomic<std::uint32_t> value{0};
  void reach(std::uint32_t step) noexcept {
    value.store(step, release);
    os::futex_wake_all(&value);
  }
  void wait_for(std::uint32_t step) const noexcept {
    for (std::uint32_t now = value.load(acquire); now < step; now = value.load(acquire))
      os::futex_wait(&value, now, {std::chrono::milliseconds(100)});
  }
};

/// Runs body(object) in a process that sits in `row`, until it ends, or the child object does.
class child {
 public:
  template <typename T, typename Body>
  child(room<T>& in, unsigned row, Body body)
      : bury_([](void* at, unsigned seat) { static_cast<room<T>*>(at)->bury(seat); }), in_(&in), row_(row) {
    pid_ = ::fork();
    if (pid_ != 0) return;
    in.join(row);
    body(*in);
    std::_Exit(0);
  }
  child(const child&) = delete;
  child& operator=(const child&) = delete;
  ~child() { end(); }

  int pid() const noexcept { return pid_; }
  void stop() const {
    ::kill(pid_, SIGSTOP);
    ::waitpid(pid_, nullptr, WUNTRACED);
  }
  /// Kills it, and has the proof.
  void end() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    reap();
  }
  /// Waits for its end.
  int reap() {
    int state = 0;
    ::waitpid(std::exchange(pid_, 0), &state, 0);
    bury_(in_, row_);
    return state;
  }

 private:
  void (*bury_)(void*, unsigned);
  void* in_;
  unsigned row_;
  pid_t pid_ = 0;
};

[[noreturn]] inline void hang() {
  for (;;) ::pause();
}

}  // namespace transom::sync::testing
