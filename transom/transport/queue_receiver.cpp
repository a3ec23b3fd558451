// transom/transport/queue_receiver.cpp - the receiving end of a kernel queue.
//
// The end of the senders. The record says that one died, or that none is left; the queue may still hold what they
// sent. So: the queue was empty; ask the record; only then was the queue empty for good if it is so once more.
#include <algorithm>
#include <cstring>

#include "transom/transport/burst_pacer.hpp"
#include "transom/transport/queue_end.hpp"
#include "transom/transport/queue_pieces.hpp"

namespace transom::transport {
namespace {

bool matches(long wanted, long type) noexcept {
  if (wanted == 0) return true;
  return wanted > 0 ? type == wanted : type <= -wanted;
}

class queue_receiver final : public queue_end<receiving_end> {
 public:
  explicit queue_receiver(queue_parts from) : queue_end(std::move(from)) {}
  ~queue_receiver() override {
    close();
    stop_looking();
  }

  result<int> ready_fd() override { return readiness_for(os::interest::readable, watches()); }
  bool looks_ready() noexcept override {
    if (closing() || queue_->has_messages() || set_aside_.load(sync::relaxed) != 0) return true;
    if (!watches()) return false;
    if (record_->ever_joined() && record_->live_senders() == 0) return true;
    return looks_.fetch_add(1, sync::relaxed) % 100 == 99;  // for nothing, unless somebody died
  }
  result<handover> give() override {
    return refuse(errc::unsupported, "give")
        .with_detail("the senders would see this receiver close before the child has come: open the URL in the child");
  }

  result<incoming> front(long type, const patience& how) override {
    const visit inside(*this, "recv");
    if (!inside) return inside.error();
    if (auto there = fetch(type, how); !there) return there.error();
    return incoming{.payload = payload_, .info = info_, .descriptors = {}};
  }
  void release() noexcept override {
    if (!std::exchange(holding_, false) || forked()) return;
    set_aside_.store(static_cast<std::uint32_t>(parked_.size()), sync::relaxed);
  }
  result<std::size_t> receive_into(std::span<std::byte> into, long type, const patience& how) override {
    const visit inside(*this, "recv");
    if (!inside) return inside.error();
    if (auto there = fetch(type, how); !there) return there.error();
    if (payload_.size() > into.size()) {
      say_something();  // the kernel no longer knows of it
      return refuse(errc::message_too_large, "recv").with_detail(std::to_string(payload_.size()));
    }
    const std::size_t size = payload_.size();
    if (size != 0) std::memcpy(into.data(), payload_.data(), size);
    release();
    return size;
  }
  result<std::unique_ptr<receiving_end>> clone() override {
    const visit inside(*this, "clone");
    if (!inside) return inside.error();
    return open_queue_receiver(source_, how_, agreed_);
  }

 private:
  struct parked {
    bytes payload;
    message_info info;
  };
  bool watches() const noexcept { return record_.has_value() && !how_.keep_open; }

  void finish() noexcept override {
    if (!record_) {
      if (removable_) queue_->remove();
      return;
    }
    // Nobody may come between the last owner's look and the end of the queue.
    auto guard = record_->lock_name();
    if (!guard) return record_->leave();
    if (removable_ && record_->last_owner()) queue_->remove();
    record_->leave(*guard);
  }

  // Makes payload_ and info_ those of a message that matches `type`.
  result<void> fetch(long type, const patience& how) {
    if (type != 0 && source_->has_priorities()) return refuse(errc::unsupported, "recv").with_detail("types");
    if (how.stop.stop_requested()) return refuse(errc::canceled, "recv");
    if (holding_ && matches(type, info_.type)) return {};
    if (holding_) park();
    if (unpark(type)) return {};
    if (ended_) return refuse(errc::closed, "recv");
    for (;;) {
      auto got = take(type);
      if (!got.failed_with(errc::would_block)) {
        pacer_.found();
        return got;
      }
      if (!how.nonblocking && !closing() && pacer_.look_again()) continue;
      if (record_) record_->mine().times_empty.add();
      if (look_at_senders()) {
        got = take(type);
        return got.failed_with(errc::would_block) ? report(type) : got;
      }
      if (how.nonblocking) {
        say_nothing_now();
        return refuse(errc::would_block, "recv");
      }
      const auto again = [&] {
        got = take(type);
        return !got.failed_with(errc::would_block);
      };
      auto rested = rest(os::interest::readable, bell_for_messages, how, "recv", again);
      if (!got.failed_with(errc::would_block)) return got;
      if (!rested) return rested;
    }
  }
  static constexpr auto bell_for_messages = &queue_receiver::receivers_bell;

