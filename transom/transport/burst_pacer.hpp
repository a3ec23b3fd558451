// transom/transport/burst_pacer.hpp - when an end that finds nothing, or no room, should look again instead of
// sleeping.
//
// A stream of small messages is found in bursts. A receiver that empties the channel and sleeps makes its sender pay
// for a wake-up with almost every message, and one that looks all the time takes the lock of the channel from it. So
// while bursts come it stays awake and looks every 16 us, which is less than a wake-up takes. Where messages come one
// by one, as with question and answer, it sleeps at once; where bursts have ended, after four looks.
#pragma once
#include <algorithm>
#include <chrono>

#include "transom/sync/backoff.hpp"

namespace transom::transport {

/// Belongs to one end. A sender that found the channel full counts rooms instead of messages. Thread safety: one thread
/// at a time.
class burst_pacer {
 public:
  /// A message was there.
  void found() noexcept { run_ = std::min(run_ + 1, burst); }
  /// Nothing is there any more. True: a moment has passed, look again before sleeping.
  bool look_again() noexcept {
    if (run_ == burst) looks_ = most_looks;
    run_ = 0;
    if (looks_ == 0) return false;
    --looks_;
    sync::relax_for(std::chrono::microseconds(16));
    return true;
  }

 private:
  static constexpr unsigned burst = 4, most_looks = 4;
  unsigned run_ = 0;    // messages found since the last time there was nothing
  unsigned looks_ = 0;  // that may still find nothing much
};

}  // namespace transom::transport
