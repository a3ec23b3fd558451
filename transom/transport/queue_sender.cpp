// transom/transport/queue_sender.cpp - the sending end of a kernel queue.
//
// Looking at the owners: one load per message says whether all have closed. Their locks, which say whether one died,
// are asked ten times a second, and before a call says that there is no room. With keep nobody is looked at: the queue
// outlives them.
#include <algorithm>
#include <climits>
#include <cstring>

#include "transom/os/coarse_clock.hpp"
#include "transom/transport/burst_pacer.hpp"
#include "transom/transport/queue_end.hpp"
#include "transom/transport/queue_pieces.hpp"

namespace transom::transport {
namespace {

class queue_sender final : public queue_end<sending_end> {
 public:
  explicit queue_sender(queue_parts from) : queue_end(std::move(from)) {}
  ~queue_sender() override {
    close();
    stop_looking();
  }

  result<int> ready_fd() override { return readiness_for(os::interest::writable, watches()); }
  bool looks_ready() noexcept override {
    if (closing() || queue_->has_room()) return true;
    return watches() && record_->owners_closed();
  }
  result<handover> give() override {
    return refuse(errc::unsupported, "give")
        .with_detail("the receiver would see this sender close before the child has come: open the URL in the child");
  }

  result<void> send(const outgoing& message, const patience& how) override {
    const visit inside(*this, "send");
    if (!inside) return inside.error();
    return send_inside(message, how);
  }
  result<std::size_t> send_many(std::span<const outgoing> messages, const patience& how) override {
    const visit inside(*this, "send");
    if (!inside) return inside.error();
    for (std::size_t sent = 0; sent < messages.size(); ++sent) {
      auto one = send_inside(messages[sent], sent == 0 ? how : patience::none());
      if (!one && sent == 0) return one.error();
      if (!one) return sent;
    }
    return messages.size();
  }
  result<std::span<std::byte>> claim(std::size_t size, const patience& how) override {
    const visit inside(*this, "send");
    if (!inside) return inside.error();
    if (how.stop.stop_requested()) return refuse(errc::canceled, "send");
    if (ended_) return refuse(errc::closed, "send");
    if (auto fits = check_size(size); !fits) return fits.error();
    if (size <= room()) return queue_->outgoing_memory().subspan(header_, size);
    if (large_.size() < size) large_.resize(size);
    return std::span(large_).first(size);
  }
  result<void> commit(const outgoing& message, const patience& how) override { return send(message, how); }
  result<std::unique_ptr<sending_end>> clone() override {
    const visit inside(*this, "clone");
    if (!inside) return inside.error();
    return open_queue_sender(source_, how_, agreed_);
  }

 private:
  bool watches() const noexcept { return record_.has_value() && !how_.keep; }
  std::size_t room() noexcept { return queue_->outgoing_memory().size() - header_; }

  void finish() noexcept override {
    if (!record_) return;
    record_->leave();
    // After leaving, so that whoever wakes up sees it. Never into a queue that others may read after us.
    if (record_->origin() == meter::object_origin::made) queue_->wake();
  }

  result<void> check_size(std::size_t size) const {
    if (size <= largest_message_) return {};
    return refuse(errc::message_too_large, "send")
        .with_detail(std::to_string(size) + " bytes; max_message is " + std::to_string(largest_message_) + ", and " +
                     source_->limit_in_words());
  }
  result<void> check(const outgoing& message) const {
    const auto invalid = [&](const char* what) {
      return error::system(static_cast<int>(std::errc::invalid_argument), "send", place(where_.url(), what));
    };
    if (!message.descriptors.empty()) return unsupported("fd_passing");
    if (source_->has_priorities()) {
      if (message.type != 0) return unsupported("types");
      if (message.priority < 0 || message.priority > 32000) return invalid("a priority is 0 to 32000");
    } else {
      if (message.priority != 0) return unsupported("priorities");
      if (message.type < 0) return invalid("a type is positive");
    }
    return check_size(message.payload.size());
  }
  result<void> unsupported(const char* what) const { return refuse(errc::unsupported, "send").with_detail(what); }

  bool time_to_look() const noexcept { return os::coarse_now() >= next_look_; }
  // closed and peer_died are each told once as what they are; afterwards it is closed.
  result<void> look_at_owners() {
    if (!watches()) return {};
    next_look_ = os::coarse_now() + look_interval;
    const int pid = record_->owner_pid();
    auto alive = record_->any_owner_alive();
    if (!alive) return here(alive.error(), "send");
    const bool closed = record_->owners_closed();  // after the locks: an owner says so before it lets go
    if (!closed && *alive) return {};
    ended_ = true;
    say_something();
    if (closed) return refuse(errc::closed, "send");
    return refuse(errc::peer_died, "send").with_peer(pid);
  }

