// transom/transport/shared_receiver.cpp - from frames to messages. See shared_receiver.hpp.
#include "transom/transport/shared_receiver.hpp"

#include <algorithm>
#include <cstring>

namespace transom::transport {
namespace {

constexpr unsigned reads_between_looks = 64;
constexpr std::size_t most_guests = 256;

}  // namespace

shared_receiver::shared_receiver(parts from, os::waker waker)
    : kernel_end(std::move(from.url), from.features, from.max_message, std::move(waker)),
      how_(from.how),
      agreed_(from.agreed),
      shape_(from.shape),
      lane_(std::move(from.descriptor), from.shape, where_),
      membership_(std::move(from.membership)),
      name_(std::move(from.name)) {
  for (const std::uint32_t id : from.guests) guests_.emplace(id, 0);
  guest_came_ = !guests_.empty();
}

result<std::unique_ptr<receiving_end>> shared_receiver::make(parts from) {
  auto waker = os::waker::make();
  if (!waker) return waker.error().at(place(from.url));
  return std::unique_ptr<receiving_end>(new shared_receiver(std::move(from), std::move(*waker)));
}

shared_receiver::~shared_receiver() { close(); }

// ---- calls

result<incoming> shared_receiver::front(long type, const patience& how) {
  visit in(*this, "recv");
  if (!in) return in.error();
  if (how.stop.stop_requested()) return error(errc::canceled, "recv", where_);
  if (type != 0) return error(errc::unsupported, "recv", place(url_, "only sysv-mq knows message types"));
  if (!at_hand_) {
    auto brought = bring(how);
    if (epoll_) show_readiness();
    if (!brought) return brought.error();
  }
  return *at_hand_;
}

void shared_receiver::release() noexcept {
  if (!at_hand_) return;
  at_hand_.reset();
  if (in_lane_) lane_.consume();
  if (epoll_ && !forked()) show_readiness();
}

result<std::size_t> shared_receiver::receive_into(std::span<std::byte> into, long type, const patience& how) {
  auto next = front(type, how);
  if (!next) return next.error();
  const std::size_t size = next->payload.size();
  if (size > into.size()) return error(errc::message_too_large, "recv", place(url_, std::to_string(size)));
  if (size != 0) std::memcpy(into.data(), next->payload.data(), size);
  release();
  return size;
}

result<std::unique_ptr<receiving_end>> shared_receiver::clone() {
  return error(errc::unsupported, "clone", place(url_, "this mechanism has one receiver"));
}

result<handover> shared_receiver::give() {
  return error(errc::unsupported, "give",
               place(url_, "the senders would see this receiver close before the child has come: open the URL there"));
}

// ---- bringing the next message

result<void> shared_receiver::bring(const patience& how) {
  for (;;) {
    if (ended_) return error(errc::closed, "recv", where_);
    auto served = serve();
    if (!served) return served.error();
    if (*served) return {};
    if (auto dead = next_death()) return *dead;
    bool nobody_writes = false;
    auto came = fill(nobody_writes);
    if (!came) return came.error();
    if (at_hand_) return {};
    if (*came) continue;
    auto news = found_empty(nobody_writes);
    if (!news) return news.error();
    if (at_hand_) return {};
    if (*news) continue;
    if (auto ok = wait(how); !ok) return ok;
  }
}

// Deals with the frames in the buffer. True: at_hand_ is the next message.
result<bool> shared_receiver::serve() {
  for (;;) {
    auto frame = lane_.next();
    result<bool> done = false;
    if (!frame) done = frame.error();
    else if (!*frame) return false;
    else done = handle(**frame);
    if (!done) {
      if (membership_) membership_->mine().errors.add();
      if (done.error() == errc::type_mismatch) lane_.consume();
      else if (is_stream()) end();
      else lane_.forget();
      return done.error();
    }
    if (*done) return true;
    lane_.consume();
  }
}

void shared_receiver::lend(std::span<const std::byte> payload, const frame_header& header, std::span<fd> descriptors) {
  message_info info{.sequence = header.sequence};
  if (!guests_.empty()) {
    if (const auto guest = guests_.find(header.sender); guest != guests_.end()) info.pid = guest->second;
  }
  at_hand_ = incoming{payload, info, descriptors};
  in_lane_ = true;
  if (!membership_) return;
  membership_->mine().messages.add();
  membership_->mine().bytes.add(payload.size());
}

// True: the frame completes a message, which is lent. False: it was ours and is done with.
result<bool> shared_receiver::handle(const lane::frame& frame) {
  const auto broken = [&](const char* why) { return error(errc::protocol_error, "recv", place(url_, why)); };
  if (!refused_.empty() && std::ranges::find(refused_, frame.header.sender) != refused_.end()) return false;
  switch (frame.header.kind) {
    case frame_kind::data:
      if (frame.payload.size() > largest_message_) return broken("a message beyond max_message");
      if (!frame.descriptors.empty() && !agreed_.descriptors) return broken("descriptors that nobody asked for");
      lend(frame.payload, frame.header, frame.descriptors);
      return true;
    case frame_kind::fragment: {
      const auto outcome = pieces_.add(frame.header, frame.payload, 0, largest_message_);
      count_torn(pieces_.take_torn());
      if (outcome == piece_collector::outcome::broken) return broken("a piece that fits no message");
      if (outcome == piece_collector::outcome::more) return false;
      lane_.consume();
      lend(pieces_.whole(), frame.header, {});
      in_lane_ = false;
      return true;
    }
    case frame_kind::hello: {
      if (auto known = meet(frame); !known) return known.error();
      return false;
    }
    case frame_kind::close:
      guests_.erase(frame.header.sender);
      pieces_.forget_sender(frame.header.sender);
      count_torn(pieces_.take_torn());
      return false;
    default: return broken("a frame that does not belong here");
  }
}

// A sender that has no part in the record introduces itself.
result<void> shared_receiver::meet(const lane::frame& frame) {
  auto said = decode_hello(frame.payload, where_);
  if (!said) return said.error();
  if (guests_.size() + refused_.size() >= most_guests)
    return error(errc::protocol_error, "recv", place(url_, "more senders without a record than there may be"));
  if (auto same = compare_terms(agreed_, said->schema_hash, said->schema_text, "recv", where_); !same) {
    refused_.push_back(frame.header.sender);  // said once; what it sends is dropped
    return same.error().with_peer(static_cast<int>(said->pid));
  }
  guests_.insert_or_assign(frame.header.sender, static_cast<int>(said->pid));
  guest_came_ = true;
  return {};
}

// Reads once. True: something came, or at_hand_ is it.
result<bool> shared_receiver::fill(bool& nobody_writes) {
  const std::size_t before = lane_.pending();
  auto came = lane_.fill();
  if (!came) {
    if (came.error() == errc::would_block) return false;
    return came.error().during("recv");
  }
  if (*came || shape_.packets) {
    read_ += shape_.packets ? 1 : lane_.pending() - before;
    something_came_ = true;
    ending_ = false;
    if (++reads_since_look_ >= reads_between_looks && next_look_.expired() && watches_senders()) {
      observe(true, false);
    }
  }
  if (*came) return true;
  if (is_stream()) {
    nobody_writes = true;
    return false;
  }
  if (native()) return error(errc::protocol_error, "recv", place(url_, "an empty datagram"));
  lend({}, {}, {});
  return true;
}

}  // namespace transom::transport
