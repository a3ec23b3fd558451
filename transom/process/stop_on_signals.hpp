// transom/process/stop_on_signals.hpp - turns signals into a stop request, so that a program ends in good order.
//
// A thread, with every signal blocked, reads the signals as long as the object lives: the first requests the stop,
// later ones change nothing. (A program that does not end by itself is ended with SIGKILL, or a signal not listed.)
#pragma once
#include <atomic>
#include <initializer_list>
#include <stop_token>
#include <thread>

#include "transom/os/poll.hpp"
#include "transom/os/signal.hpp"

namespace transom {

/// Make it before other threads, first thing in main(), and destroy it in the same thread; until then the signals
/// are blocked in this thread and in those started by it. The destructor ends the thread and restores the mask.
/// Thread safety: token(), signal() and request_stop() from any thread.
class stop_on_signals {
 public:
  /// Throws transom::exception: invalid_argument for what is no signal, too_many_files_open.
  stop_on_signals(std::initializer_list<int> signals);
  stop_on_signals(const stop_on_signals&) = delete;
  stop_on_signals& operator=(const stop_on_signals&) = delete;
  ~stop_on_signals();

  /// Stops when one of the signals arrives. May outlive the object, and then no longer changes.
  std::stop_token token() const noexcept { return source_.get_token(); }
  /// The signal that requested the stop; 0: none yet.
  int signal() const noexcept { return signal_.load(std::memory_order_acquire); }
  /// Stops without a signal.
  void request_stop() noexcept { source_.request_stop(); }

 private:
  void read_signals();

  os::signal_set signals_;
  os::waker end_;
  std::stop_source source_;
  std::atomic<int> signal_{0};
  std::thread reader_;
};

}  // namespace transom
