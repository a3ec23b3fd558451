// transom/channel/receiving_core.hpp - what every receiver<T> does that does not depend on T.
//
// A view of a zero-copy mechanism is the message itself. Some keep any number; others (inproc) lend one at a time:
// until the view goes the receiver refuses other work with `unsupported`, and the message behind it stays queued. A
// view of a copying mechanism owns its value; there may be any number.
#pragma once
#include <atomic>
#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "transom/channel/memory_pool.hpp"
#include "transom/channel/occupancy.hpp"
#include "transom/channel/opening.hpp"

namespace transom {

/// Which message to receive. A non-zero type on a mechanism without `types` is `unsupported`.
struct recv_options {
  long type = 0;  ///< 0 any; n > 0 exactly n; n < 0 the lowest type <= -n: sysv-mq
};

namespace detail {

class receiving_core {
 public:
  explicit receiving_core(opened_receiver opened);
  receiving_core(const receiving_core&) = delete;
  receiving_core& operator=(const receiving_core&) = delete;

  // Constant from birth; any thread.
  const std::string url;
  const place where;
  const options how;
  const feature_set features;
  const std::size_t largest_message;
  const bool portable;   ///< plain types travel as MessagePack
  const bool zero_copy;  ///< views are the messages themselves
  void close() noexcept { end_->close(); }
  result<int> ready_fd() { return end_->ready_fd(); }
  transport::receiving_end& end() noexcept { return *end_; }

  const bool keeps_many;  ///< and any number of messages may be viewed at once

  // One thread at a time from here on.
  occupancy occupied;
  /// Shared memory: where small messages are taken from without another call; null elsewhere.
  transport::lane_inlet* inlet = nullptr;

  /// Lends the next message until release().
  result<transport::incoming> front(recv_options which, const patience& how);
  result<std::size_t> receive_into(std::span<std::byte> into, recv_options which, const patience& how);
  void release() noexcept { end_->release(); }
  /// Shared memory, and nothing the matter: the size of the next message, which is in `into` now. Or more than there is
  /// room for: nothing has happened.
  std::size_t fill_quickly(std::span<std::byte> into, bool spin) noexcept;
  /// A failure to decode, with the place added.
  error undecodable(const error& why) const;

  enum class seen { nothing, something, the_end };
  /// Is there something to receive? Takes nothing: an error that is only told once is kept for the next receive.
  seen peek();

  // The message that a view has. The view gives it back in whichever thread it ends.
  void lend() noexcept { is_lent_.store(true, std::memory_order_relaxed); }
  void take_back() noexcept {
    end_->release();
    is_lent_.store(false, std::memory_order_release);
  }
  memory_pool pool;

  /// As sending_core has them.
  result<const transport::handover*> pack();
  bool is_packed() const noexcept { return packed_.has_value(); }
  void unpack(const cargo& what);

  bool end_was_told = false;  ///< select and wait_set: the end has been reported
  std::unique_ptr<transport::receiving_end> release_end() noexcept {
    inlet = nullptr;
    return std::move(end_);
  }

 private:
  result<void> admit(recv_options which, const patience& how);
  std::unique_ptr<transport::receiving_end> end_;
  std::optional<transport::handover> packed_;
  std::optional<error> kept_;
  bool end_seen_ = false;  // a receive said closed
  std::atomic<bool> is_lent_{false};
};

}  // namespace detail
}  // namespace transom
