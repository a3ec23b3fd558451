// transom/transport/connection_receiver.cpp - see connection_receiver.hpp.
#include "transom/transport/connection_receiver.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>

namespace transom::transport {
namespace {

constexpr std::uint64_t waker_tag = 0, door_tag = 1;
constexpr unsigned reads_per_turn = 16;  // of one lane while others may be waiting
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

result<incoming> connection_receiver::front(long type, const patience& how) {
  visit in(*this, "recv");
  if (!in) return in.error();
  if (auto ok = begin("recv", type, how); !ok) return ok.error();
  if (!at_hand_) {
    if (auto ok = bring(how, {}); !ok) return ok.error();
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
  visit in(*this, "recv");
  if (!in) return in.error();
  if (auto ok = begin("recv", type, how); !ok) return ok.error();
  if (!at_hand_) {
    in_place_.reset();
    if (auto ok = bring(how, into); !ok) return ok.error();
    if (in_place_) return *in_place_;
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
  for (;;) {
    if (current_ != nullptr) {
      auto what = serve(*current_, into);
      if (!what) return what.error();
      if (*what == outcome::message || *what == outcome::in_place) return {};
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
    if (over()) return error(errc::closed, "recv", where_);
    // One lane: try it without asking, as long as that pays. Look at the door and the waker now and then.
    if (lanes_.size() == 1 && (tries_pay_ || how.nonblocking || tries_ % 16 == 0) &&
        ++tries_ % tries_between_looks != 0) {
      lane& only = *lanes_.begin()->second;
      reads_left_ = reads_per_turn;
      const auto what = serve(only, into);
      if (!what) return what.error();
      if (*what == outcome::message || *what == outcome::in_place) {
        tries_pay_ = true;
        return {};
      }
      if (*what == outcome::gone) continue;
      tries_pay_ = false;
    } else {
      ++tries_;
    }
    if (auto ok = wait(how); !ok) return ok;
  }
}

// Serves what is in the buffer of the lane, and reads while it may.
result<connection_receiver::outcome> connection_receiver::serve(lane& from, std::span<std::byte> into) {
  for (;;) {
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
                    ? from.fill_into(into, in_place_)
                    : from.fill();
    if (!came) {
      if (came.error() == errc::would_block) return outcome::nothing;
      notice_ = came.error().with_peer(from.peer.pid);
      remove(from);
      return outcome::gone;
    }
    if (in_place_) {
      ++from.peer.received;
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
      ++from.peer.received;
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
  return true;
}

// ---- waiting

lane* connection_receiver::next_ready() noexcept {
  while (ready_begin_ != ready_end_) {
    const auto found = lanes_.find(ready_[ready_begin_++]);
    if (found != lanes_.end()) return found->second.get();
  }
  return nullptr;
}

result<void> connection_receiver::wait(const patience& how) {
  auto ring = [this] { waker_.ring(); };
  std::optional<std::stop_callback<decltype(ring)>> on_stop;
  if (!how.nonblocking && how.stop.stop_possible()) on_stop.emplace(how.stop, ring);
  for (;;) {
    if (closing()) return error(errc::closed, "recv", where_);
    if (how.stop.stop_requested()) return error(errc::canceled, "recv", where_);
    std::array<os::epoll_event_out, 32> events;
    deadline until = how.nonblocking ? deadline::passed() : how.until;
    if (door_shut_) until = std::min(until, deadline::after(std::chrono::milliseconds(100)));
    auto count = poll_.wait(events, until);
    if (!count) return count.error().at(where_);
    ready_begin_ = ready_end_ = 0;
    for (std::size_t i = 0; i < *count; ++i) note(events[i]);
    if (door_shut_) let_in();
    if (ready_end_ != 0 || notice_) return {};
    if (*count != 0 && over()) return {};
    if (how.nonblocking) return error(errc::would_block, "recv", where_);
    if (how.until.expired() && !closing()) return error(errc::timed_out, "recv", where_);
  }
}

void connection_receiver::note(const os::epoll_event_out& event) {
  if (event.tag == waker_tag) {
    if (!closing() && !ended_) {
      waker_.clear();
      shown_ready_ = false;
    }
  } else if (event.tag == door_tag) {
    let_in();
  } else if (ready_end_ != ready_.size()) {
    ready_[ready_end_++] = event.tag;
  }
}

void connection_receiver::let_in() {
  for (;;) {
    auto visitor = door_->try_accept();
    if (!visitor) {
      const bool full = visitor.error() == std::errc::too_many_files_open ||
                        visitor.error() == std::errc::too_many_files_open_in_system;
      if (full && !door_shut_) {  // else the open door would keep us spinning
        door_shut_ = true;
        notice_ = visitor.error().at(place(url_, "a sender cannot be let in; raise ulimit -n"));
        poll_.remove(door_->descriptor()).ignore();
      } else if (!full && door_shut_) {
        door_shut_ = false;
        poll_.add(door_->descriptor(), os::interest::readable, door_tag).ignore();
      }
      return;
    }
    auto fresh = std::make_unique<lane>(std::move(visitor->connection), shape_, where_);
    fresh->peer = {.pid = visitor->pid, .uid = visitor->uid};
    if (shape_.framing != framing::native) fresh->peer.introduced = attached_ = true;
    if (auto ok = add(std::move(fresh)); !ok) notice_ = ok.error();
  }
}

result<void> connection_receiver::add(std::unique_ptr<lane> fresh) {
  const std::uint64_t tag = next_tag_++;
  if (auto ok = poll_.add(fresh->descriptor(), os::interest::readable, tag); !ok) return ok.error().at(where_);
  lanes_.emplace(tag, std::move(fresh));
  if (ready_end_ != ready_.size()) ready_[ready_end_++] = tag;  // its first words are often there already
  return {};
}

// ---- ends

void connection_receiver::stream_ended(lane& which) {
  const bool orderly = shape_.framing != framing::native && !which.torn();
  if (!orderly && which.peer.introduced && !how_.keep_open) {
    error died(errc::peer_died, "recv",
               which.torn() ? place(url_, "in the middle of a message, which is dropped") : where_);
    notice_ = died.with_peer(which.peer.pid);
  }
  remove(which);
}

void connection_receiver::remove(lane& which) noexcept {
  poll_.remove(which.descriptor()).ignore();
  if (current_ == &which) current_ = nullptr;
  std::erase_if(lanes_, [&](const auto& entry) { return entry.second.get() == &which; });
  if (membership_) {
    while (membership_->next_casualty()) {}
  }
}

bool connection_receiver::over() noexcept {
  if (ended_) return true;
  if (!lanes_.empty() || notice_ || how_.keep_open) return false;
  if (door_ && !attached_) return false;
  if (door_) {
    let_in();
    if (!lanes_.empty() || notice_) return false;
    door_->take_name_away();
    if (membership_) membership_->leave();
  }
  ended_ = true;
  waker_.ring();
  return true;
}

void connection_receiver::say_goodbye(int connection) noexcept {
  if (shape_.kind == os::stream_kind::pipe || shape_.kind == os::stream_kind::foreign) return;
  if (shape_.framing == framing::native) {
    std::array<std::byte, frame_header_size> word;
    encode_header({.kind = frame_kind::close}, word.data());
    const os::buffer whole{word.data(), word.size()};
    os::try_write_stream(connection, shape_.kind, {&whole, 1}, where_).ignore();
  }
  os::finish_writing(connection, shape_.kind);
}

void connection_receiver::finish() noexcept {
  if (door_) {
    door_->take_name_away();
    for (auto visitor = door_->try_accept(); visitor; visitor = door_->try_accept())
      say_goodbye(visitor->connection.get());
    poll_.remove(door_->descriptor()).ignore();
    door_.reset();
  }
  // The lanes themselves stay: somebody may be looking at the message at hand.
  for (auto& [tag, lane] : lanes_) {
    const fd connection(lane->release());
    say_goodbye(connection.get());
  }
  if (membership_) membership_->leave();
}

// ---- readiness, hand-over

result<int> connection_receiver::ready_fd() {
  exported_ = true;
  show_readiness();
  return poll_.fd();
}

// The kernel's part is level-triggered by itself; what lies in our buffers is shown through the waker.
void connection_receiver::show_readiness() noexcept {
  bool more = notice_.has_value() || ended_ || at_hand_.has_value();
  if (!more && current_ != nullptr) {
    const auto next = current_->next();
    more = !next || next->has_value();
  }
  if (more == shown_ready_) return;
  shown_ready_ = more;
  if (more) waker_.ring();
  else if (!closing()) waker_.clear();
}

result<handover> connection_receiver::give() {
  visit in(*this, "give");
  if (!in) return in.error();
  if (door_)
    return error(errc::unsupported, "give",
                 place(url_, "a receiver that owns a name stays where it is; open it in the child"));
  handover packed{.url = url_, .descriptors = {}, .state = {}};
  for (auto& [tag, from] : lanes_) {
    const bytes unread = from->unread();
    std::array<std::byte, 8> size;
    store_le(size.data(), static_cast<std::uint64_t>(unread.size()));
    packed.state.insert(packed.state.end(), size.begin(), size.end());
    packed.state.insert(packed.state.end(), unread.begin(), unread.end());
    packed.descriptors.emplace_back(from->release());
  }
  current_ = nullptr;
  lanes_.clear();
  return packed;
}

}  // namespace transom::transport
