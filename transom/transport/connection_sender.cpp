// transom/transport/connection_sender.cpp - see connection_sender.hpp.
#include "transom/transport/connection_sender.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>

#include "transom/os/own_process.hpp"
#include "transom/os/unix_socket.hpp"

namespace transom::transport {
connection_sender::connection_sender(parts from, os::waker waker)
    : kernel_end(std::move(from.url), from.features, from.shape.max_message, std::move(waker)),
      how_(from.how),
      agreed_(from.agreed),
      shape_(from.shape),
      link_(std::move(from.link)),
      again_(std::move(from.again)),
      search_(how_) {}

result<std::unique_ptr<sending_end>> connection_sender::make(parts from) {
  auto waker = os::waker::make();
  if (!waker) return waker.error().at(place(from.url));
  const bool introduce = from.introduce;
  std::unique_ptr<connection_sender> made(new connection_sender(std::move(from), std::move(*waker)));
  const int number = made->link_.descriptor.get();
  os::enlarge_stream_buffer(number, made->shape_.kind,
                            frame_header_size + std::min<std::size_t>(made->largest_message_, 1u << 17));
  auto limit = os::stream_buffer_size(number, made->shape_.kind, made->where_);
  if (!limit) return limit.error();
  made->buffer_limit_ = *limit;
  static_assert(small_frame <= os::atomic_size);
  if (made->shape_.kind == os::stream_kind::pipe) made->whole_up_to_ = os::atomic_size;
  if (made->shape_.kind == os::stream_kind::unix_socket) made->whole_up_to_ = small_frame;
  if (introduce) {
    auto said = made->say_hello(patience::until_time(deadline::after(made->how_.connect_timeout)));
    if (!said) return said.error().during("open");
  }
  return std::unique_ptr<sending_end>(std::move(made));
}

connection_sender::~connection_sender() { close(); }

result<void> connection_sender::say_hello(const patience& how) {
  if (shape_.framing != framing::native) return {};
  const bytes words = encode_hello(agreed_, largest_message_, 0);
  const os::buffer whole{words.data(), words.size()};
  return shape_.packets ? write_whole({&whole, 1}, {}, how) : write_stream({&whole, 1}, {}, how);
}

// ---- calls

result<void> connection_sender::begin(const patience& how) {
  if (how.stop.stop_requested()) return error(errc::canceled, "send", where_);
  if (!over_) return {};
  if (!how_.reconnect || !again_ || cut_) return error(errc::closed, "send", where_);
  patience soon = how;
  soon.until = std::min(how.until, deadline::after(how_.connect_timeout));
  auto link = search_.look(how_, how, "send", again_);
  if (!link) return link.error();
  link_ = std::move(*link);
  over_ = false;
  sequence_ = 0;
  return say_hello(soon);
}

result<void> connection_sender::check(const outgoing& message) const {
  if (message.priority != 0 || message.type != 0) {
    return error(errc::unsupported, "send", place(url_, "priorities need posix-mq, types sysv-mq"));
  }
  if (message.payload.size() > largest_message_) {
    return error(errc::message_too_large, "send",
                 place(url_, std::to_string(message.payload.size()) +
                                 " bytes exceed max_message=" + std::to_string(largest_message_)));
  }
  if (!message.descriptors.empty() && !features_.contains(fd_passing)) {
    return error(errc::unsupported, "send", place(url_, "this mechanism carries no descriptors"));
  }
  if (message.descriptors.size() > most_descriptors) {
    return error(errc::message_too_large, "send", place(url_, "at most 16 descriptors travel with a message"));
  }
  if (shape_.framing == framing::line && std::memchr(message.payload.data(), '\n', message.payload.size()) != nullptr) {
    return error::system(static_cast<int>(std::errc::invalid_argument), "send",
                         place(url_, "a line cannot contain a newline"));
  }
  return {};
}

result<void> connection_sender::send(const outgoing& message, const patience& how) {
  visit in(*this, "send");
  if (!in) return in.error();
  const bool small = shape_.framing == framing::native && whole_up_to_ != 0 &&
                     message.payload.size() <= std::min(copied_up_to, largest_message_) &&
                     message.descriptors.empty() && (message.priority | message.type) == 0;
  if (small && !over_ && !how.stop.stop_requested()) [[likely]]
    return send_small(message, how);
  if (auto ok = begin(how); !ok) return ok;
  if (auto ok = check(message); !ok) return ok;
  return send_one(message, how);
}

result<std::span<std::byte>> connection_sender::claim(std::size_t size, const patience& how) {
  if (how.stop.stop_requested()) return error(errc::canceled, "send", where_);
  if (size > largest_message_) {
    return error(errc::message_too_large, "send",
                 place(url_, std::to_string(size) + " bytes exceed max_message=" + std::to_string(largest_message_)));
  }
  return std::span(scratch(frame_header_size + size + 1) + frame_header_size, size);
}

result<void> connection_sender::commit(const outgoing& message, const patience& how) { return send(message, how); }

result<std::unique_ptr<sending_end>> connection_sender::clone() {
  visit in(*this, "clone");
  if (!in) return in.error();
  const auto over = [this](connection link) {
    return make({.url = url_,
                 .features = features_,
                 .how = how_,
                 .agreed = agreed_,
                 .shape = shape_,
                 .link = std::move(link),
                 .again = again_});
  };
  if (again_) {
    auto link = again_(patience::until_time(deadline::after(how_.connect_timeout)));
    if (!link) return link.error().during("clone");
    return over(std::move(*link));
  }
  if (shape_.kind != os::stream_kind::unix_socket || shape_.framing != framing::native || over_) {
    return error(errc::unsupported, "clone", place(url_, "this connection has one sender"));
  }
  // A connection of its own, whose other half travels to the receiver over this one.
  auto fresh = os::unix_socket::pair(shape_.packets ? os::socket_kind::seqpacket : os::socket_kind::stream);
  if (!fresh) return fresh.error().at(where_).during("clone");
  std::array<std::byte, frame_header_size> word;
  encode_header({.kind = frame_kind::lane, .descriptors = 1}, word.data());
  const os::buffer whole{word.data(), word.size()};
  const int theirs = fresh->second.fd();
  const auto how = patience::until_time(deadline::after(how_.connect_timeout));
  auto sent = announce(how);
  if (sent)
    sent = shape_.packets ? write_whole({&whole, 1}, {&theirs, 1}, how) : write_stream({&whole, 1}, {&theirs, 1}, how);
  if (!sent) return sent.error().during("clone");
  return over({.descriptor = std::move(fresh->first).release(), .peer_pid = link_.peer_pid});
}

// ---- one message

std::byte* connection_sender::scratch(std::size_t size) {
  if (size > scratch_size_) {
    scratch_size_ = std::max({size, small_frame, std::min<std::size_t>(2 * scratch_size_, 1u << 20)});
    scratch_ = std::make_unique_for_overwrite<std::byte[]>(scratch_size_);
  }
  return scratch_.get();
}

frame_header connection_sender::next_header(const outgoing& message) const noexcept {
  return {.length = static_cast<std::uint32_t>(message.payload.size()),
          .kind = frame_kind::data,
          .descriptors = static_cast<std::uint8_t>(message.descriptors.size()),
          .sequence = sequence_ + 1};
}

std::size_t connection_sender::frame_size(std::size_t payload) const noexcept {
  switch (shape_.framing) {
    case framing::native: return frame_header_size + payload;
    case framing::length: return 4 + payload;
    case framing::line: return payload + 1;
    case framing::raw: return payload;
  }
  return payload;
}

result<void> connection_sender::send_one(const outgoing& message, const patience& how) {
  const std::size_t size = message.payload.size();
  if (size == 0 && shape_.packets && shape_.framing == framing::raw) {
    return error(errc::unsupported, "send", place(url(), "an empty packet without a header looks like the end"));
  }
  if (shape_.packets && shape_.framing == framing::native && frame_header_size + size > buffer_limit_ / 2) {
    return send_sealed(message, how);
  }
  std::array<std::byte, frame_header_size> head_memory;
  std::byte* head = head_memory.data();
  const bool claimed = scratch_ && message.payload.data() == scratch_.get() + frame_header_size;
  bool joined = claimed;
  const std::size_t head_size = frame_size(size) - size - (shape_.framing == framing::line ? 1 : 0);
  if (claimed) {
    head = scratch_.get() + frame_header_size - head_size;
  } else if (size <= copied_up_to) {
    head = scratch(small_frame);
    if (size != 0) std::memcpy(head + head_size, message.payload.data(), size);
    joined = true;
  }
  if (shape_.framing == framing::native) encode_header(next_header(message), head);
  else if (shape_.framing == framing::length) store_be(head, static_cast<std::uint32_t>(size));
  if (joined) {
    if (shape_.framing == framing::line) head[size] = std::byte{'\n'};
    const os::buffer whole{head, frame_size(size)};
    return deliver(message, {&whole, 1}, how);
  }
  static constexpr std::byte newline{'\n'};
  std::array<os::buffer, 3> pieces;
  std::size_t used = 0;
  if (head_size != 0) pieces[used++] = {head, head_size};
  pieces[used++] = {message.payload.data(), size};
  if (shape_.framing == framing::line) pieces[used++] = {&newline, 1};
  return deliver(message, {pieces.data(), used}, how);
}

// ---- the end

// The peer has gone. What did it say last? A pipe has no way back and cannot tell.
error connection_sender::gone() {
  over_ = true;
  const bool socket = shape_.kind == os::stream_kind::unix_socket || shape_.kind == os::stream_kind::inet_socket;
  if (!socket || shape_.framing != framing::native) return error(errc::closed, "send", where_);
  std::array<std::byte, frame_header_size + largest_hello> words;
  const os::space into{words.data(), words.size()};
  for (int attempt = 0; attempt < 2; ++attempt) {  // the first may only fetch the reset itself
    auto n = os::try_read_stream(link_.descriptor.get(), shape_.kind, {&into, 1}, where_);
    if (!n || *n < frame_header_size) continue;
    const auto header = decode_header(words.data());
    if (!header || frame_header_size + header->length > *n) break;
    if (header->kind == frame_kind::close) return error(errc::closed, "send", where_);
    if (header->kind == frame_kind::refuse) {
      return decode_refusal({words.data() + frame_header_size, header->length}, where_);
    }
  }
  return error(errc::peer_died, "send", where_).with_peer(link_.peer_pid == os::own_pid() ? 0 : link_.peer_pid);
}

void connection_sender::finish() noexcept {
  if (!over_ && !cut_ && shape_.framing == framing::native) {
    std::array<std::byte, frame_header_size> word;
    encode_header({.kind = frame_kind::close, .sequence = sequence_}, word.data());
    const os::buffer whole{word.data(), word.size()};
    for (int attempt = 0; attempt < 40; ++attempt) {
      auto n = os::try_write_stream(link_.descriptor.get(), shape_.kind, {&whole, 1}, where_);
      if (n || n.error() != errc::would_block) break;
      if (attempt == 0) {
        os::make_room_for_a_last_word(link_.descriptor.get(), shape_.kind);
      } else {
        std::array<os::poll_item, 1> writable{os::poll_item{link_.descriptor.get(), os::interest::writable, 0}};
        os::poll(writable, deadline::after(std::chrono::milliseconds(25))).ignore();
      }
    }
  }
  os::finish_writing(link_.descriptor.get(), shape_.kind);
  if (link_.membership) link_.membership->leave();
  link_.descriptor.reset();
}

result<int> connection_sender::ready_fd() {
  if (!epoll_) {
    auto made = os::epoll::make();
    if (!made) return made.error().at(where_);
    if (auto ok = made->add(waker_.fd(), os::interest::readable, 0); !ok) return ok.error().at(where_);
    if (link_.descriptor) {
      auto watched = made->add(link_.descriptor.get(), os::interest::writable, 1);
      if (watched.failed_with(std::errc::operation_not_permitted)) waker_.ring();  // a regular file is always ready
      else if (!watched) return watched.error().at(where_);
    }
    epoll_.emplace(std::move(*made));
  }
  return epoll_->fd();
}

result<handover> connection_sender::give() {
  visit in(*this, "give");
  if (!in) return in.error();
  if (over_) return error(errc::closed, "give", where_);
  handover packed{.url = url_, .descriptors = {}, .state = {}};
  packed.descriptors.push_back(std::move(link_.descriptor));
  packed.state.push_back(static_cast<std::byte>(shape_.kind));
  over_ = cut_ = true;  // nothing is said to the peer: the connection goes on elsewhere
  return packed;
}

}  // namespace transom::transport
