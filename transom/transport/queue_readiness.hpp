// transom/transport/queue_readiness.hpp - the descriptor that stands for an end of a queue in somebody's event loop.
// Private to the library.
//
// Two kinds. Where the queue is a descriptor itself: an epoll set of it, of the end's waker and of a timer, because
// the kernel rings for no death. Where it is none: a thread that looks once a millisecond, with every signal blocked.
#pragma once
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "transom/os/epoll.hpp"
#include "transom/os/poll.hpp"
#include "transom/os/timerfd.hpp"

namespace transom::transport {

/// Thread safety: any thread may call any member at any time. Destroying it in a child of fork() hangs: do not.
class queue_readiness {
 public:
  /// Readable while `queue` is ready for `want`, while `closing` rings, and ten times a second if `watch_peers`.
  static result<std::unique_ptr<queue_readiness>> of_descriptor(int queue, short want, int closing, bool watch_peers);
  /// Readable soon after `look` has said so.
  static result<std::unique_ptr<queue_readiness>> of_looking(std::function<bool()> look);

  int fd() const noexcept { return set_ ? set_->fd() : bell_.fd(); }
  /// A try_ call has just said would_block.
  void nothing_now() noexcept;
  /// There is something that neither the kernel's queue nor `look` knows of.
  void something() noexcept;

 private:
  explicit queue_readiness(os::waker bell) : bell_(std::move(bell)) {}
  bool rings() noexcept;
  void look_on(const std::stop_token& stop, const std::function<bool()>& look);

  os::waker bell_;
  std::optional<os::epoll> set_;
  std::optional<os::timerfd> timer_;
  std::mutex mutex_;
  bool rings_ = false;   // what the bell does, under the mutex
  std::jthread looker_;  // last: it uses the rest
};

}  // namespace transom::transport
