// transom/os/eventfd.hpp - a counter in the kernel that a descriptor stands for and poll(2) can wait on.
//
// Death: the counter lives as long as any descriptor of it, in whatever process. A killed peer leaves it as it was;
// nobody learns of the death through it.
#pragma once
#include <cstdint>

#include "transom/base/clock.hpp"
#include "transom/base/error.hpp"
#include "transom/os/fd.hpp"

namespace transom::os {

/// Owns one eventfd. Readable while the counter is not zero. Non-blocking and close-on-exec from birth; the calls
/// below wait in poll(2). Any thread may call any member at any time. eventfd(2).
class eventfd {
 public:
  struct options {
    std::uint32_t initial = 0;
    bool semaphore = false;  ///< each take gives 1 and leaves the rest; otherwise it gives all and leaves zero
  };
  /// Fails with EMFILE or ENFILE when descriptors run out.
  static result<eventfd> make(options how);
  static result<eventfd> make() { return make(options{}); }
  /// Takes over an open eventfd, for example an inherited one.
  explicit eventfd(transom::fd owned) noexcept : fd_(std::move(owned)) {}

  /// Adds `count`. would_block when the sum would pass 2^64 - 2. Safe in a signal handler.
  result<void> add(std::uint64_t count = 1) const;
  /// Takes the counter (1 of it in semaphore mode); would_block while it is zero.
  result<std::uint64_t> try_take() const;
  /// The same, waiting while it is zero.
  result<std::uint64_t> take(const patience& how = {}) const;

  int fd() const noexcept { return fd_.get(); }
  transom::fd release() && noexcept { return std::move(fd_); }

 private:
  transom::fd fd_;
};

}  // namespace transom::os