  result<void> send_inside(const outgoing& message, const patience& how) {
    if (auto fits = check(message); !fits) return fits;
    if (how.stop.stop_requested()) return refuse(errc::canceled, "send");
    if (ended_) return refuse(errc::closed, "send");
    if (watches() && (record_->owners_closed() || time_to_look())) {
      if (auto there = look_at_owners(); !there) return there;
    }
    auto sent = message.payload.size() <= room() ? put_whole(message, how) : put_pieces(message, how);
    if (sent && record_) {
      record_->mine().messages.add();
      record_->mine().bytes.add(message.payload.size());
    }
    return sent;
  }

  result<void> put_whole(const outgoing& message, const patience& how) {
    std::byte* const memory = queue_->outgoing_memory().data();
    const std::size_t size = message.payload.size();
    if (size != 0 && message.payload.data() != memory + header_)
      std::memmove(memory + header_, message.payload.data(), size);
    if (header_ != 0) write_header(frame_kind::data, size);
    auto sent = put(header_ + size, message, how);
    if (sent) ++sequence_;
    return sent;
  }

  result<void> put_pieces(const outgoing& message, const patience& how) {
    const std::size_t body = room() - piece_header_size;
    const std::size_t total = message.payload.size(), pieces = (total + body - 1) / body;
    if (how.nonblocking) {
      if (auto enough = room_for(pieces); !enough) return enough;
    }
    std::byte* const memory = queue_->outgoing_memory().data();
    for (std::size_t offset = 0; offset < total;) {
      const std::size_t size = std::min(body, total - offset);
      write_header(frame_kind::fragment, piece_header_size + size);
      encode_piece_header(static_cast<std::uint32_t>(total), static_cast<std::uint32_t>(offset), memory + header_);
      std::memcpy(memory + header_ + piece_header_size, message.payload.data() + offset, size);
      if (auto sent = put(header_ + piece_header_size + size, message, how); !sent) {
        // The receiver drops the pieces that went when the next message has another number.
        if (offset != 0) ++sequence_;
        return sent;
      }
      offset += size;
    }
    ++sequence_;
    return {};
  }
  result<void> room_for(std::size_t pieces) {
    auto there = queue_->count_room();
    if (!there) return here(there.error(), "send");
    if (there->ever < pieces) {
      return refuse(errc::message_too_large, "send")
          .with_detail(std::to_string(pieces) + " pieces, and the queue holds " + std::to_string(there->ever) +
                       ": without waiting it cannot go");
    }
    if (there->now >= pieces) return {};
    if (auto open = look_at_owners(); !open) return open;
    say_nothing_now();
    return refuse(errc::would_block, "send");
  }

  void write_header(frame_kind kind, std::size_t length) noexcept {
    encode_header({.length = static_cast<std::uint32_t>(length),
                   .kind = kind,
                   .sender = record_ ? record_->id() : 0,
                   .sequence = static_cast<std::uint32_t>(sequence_ + 1)},
                  queue_->outgoing_memory().data());
  }

  // One kernel message, as patient as `how`.
  result<void> put(std::size_t size, const outgoing& as, const patience& how) {
    for (;;) {
      auto sent = queue_->try_put(size, as.priority, as.type);
      while (sent.failed_with(errc::would_block)) {
        if (!how.nonblocking && !closing() && pacer_.look_again()) {
          sent = queue_->try_put(size, as.priority, as.type);
          continue;
        }
        if (record_) record_->mine().times_full.add();
        if (how.nonblocking || time_to_look()) {
          if (auto there = look_at_owners(); !there) return there;
        }
        if (how.nonblocking) {
          say_nothing_now();
          return refuse(errc::would_block, "send");
        }
        const auto again = [&] {
          sent = queue_->try_put(size, as.priority, as.type);
          return !sent.failed_with(errc::would_block);
        };
        if (auto rested = rest(os::interest::writable, bell_for_room, how, "send", again); !rested) {
          if (rested.failed_with(errc::timed_out)) {
            if (auto there = look_at_owners(); !there) return there;
          }
          return rested;
        }
        if (sent.failed_with(errc::would_block)) sent = queue_->try_put(size, as.priority, as.type);
      }
      if (sent) {
        pacer_.found();
        ring(&queue_sender::receivers_bell);
        return {};
      }
      // The queue may have been removed because its owner left.
      if (auto there = look_at_owners(); !there) return there;
      return here(sent.error(), "send");
    }
  }
  static constexpr auto bell_for_room = &queue_sender::senders_bell;

  std::uint64_t sequence_ = 0;
  std::chrono::nanoseconds next_look_ = os::coarse_now() + look_interval;
  bool ended_ = false;
  bytes large_;
  burst_pacer pacer_;
};

}  // namespace

std::unique_ptr<sending_end> make_queue_sender(queue_parts from) {
  return std::make_unique<queue_sender>(std::move(from));
}

}  // namespace transom::transport