  // True: once the queue is empty there is something to report.
  bool look_at_senders() {
    if (!record_) return false;
    if (how_.keep_open) {
      while (const auto dead = record_->next_casualty()) pieces_.forget_sender(dead->id);
      return false;
    }
    if (!death_) death_ = record_->next_casualty();
    return death_ || (record_->ever_joined() && record_->live_senders() == 0);
  }
  result<void> report(long type) {
    if (death_) {
      const auto dead = *std::exchange(death_, std::nullopt);
      pieces_.forget_sender(dead.id);
      count_torn();
      return refuse(errc::peer_died, "recv").with_peer(dead.pid);
    }
    // Of one type only: others may still be queued.
    if (type == 0) {
      ended_ = true;
      say_something();
    }
    return refuse(errc::closed, "recv");
  }

  result<void> take(long type) {
    for (;;) {
      auto got = queue_->try_take(type);
      if (!got) {
        if (got.failed_with(errc::would_block)) return refuse(errc::would_block, "recv");
        return here(got.error(), "recv");
      }
      ring(&queue_receiver::senders_bell);
      auto whole = accept(*got);
      if (!whole) {
        ended_ = true;
        return whole.error();
      }
      if (!*whole) continue;
      holding_ = true;
      set_aside_.store(static_cast<std::uint32_t>(parked_.size() + 1), sync::relaxed);
      if (record_) {
        record_->mine().messages.add();
        record_->mine().bytes.add(payload_.size());
      }
      return {};
    }
  }

  error broken(const char* what) const { return refuse(errc::protocol_error, "recv").with_detail(what); }

  // True if this kernel message completes a message of ours.
  result<bool> accept(const kernel_queue::taken& got) {
    const auto whole = queue_->incoming_memory().first(got.size);
    info_ = {.priority = got.priority, .type = got.type};
    payload_ = whole;
    if (header_ == 0) return true;
    if (whole.size() < header_) return broken("a message without our header; framing=raw takes foreign ones");
    const auto header = decode_header(whole.data());
    if (!header) return broken("a message without our header; framing=raw takes foreign ones");
    payload_ = whole.subspan(header_);
    if (header->length != payload_.size()) return broken("a header with another length than its message");
    info_.sequence = header->sequence;
    switch (header->kind) {
      case frame_kind::close: return false;
      case frame_kind::data:
        if (payload_.size() > largest_message_) return broken("a message beyond max_message");
        return true;
      case frame_kind::fragment: {
        const long lane = source_->has_priorities() ? got.priority : got.type;
        const auto outcome = pieces_.add(*header, payload_, lane, largest_message_);
        count_torn();
        if (outcome == piece_collector::outcome::broken) return broken("a piece that fits no message");
        if (outcome == piece_collector::outcome::more) return false;
        payload_ = pieces_.whole();
        return true;
      }
      default: return broken("a kind of message that does not belong into a queue");
    }
  }
  void count_torn() noexcept {
    const std::uint64_t torn = pieces_.take_torn();
    if (torn != 0 && record_) record_->mine().torn.add(torn);
  }

  // A message that was looked at, and is not of the type that is wanted next, steps aside.
  void park() {
    parked_.push_back({bytes(payload_.begin(), payload_.end()), info_});
    holding_ = false;
  }
  bool unpark(long type) {
    const auto found = std::ranges::find_if(parked_, [&](const parked& one) { return matches(type, one.info.type); });
    if (found == parked_.end()) return false;
    unparked_ = std::move(found->payload);
    payload_ = unparked_;
    info_ = found->info;
    parked_.erase(found);
    holding_ = true;
    return true;
  }

  std::span<const std::byte> payload_;  // of the message that is lent, while holding_
  message_info info_;
  burst_pacer pacer_;
  bool holding_ = false;
  bool ended_ = false;
  std::optional<meter::casualty> death_;  // seen; reported once the queue is empty
  piece_collector pieces_;
  std::vector<parked> parked_;
  bytes unparked_;
  sync::atomic<std::uint32_t> set_aside_;  // messages that the kernel no longer has
  sync::atomic<std::uint32_t> looks_;
};

}  // namespace

std::unique_ptr<receiving_end> make_queue_receiver(queue_parts from) {
  return std::make_unique<queue_receiver>(std::move(from));
}

}  // namespace transom::transport
