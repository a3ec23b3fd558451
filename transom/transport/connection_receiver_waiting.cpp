// transom/transport/connection_receiver_waiting.cpp - the part of connection_receiver that waits, lets senders in, and
// deals with the end of a connection or of everything. See connection_receiver.hpp.
#include <algorithm>
#include <chrono>
#include <mutex>

#include "transom/transport/connection_receiver.hpp"

namespace transom::transport {

// ---- waiting

lane* connection_receiver::next_ready() noexcept {
  while (ready_begin_ != ready_end_) {
    const auto found = lanes_.find(ready_[ready_begin_++]);
    if (found != lanes_.end()) return found->second.get();
  }
  return nullptr;
}

// The only lane of a channel without a door is polled, not watched: a descriptor in an epoll set costs its writers a
// call into that set with every message, a polled one nothing while we are awake. A socket that is waited for without
// end is not even polled: the read itself sleeps, which on a stream hands over sooner, and close() shuts the socket.
// Under sleeper_, either the reader sees that it is closing, or close() sees where it sleeps, and the descriptor is
// open.
result<void> connection_receiver::wait_for_the_only_lane(const patience& how) {
  const bool for_ever = !how.nonblocking && how.until.is_never() && !how.stop.stop_possible();
  if (for_ever && !lanes_.empty() && lanes_.begin()->second->may_block()) {
    lane& only = *lanes_.begin()->second;
    const std::lock_guard held(sleeper_);
    if (closing()) return error(errc::closed, "recv", where_);
    sleeps_in_ = only.descriptor();
    slept_ = true;
    only.block_once();
    ready_begin_ = 0;
    ready_[0] = lanes_.begin()->first;
    ready_end_ = 1;
    return {};
  }
  std::array<os::poll_item, 2> items{};
  if (!lanes_.empty()) items[1] = {lanes_.begin()->second->descriptor(), os::interest::readable, 0};
  else items[1].fd = -1;
  if (auto ok = sleep(items, how, "recv"); !ok) return ok;
  ready_begin_ = ready_end_ = 0;
  if (!lanes_.empty()) ready_[ready_end_++] = lanes_.begin()->first;
  return {};
}

void connection_receiver::rouse() noexcept {
  const std::lock_guard held(sleeper_);
  if (sleeps_in_ >= 0) os::end_reading(sleeps_in_);
}

result<void> connection_receiver::watch(std::uint64_t tag, const lane& which) {
  auto watched = poll_.add(which.descriptor(), os::interest::readable, tag);
  if (watched.failed_with(std::errc::operation_not_permitted) &&
      !door_) {  // a file is always ready, and cannot be watched
    auto made = os::waker::make();
    if (!made) return made.error().at(where_);
    made->ring();
    stand_in_.emplace(std::move(*made));
    watched = poll_.add(stand_in_->fd(), os::interest::readable, tag);
  }
  if (!watched) return watched.error().at(where_);
  return {};
}

result<void> connection_receiver::start_watching() {
  if (watching_) return {};
  for (const auto& [tag, lane] : lanes_) {
    if (auto ok = watch(tag, *lane); !ok) return ok;
  }
  watching_ = true;
  return {};
}

result<void> connection_receiver::wait(const patience& how) {
  if (!watching_) return wait_for_the_only_lane(how);
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
    lane& newcomer = *fresh;
    if (auto ok = add(std::move(fresh)); !ok) notice_ = ok.error();
    else if (newcomer.peer.introduced && how_.senders == 1) return shut_door_behind(newcomer);
  }
}

// senders=1: the first is the only one. Whoever else has come is told so, and nobody needs to be watched any more.
void connection_receiver::shut_door_behind(lane& only) {
  if (!door_) return;
  const bytes words = encode_refusal(errc::no_peer, "the receiver takes one sender (senders=1)");
  const os::buffer whole{words.data(), words.size()};
  const auto send_away = [&](int connection) {
    if (shape_.framing != framing::native) return;
    os::try_write_stream(connection, shape_.kind, {&whole, 1}, where_).ignore();
  };
  door_->take_name_away();
  for (auto visitor = door_->try_accept(); visitor; visitor = door_->try_accept()) send_away(visitor->connection.get());
  poll_.remove(door_->descriptor()).ignore();
  door_.reset();
  door_shut_ = false;
  std::erase_if(lanes_, [&](const auto& entry) {
    const bool other = entry.second.get() != &only;
    if (other) send_away(entry.second->descriptor());
    return other;
  });
  ready_begin_ = ready_end_ = 0;
  if (!exported_) {
    poll_.remove(only.descriptor()).ignore();
    watching_ = false;
  }
}

result<void> connection_receiver::add(std::unique_ptr<lane> fresh) {
  const std::uint64_t tag = next_tag_++;
  if (!lanes_.empty()) {
    if (auto ok = start_watching(); !ok) return ok;
  }
  if (watching_) {
    if (auto ok = watch(tag, *fresh); !ok) return ok;
  }
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
  if (watching_) poll_.remove(which.descriptor()).ignore();
  stand_in_.reset();
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
  if (auto ok = start_watching(); !ok) return ok.error();
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
