// transom/os/poll.hpp - wait until a descriptor is ready, a deadline passes or a stop is requested.
#pragma once
#include <span>

#include "transom/base/clock.hpp"
#include "transom/base/error.hpp"
#include "transom/os/fd.hpp"

namespace transom::os {

/// What poll(2) is asked for and answers. `hangup`, `failed` and `invalid` are answered without being asked for.
struct interest {
  static constexpr short readable = 0x001, urgent = 0x002, writable = 0x004, failed = 0x008, hangup = 0x010,
                         invalid = 0x020;
};

/// One descriptor and what is wanted of it. Same layout as struct pollfd (checked in poll.cpp).
struct poll_item {
  int fd = -1;  ///< negative: ignored
  short want = 0;
  short got = 0;
};

/// Waits until at least one item is ready and returns how many are; 0 when `until` has passed first.
/// EINTR is not visible: the wait goes on for the time that is left. ppoll(2).
result<int> poll(std::span<poll_item> items, deadline until);

/// Wakes somebody who polls; an eventfd(2). ring() is safe from any thread and from a signal handler.
class waker {
 public:
  static result<waker> make();
  void ring() const noexcept;
  void clear() const noexcept;
  int fd() const noexcept { return fd_.get(); }

 private:
  explicit waker(transom::fd owned) noexcept : fd_(std::move(owned)) {}
  transom::fd fd_;
};

/// Waits until `fd` is ready for `want`, as patient as `how`. Fails with timed_out (would_block when
/// `how.nonblocking`) or canceled; a stop requested before the call is canceled even if `fd` is ready.
/// Makes a waker of its own if `how.stop` can be requested.
result<void> wait_ready(int fd, short want, const patience& how, const char* operation, const place& where);

}  // namespace transom::os
