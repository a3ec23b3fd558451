// transom/transport/gate.hpp - lets one thread into an end, and lets close() get it out again. Private to the library.
//
// The gate is one word: idle or busy, and a bit `closing` that only ever gets set.
//
//     a call                              close(), in any thread
//     idle -> busy      or: closed        set `closing`
//     ... sleeps in poll(fd, waker)       was idle:  finish here
//     busy -> idle      or, if closing:   was busy:  ring the waker; the call finishes on its way out
//       finish
//
// Invariant: finish() runs once, in exactly one thread, while nobody else is inside.
//
// Ordering
//   E1  leave  ->  enter      what a call did is seen by the next one, in whichever thread
//   E2  close  ->  the call   a call that sees `closing` may finish on behalf of the closer
#pragma once
#include <cstdint>

#include "transom/base/ensure.hpp"
#include "transom/base/error.hpp"
#include "transom/os/fork_guard.hpp"
#include "transom/sync/atomic.hpp"

namespace transom::transport {

class gate {
 public:
  /// Lets the caller in. False: it is closed, or this is the child of a fork(); see why_not().
  bool enter() noexcept {
    if (forked()) [[unlikely]]
      return false;
    std::uint32_t seen = idle;
    if (state_.compare_exchange(seen, busy, sync::acquire, sync::relaxed)) [[likely]]
      return true;  // E1
    detail::ensure((seen & closing) != 0, "one handle is used by two threads at the same time");
    return false;
  }
  error why_not(const char* operation, const place& where) const noexcept {
    return error(forked() ? errc::forked : errc::closed, operation, where);
  }
  /// Lets the caller out. True: close() was called meanwhile, and the caller finishes.
  bool leave() noexcept {
    std::uint32_t seen = busy;
    return !state_.compare_exchange(seen, idle, sync::release, sync::acquire);  // E1, E2
  }
  /// Asks for the end. True: nobody is inside, and the caller finishes. `somebody` tells whether one is.
  bool close(bool& somebody) noexcept {
    const std::uint32_t before = state_.fetch_or(closing, sync::acq_rel);  // E1, E2
    somebody = (before & busy) != 0;
    return before == idle;
  }
  bool is_closing() const noexcept { return state_.load(sync::acquire) >= closing; }  // E2
  /// In the child of a fork(): nothing shared may be touched.
  bool forked() const noexcept { return os::fork_epoch() != epoch_; }

 private:
  static constexpr std::uint32_t idle = 0, busy = 1, closing = 2;
  sync::atomic<std::uint32_t> state_;
  std::uint32_t epoch_ = os::fork_epoch();
};

}  // namespace transom::transport
