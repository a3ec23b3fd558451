// transom/os/pacing.hpp - waiting for what the kernel gives no way to wait for: look again, at most 1 ms apart.
// Private to os.
#pragma once
#include <algorithm>
#include <chrono>

#include "transom/base/clock.hpp"
#include "transom/base/error.hpp"
#include "transom/os/poll.hpp"

namespace transom::os {

/// Calls `attempt` until it gives anything but would_block, or `how` ends: would_block, timed_out or canceled, each
/// with the place and the detail of the last attempt. A stop requested before the call is canceled.
template <typename Attempt>
auto paced(const patience& how, const char* operation, const place& where, Attempt attempt) -> decltype(attempt()) {
  using namespace std::chrono_literals;
  std::chrono::nanoseconds pause = 20us;
  if (how.stop.stop_requested()) return error(errc::canceled, operation, where);
  for (;;) {
    auto answer = attempt();
    if (answer.has_value() || !(answer.error() == errc::would_block) || how.nonblocking) return answer;
    const bool stopped = how.stop.stop_requested();
    if (stopped || how.until.expired()) {
      const auto detail = answer.error().detail();
      return error(stopped ? errc::canceled : errc::timed_out, operation,
                   detail.empty() ? where : place(where.url(), detail));
    }
    if (auto slept = poll({}, std::min(how.until, deadline::after(pause))); !slept) return slept.error();
    pause = std::min<std::chrono::nanoseconds>(pause * 2, 1ms);
  }
}

}  // namespace transom::os
