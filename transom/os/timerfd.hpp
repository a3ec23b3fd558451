// transom/os/timerfd.hpp - a timer that a descriptor stands for, on the steady clock.
//
// The time that a suspended machine sleeps does not count, and a step of the wall clock changes nothing.
#pragma once
#include <chrono>
#include <cstdint>

#include "transom/base/clock.hpp"
#include "transom/base/error.hpp"
#include "transom/os/fd.hpp"

namespace transom::os {

/// Owns one timerfd. Readable after it has expired until the expirations are taken. Non-blocking and close-on-exec
/// from birth. Any thread may call any member at any time. timerfd_create(2).
class timerfd {
 public:
  /// A disarmed timer. Fails with EMFILE or ENFILE when descriptors run out.
  static result<timerfd> make();

  /// Expires once, `after` from now; at once if that is not positive. Forgets expirations not yet taken.
  result<void> once(std::chrono::nanoseconds after) const;
  /// Expires once at `when`; never for deadline::never().
  result<void> once(deadline when) const;
  /// Expires `first` from now and then every `period`, which is positive.
  result<void> every(std::chrono::nanoseconds first, std::chrono::nanoseconds period) const;
  /// Never expires until armed again.
  result<void> disarm() const;
  /// Until the next expiration; zero when disarmed.
  result<std::chrono::nanoseconds> left() const;

  /// How often it has expired since the last take; would_block when it has not.
  result<std::uint64_t> try_take() const;
  /// The same, waiting for the next expiration. A disarmed timer is waited for as long as `how` says.
  result<std::uint64_t> take(const patience& how = {}) const;

  int fd() const noexcept { return fd_.get(); }

 private:
  explicit timerfd(transom::fd owned) noexcept : fd_(std::move(owned)) {}
  result<void> arm(std::int64_t first_ns, std::int64_t period_ns) const;
  transom::fd fd_;
};

}  // namespace transom::os
