// transom/transport/connection_receiver.cpp - see connection_receiver.hpp.
#include "transom/transport/connection_receiver.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <mutex>
#include <utility>

#include "transom/sync/backoff.hpp"

namespace transom::transport {
namespace {

constexpr unsigned tries_between_looks = 64;

}  // namespace

connection_receiver::connection_receiver(parts from, os::waker waker, os::epoll poll)
    : kernel_end(std::move(from.url), from.features, from.shape.max_message, std::move(waker)),
      how_(from.how),
      agreed_(from.agreed),
      shape_(from.shape),
      door_(std::move(from.entrance)),
      membership_(std::move(from.membership)),
      poll_(std::move(poll)) {}

result<std::unique_ptr<receiving_end>> connection_receiver::make(parts from) {
  auto waker = os::waker::make();
  if (!waker) return waker.error().at(place(from.url));
  auto poll = os::epoll::make();
  if (!poll) return poll.error().at(place(from.url));
  auto lanes = std::move(from.lanes);
  std::unique_ptr<connection_receiver> made(
      new connection_receiver(std::move(from), std::move(*waker), std::move(*poll)));
  if (auto ok = made->poll_.add(made->waker_.fd(), os::interest::readable, waker_tag); !ok) return ok.error();
  if (made->door_) {
    made->watching_ = true;
    if (auto ok = made->poll_.add(made->door_->descriptor(), os::interest::readable, door_tag); !ok) return ok.error();
  }
  for (auto& lane : lanes) {
    lane->peer.introduced = made->attached_ = true;
    if (auto ok = made->add(std::move(lane)); !ok) return ok.error();
  }
  return std::unique_ptr<receiving_end>(std::move(made));
}

connection_receiver::~connection_receiver() { close(); }

// ---- calls

result<void> connection_receiver::begin(const char* operation, long type, const patience& how) const {
  if (how.stop.stop_requested()) return error(errc::canceled, operation, where_);
  if (type != 0) return error(errc::unsupported, operation, place(url_, "only sysv-mq knows message types"));
  return {};
}

// The common case of a stream: the next message lies in the buffer, which no other thread touches.
bool connection_receiver::take_from_buffer(long type, const patience& how) {
  if (at_hand_ || current_ == nullptr || type != 0 || exported_) return false;
  return open_here() && !how.stop.stop_requested() && take_plain(*current_);
}

// The common case of what serve() does with a frame, decided without a call.
bool connection_receiver::take_plain(lane& from) noexcept {
  if (!from.peer.introduced) return false;
  const auto payload = from.next_plain();
  if (payload.data() == nullptr) return false;
  arrived(from, payload.size());
  current_ = &from;
  at_hand_.emplace(lane::frame{{}, payload, {}});
  return true;
}

void connection_receiver::arrived(lane& from, std::size_t size) noexcept {
  ++from.peer.received;
  pacer_.found();
  if (!membership_) return;
  membership_->mine().messages.add();
  membership_->mine().bytes.add(size);
}

result<incoming> connection_receiver::front(long type, const patience& how) {
  if (!take_from_buffer(type, how)) {
    visit in(*this, "recv");
    if (!in) return in.error();
    if (auto ok = begin("recv", type, how); !ok) return ok.error();
    if (!at_hand_) {
      if (auto ok = bring(how, {}); !ok) return ok.error();
    }
  }
  const lane_peer& who = current_->peer;
  return incoming{at_hand_->payload, {.sequence = who.received, .pid = who.pid, .uid = who.uid}, at_hand_->descriptors};
}

void connection_receiver::release() noexcept {
  if (!at_hand_) return;
  at_hand_.reset();
  current_->consume();
  if (exported_) show_readiness();
}

result<std::size_t> connection_receiver::receive_into(std::span<std::byte> into, long type, const patience& how) {
  if (!take_from_buffer(type, how)) {
    visit in(*this, "recv");
    if (!in) return in.error();
    if (auto ok = begin("recv", type, how); !ok) return ok.error();
    if (!at_hand_) {
      in_place_.reset();
      if (auto ok = bring(how, into); !ok) return ok.error();
      if (in_place_) return *in_place_;
    }
  }
  const std::size_t size = at_hand_->payload.size();
  if (size > into.size()) {
    return error(errc::message_too_large, "recv", place(url_, std::to_string(size)));
  }
  if (size != 0) std::memcpy(into.data(), at_hand_->payload.data(), size);
  release();
  return size;
}

result<std::unique_ptr<receiving_end>> connection_receiver::clone() {
  return error(errc::unsupported, "clone", place(url_, "this mechanism has one receiver"));
}

// ---- bringing the next message

result<void> connection_receiver::bring(const patience& how, std::span<std::byte> into) {
  patient_ = !how.nonblocking;
  for (;;) {
    if (current_ != nullptr) {
      if (current_->pending() != 0 || reads_left_ != 0) {
        auto what = serve(*current_, into);
        if (!what) return what.error();
        if (*what == outcome::message || *what == outcome::in_place) return {};
      }
      current_ = nullptr;
    }
    if (notice_) {
      const error told = std::move(*notice_);
      notice_.reset();
      if (exported_) show_readiness();
      return told;
    }
    if (lane* next = next_ready()) {
      current_ = next;
      reads_left_ = 1;
      continue;
    }
    if (lanes_.empty() && over()) return error(errc::closed, "recv", where_);
    // One lane: try it without asking, as long as that pays. Look at the door and the waker now and then. Where one
    // read takes everything, a burst is given time to gather before it; of packets, which come one by one, after
    // there was none.
    const bool only_one = lanes_.size() == 1;
    const bool bursts = only_one && !how.nonblocking && !shape_.packets && pacer_.look_again();
    if (only_one && (bursts || tries_pay_ || how.nonblocking || tries_ % 16 == 0) &&
        ++tries_ % tries_between_looks != 0) {
      if (closing()) return error(errc::closed, "recv", where_);
      reads_left_ = 1;
      const auto what = serve(*lanes_.begin()->second, into);
      if (!what) return what.error();
      if (*what == outcome::message || *what == outcome::in_place) {
        tries_pay_ = true;
        return {};
      }
      if (*what == outcome::gone || bursts) continue;
      if (!how.nonblocking && shape_.packets && pacer_.look_again()) continue;
      tries_pay_ = false;
    } else {
      ++tries_;
    }
    if (auto ok = wait(how); !ok) return ok;
  }
}

// Serves what is in the buffer of the lane, and reads while it may.
result<connection_receiver::outcome> connection_receiver::serve(lane& from, std::span<std::byte> into) {
  for (int looks = looks_inside_a_message;;) {
    if (take_plain(from)) return outcome::message;
    auto frame = from.next();
    if (!frame) {
      notice_ = frame.error();
      if (!from.peer.introduced && door_ == nullptr) attached_ = true;
      remove(from);
      return outcome::gone;
    }
    if (*frame) {
      auto what = handle(from, **frame);
      if (!what) {
        notice_ = what.error();
        remove(from);
        return outcome::gone;
      }
      if (*what != outcome::nothing) return what;
      continue;
    }
    if (reads_left_ == 0) return outcome::nothing;
    --reads_left_;
    auto came = !into.empty() && from.peer.introduced && from.wants_direct(into.size())
                    ? from.fill_into(into, patient_, in_place_)
                    : from.fill();
    if (std::exchange(slept_, false)) {
      const std::lock_guard held(sleeper_);
      sleeps_in_ = -1;
      if (closing()) return error(errc::closed, "recv", where_);
    }
    if (!came) {
      if (came.error() == errc::would_block) {
        if (!patient_ || shape_.packets || from.pending() == 0 || looks-- == 0) return outcome::nothing;
        sync::relax_for(look_after);  // inside a message
        ++reads_left_;
        continue;
      }
      notice_ = came.error().with_peer(from.peer.pid);
      remove(from);
      return outcome::gone;
    }
    if (in_place_) {
      arrived(from, *in_place_);
      current_ = &from;
      return outcome::in_place;
    }
    if (*came) continue;
    if (auto last = from.next(); last && *last) {  // a last line without its newline
      reads_left_ = 1;
      continue;
    }
    stream_ended(from);
    return outcome::gone;
  }
}

// Deals with one frame: `message` lends it, `nothing` means it was ours and is done with.
result<connection_receiver::outcome> connection_receiver::handle(lane& from, const lane::frame& frame) {
  const auto broken = [&](const char* why) {
    return error(errc::protocol_error, "recv", place(url_, why)).with_peer(from.peer.pid);
  };
  switch (frame.header.kind) {
    case frame_kind::data:
      if (!from.peer.introduced) return broken("a message before the hello");
      if (!frame.descriptors.empty() && !agreed_.descriptors) return broken("descriptors that nobody asked for");
      arrived(from, frame.payload.size());
      current_ = &from;
      at_hand_ = frame;
      return outcome::message;
    case frame_kind::hello: {
      auto welcome = introduce(from, frame.payload);
      if (!welcome) return welcome.error();
      if (!*welcome) {
        remove(from);
        return outcome::gone;
      }
      break;
    }
    case frame_kind::close:  // nothing comes after it, whoever else may still hold the connection
      remove(from);
      return outcome::gone;
    case frame_kind::lane: {
      if (frame.descriptors.size() != 1 || door_ != nullptr)
        return broken("a further connection without its descriptor");
      auto fresh = std::make_unique<lane>(std::move(frame.descriptors[0]), shape_, where_);
      fresh->peer = {.pid = from.peer.pid, .uid = from.peer.uid, .introduced = true};
      from.consume();
      if (auto ok = add(std::move(fresh)); !ok) return ok.error();
      return outcome::nothing;
    }
    case frame_kind::beside:
      from.announce();
      reads_left_ = 1;
      break;
    default: return broken("a frame that only receivers send");
  }
  from.consume();
  return outcome::nothing;
}

// True: welcome. False: refused for its type, which does not make it a sender.
result<bool> connection_receiver::introduce(lane& from, std::span<const std::byte> payload) {
  auto said = decode_hello(payload, where_);
  if (!said) return said.error();
  if (auto same = compare_terms(agreed_, said->schema_hash, said->schema_text, "open", where_); !same) {
    const bytes refusal = encode_refusal(errc::type_mismatch, same.error().detail());
    const os::buffer whole{refusal.data(), refusal.size()};
    os::try_write_stream(from.descriptor(), shape_.kind, {&whole, 1}, where_).ignore();
    return false;
  }
  from.peer.pid = static_cast<int>(said->pid);
  from.peer.introduced = attached_ = true;
  if (how_.senders == 1) shut_door_behind(from);
  return true;
}

}  // namespace transom::transport
