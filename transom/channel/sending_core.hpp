// transom/channel/sending_core.hpp - what every sender<T> does that does not depend on T.
//
// A loan of a zero-copy mechanism is the slot itself. Some lend any number; others (inproc) one at a time: until it is
// sent or dropped the sender refuses other work with `unsupported`. A loan of a copying mechanism is memory from
// `pool`; there may be any number.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "transom/channel/memory_pool.hpp"
#include "transom/channel/occupancy.hpp"
#include "transom/channel/opening.hpp"
#include "transom/shm/lane_writer.hpp"

namespace transom {

/// What a message is sent with. A non-zero value on a mechanism without the feature is `unsupported`.
struct send_options {
  int priority = 0;  ///< 0..32000, larger first: posix-mq
  long type = 0;     ///< > 0: sysv-mq
};

namespace detail {

class sending_core {
 public:
  explicit sending_core(opened_sender opened);
  sending_core(const sending_core&) = delete;
  sending_core& operator=(const sending_core&) = delete;

  // Constant from birth; any thread.
  const std::string url;
  const place where;
  const options how;
  const feature_set features;
  const std::size_t largest_message;
  const bool portable;   ///< plain types travel as MessagePack
  const bool zero_copy;  ///< loans are slots
  void close() noexcept { end_->close(); }
  result<int> ready_fd() { return end_->ready_fd(); }
  transport::sending_end& end() noexcept { return *end_; }
  std::uint64_t dropped() const noexcept { return dropped_.load(std::memory_order_relaxed); }

  const bool lends_many;  ///< and there may be any number of them

  // One thread at a time from here on.
  occupancy occupied;
  /// Shared memory: where small messages go without another call; null elsewhere.
  shm::lane_writer* lane = nullptr;
  bool send_quickly(std::span<const std::byte> payload) noexcept {
    if (lane == nullptr || payload.size() > largest_message) return false;
    return payload.size() <= shm::inline_bytes ? lane->send_quick(payload.data(), payload.size())
                                               : lane->send_quick_in_arena(payload.data(), payload.size());
  }

  /// What `send` may wait for: everything, or nothing where on_full says so.
  patience policy(std::stop_token stop) const;
  /// Turns "full" into success where on_full is drop_newest.
  result<void> by_policy(result<void> sent);
  void drop(std::size_t count) noexcept { dropped_.fetch_add(count, std::memory_order_relaxed); }

  /// Priority and type are in range and this mechanism has them; no loan is out.
  result<void> admit(const send_options& with) const;
  /// `size` bytes are not more than max_message.
  result<void> admit_size(std::size_t size) const;
  result<void> admit_descriptors(std::size_t count) const;

  result<void> send(const transport::outgoing& message, const patience& how) { return end_->send(message, how); }
  result<std::span<std::byte>> claim(std::size_t size, const patience& how) { return end_->claim(size, how); }
  result<void> commit(const transport::outgoing& message, const patience& how) { return end_->commit(message, how); }
  /// Sends all of `messages` in as few calls as the mechanism needs; fails only if not even one went.
  result<std::size_t> send_many(std::span<const transport::outgoing> messages, const patience& how);

  // A slot that a loan has. Cleared in whichever thread the loan ends.
  bool slot_is_lent() const noexcept { return slot_is_lent_.load(std::memory_order_acquire); }
  void slot_lent(bool lent) noexcept { slot_is_lent_.store(lent, std::memory_order_release); }
  memory_pool pool;

  // Kept between calls, so that they stop allocating.
  std::vector<std::byte> scratch;
  std::vector<int> descriptors;
  std::vector<transport::outgoing> batch;
  std::vector<std::size_t> sizes;

  /// Takes the end apart so that it can travel in a message; the same luggage again until unpack().
  result<const transport::handover*> pack();
  bool is_packed() const noexcept { return packed_.has_value(); }
  /// A message with this end in it was not sent after all, or the caller uses a handle that he gave away.
  void unpack(const cargo& what);

  bool end_was_told = false;  ///< select: the peer's end has been reported
  std::unique_ptr<transport::sending_end> release_end() noexcept {
    lane = nullptr;
    return std::move(end_);
  }

 private:
  std::unique_ptr<transport::sending_end> end_;
  std::optional<transport::handover> packed_;
  std::atomic<bool> slot_is_lent_{false};
  std::atomic<std::uint64_t> dropped_{0};
};

/// Sends a message that is ready as it lies there.
result<void> send_payload(sending_core& core, std::span<const std::byte> payload, const send_options& with,
                          const patience& how);

}  // namespace detail
}  // namespace transom
