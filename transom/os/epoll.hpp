// transom/os/epoll.hpp - wait for many descriptors at the cost of the few that are ready.
//
// Always level-triggered: what is not drained is reported again. A descriptor that is closed leaves the set by
// itself, but only with the last copy of its open file description, so remove() what has been duplicated.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "transom/base/clock.hpp"
#include "transom/base/error.hpp"
#include "transom/os/fd.hpp"

namespace transom::os {

/// One descriptor that is ready: bits of `interest` (poll.hpp), and the tag it was added with.
struct epoll_event_out {
  std::uint32_t got = 0;
  std::uint64_t tag = 0;
};

/// Owns one epoll set; close-on-exec from birth, and itself pollable. Any thread may call any member at any time.
/// epoll(7).
class epoll {
 public:
  /// Fails with EMFILE or ENFILE when descriptors run out.
  static result<epoll> make();

  /// Watches `fd` for `want`, bits of `interest`; hang-up and failure are reported without being asked for. Fails
  /// with EEXIST if it is watched already, EPERM if it cannot be polled (a regular file), ENOSPC at the user's
  /// limit, which the detail names.
  result<void> add(int fd, short want, std::uint64_t tag) const;
  /// Watches for something else from now on. Fails with ENOENT if `fd` is not watched.
  result<void> modify(int fd, short want, std::uint64_t tag) const;
  result<void> remove(int fd) const;

  /// Waits until at least one is ready, and fills `into` from the front, which is not empty. Returns how many are:
  /// 0 when `until` has passed first. EINTR is not visible.
  result<std::size_t> wait(std::span<epoll_event_out> into, deadline until) const;

  int fd() const noexcept { return fd_.get(); }

 private:
  explicit epoll(transom::fd owned) noexcept : fd_(std::move(owned)) {}
  result<void> control(int what, const char* operation, int fd, short want, std::uint64_t tag) const;
  transom::fd fd_;
};

}  // namespace transom::os
