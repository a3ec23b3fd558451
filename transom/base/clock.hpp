// transom/base/clock.hpp - points in time that a call may wait for. Nobody else in the library touches clocks.
//
// Every clock a caller uses is converted to the steady clock on entry, so that a step of the wall clock can
// neither prolong nor cut short a wait that has begun.
#pragma once
#include <chrono>
#include <cstdint>
#include <limits>
#include <stop_token>
#include <utility>

namespace transom {

/// A moment on the steady clock, or never. A plain value; copying is free.
class deadline {
 public:
  using clock = std::chrono::steady_clock;
  using duration = std::chrono::nanoseconds;

  /// No deadline at all.
  static constexpr deadline never() noexcept { return deadline(endless); }
  /// A moment that has already passed.
  static constexpr deadline passed() noexcept { return deadline(0); }
  /// `d` from now; saturates, so that hours::max() is never().
  template <typename Rep, typename Period>
  static deadline after(std::chrono::duration<Rep, Period> d) {
    using wide = std::chrono::duration<long double, std::nano>;
    if (wide(d).count() <= 0) return passed();
    const std::int64_t now = clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
    if (wide(d).count() >= static_cast<long double>(endless - now)) return never();
    return deadline(now + std::chrono::duration_cast<duration>(d).count());
  }
  /// The moment `t` of any clock, measured against that clock once, here.
  template <typename Clock, typename Duration>
  static deadline at(std::chrono::time_point<Clock, Duration> t) {
    return after(t - Clock::now());
  }

  constexpr bool is_never() const noexcept { return at_ns_ == endless; }
  /// Time left, never negative. Meaningless (a very long time) for never().
  duration left() const noexcept {
    if (at_ns_ == 0) return duration(0);
    if (is_never()) return duration(endless);
    const std::int64_t now = clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
    return duration(at_ns_ > now ? at_ns_ - now : 0);
  }
  bool expired() const noexcept { return left() == duration(0); }
  friend constexpr auto operator<=>(const deadline&, const deadline&) = default;

 private:
  static constexpr std::int64_t endless = std::numeric_limits<std::int64_t>::max();
  explicit constexpr deadline(std::int64_t at_ns) noexcept : at_ns_(at_ns) {}
  std::int64_t at_ns_;
};

/// How long a call may take and who may cut it short: what try_, _for, _until and a stop token boil down to.
struct patience {
  deadline until = deadline::never();
  std::stop_token stop = {};
  bool nonblocking = false;  ///< try_: the answer to "not now" is would_block rather than timed_out

  static patience none() { return {deadline::passed(), {}, true}; }
  static patience forever(std::stop_token token = {}) { return {deadline::never(), std::move(token), false}; }
  static patience until_time(deadline when, std::stop_token token = {}) { return {when, std::move(token), false}; }
};

}  // namespace transom
