// transom/transport/connection_sender_writing.cpp - the part of connection_sender that waits for room and writes, one
// frame or many. See connection_sender.hpp.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>

#include "transom/transport/connection_sender.hpp"
#include "transom/transport/sealed.hpp"

namespace transom::transport {
namespace {

constexpr std::size_t batch_size = 64 * 1024;  // bytes put together for one write

bool may_end_early(const patience& how) noexcept {
  return how.nonblocking || !how.until.is_never() || how.stop.stop_possible();
}

bool says_gone(const error& e) noexcept {
  return e == std::errc::broken_pipe || e == std::errc::connection_reset || e == std::errc::not_connected ||
         e == std::errc::connection_refused;
}

}  // namespace

result<void> connection_sender::wait_writable(const patience& how) {
  std::array<os::poll_item, 2> items{os::poll_item{}, os::poll_item{link_.descriptor.get(), os::interest::writable, 0}};
  return sleep(items, how, "send");
}

result<void> connection_sender::write_whole(std::span<const os::buffer> frame, std::span<const int> descriptors,
                                            const patience& how) {
  for (;;) {
    auto n = os::try_write_stream(link_.descriptor.get(), shape_.kind, frame, where_, descriptors);
    if (n) return {};
    if (n.error() == std::errc::message_size) {
      return error(errc::message_too_large, "send",
                   place(url_, "larger than a packet can be here, about " + std::to_string(buffer_limit_) +
                                   " bytes; net.core.wmem_max limits it"));
    }
    if (n.error() != errc::would_block) return says_gone(n.error()) ? gone() : n.error().during("send");
    if (auto ok = wait_writable(how); !ok) return ok;
  }
}

// The kernel tells when there is some room, not when there is enough: that is looked for at growing intervals.
result<void> connection_sender::wait_for_room(std::size_t size, const patience& how) {
  if (size > buffer_limit_) {
    if (!how.nonblocking) return {};
    return error(
        errc::message_too_large, "send",
        place(url_, "a send that does not wait takes at most " + std::to_string(buffer_limit_) + " bytes here"));
  }
  for (auto pause = std::chrono::microseconds(50);; pause = std::min(2 * pause, std::chrono::microseconds(1000))) {
    auto room = os::stream_has_room(link_.descriptor.get(), shape_.kind, size, where_);
    if (!room) return room.error();
    if (*room) return {};
    if (auto ok = wait_writable(how); !ok) return ok;
    room = os::stream_has_room(link_.descriptor.get(), shape_.kind, size, where_);
    if (room && *room) return {};
    std::array<os::poll_item, 1> only_waker;
    if (auto ok = sleep(only_waker, how, "send", deadline::after(pause)); !ok) return ok;
    // A peer that has gone makes the descriptor writable for ever without making room.
    std::array<os::poll_item, 1> end{os::poll_item{link_.descriptor.get(), 0, 0}};
    if (os::poll(end, deadline::passed()).value_or(0) != 0) return {};
  }
}

result<void> connection_sender::write_stream(std::span<const os::buffer> frame, std::span<const int> descriptors,
                                             const patience& how) {
  std::array<os::buffer, 3> rest;
  std::ranges::copy(frame, rest.begin());
  std::span<os::buffer> left(rest.data(), frame.size());
  std::size_t total = 0;
  for (const os::buffer& b : frame) total += b.size;
  if (may_end_early(how)) {
    if (auto ok = wait_for_room(total, how); !ok) return ok;
  }
  bool begun = false;
  while (!left.empty()) {
    auto n = os::try_write_stream(link_.descriptor.get(), shape_.kind, left, where_,
                                  begun ? std::span<const int>() : descriptors);
    if (n) {
      begun = begun || *n != 0;
      std::size_t written = *n;
      while (!left.empty() && written >= left.front().size) {
        written -= left.front().size;
        left = left.subspan(1);
      }
      if (!left.empty())
        left.front() = {static_cast<const std::byte*>(left.front().data) + written, left.front().size - written};
      continue;
    }
    if (n.error() != errc::would_block) return says_gone(n.error()) ? gone() : n.error().during("send");
    patience patient = how;
    if (begun) patient.nonblocking = false;  // room was promised; finish what has begun
    if (begun && how.nonblocking) patient.until = deadline::after(std::chrono::seconds(1));
    if (auto ok = wait_writable(patient); !ok) {
      if (begun) cut_ = over_ = true;
      return ok;
    }
  }
  return {};
}

// ---- one message

// The common case, straight through. What it leaves out cannot concern such a message.
result<void> connection_sender::send_small(const outgoing& message, const patience& how) {
  const std::size_t size = message.payload.size();
  std::byte* const frame = scratch(small_frame);  // never new memory for a claimed payload, which lies in the old
  encode_header(next_header(message), frame);
  if (size != 0 && message.payload.data() != frame + frame_header_size)
    std::memcpy(frame + frame_header_size, message.payload.data(), size);
  const os::buffer whole{frame, frame_header_size + size};
  auto written = write_whole({&whole, 1}, {}, how);
  if (written) [[likely]]
    sent(size);
  return written;
}

void connection_sender::sent(std::size_t size) noexcept {
  ++sequence_;
  if (!link_.membership) return;
  link_.membership->mine().messages.add(1);
  link_.membership->mine().bytes.add(size);
}

result<void> connection_sender::deliver(const outgoing& message, std::span<const os::buffer> frame,
                                        const patience& how) {
  const bool whole = shape_.packets || frame_size(message.payload.size()) <= whole_up_to_;
  auto written = whole ? write_whole(frame, message.descriptors, how) : write_stream(frame, message.descriptors, how);
  if (written) sent(message.payload.size());
  return written;
}

// In packets, descriptors that are ours and not the caller's: the receiver does not look for them with every packet.
result<void> connection_sender::announce(const patience& how) {
  if (!shape_.packets) return {};
  std::array<std::byte, frame_header_size> word;
  encode_header({.kind = frame_kind::beside}, word.data());
  const os::buffer whole{word.data(), word.size()};
  return write_whole({&whole, 1}, {}, how);
}

result<void> connection_sender::send_sealed(const outgoing& message, const patience& how) {
  auto packet = seal_message(message, 0, sequence_ + 1, where_);
  if (!packet) return packet.error();
  if (auto ok = announce(how); !ok) return ok;
  const os::buffer whole{packet->frame.data(), packet->frame.size()};
  const outgoing with_memory{.payload = message.payload,
                             .descriptors = {packet->descriptors.data(), packet->descriptor_count}};
  return deliver(with_memory, {&whole, 1}, how);
}

// ---- many messages

std::size_t connection_sender::put_frame(const outgoing& message, std::byte* out) noexcept {
  const std::size_t size = message.payload.size();
  std::byte* at = out;
  if (shape_.framing == framing::native) {
    encode_header(next_header(message), at);
    at += frame_header_size;
  } else if (shape_.framing == framing::length) {
    store_be(at, static_cast<std::uint32_t>(size));
    at += 4;
  }
  if (size != 0) std::memcpy(at, message.payload.data(), size);
  at += size;
  if (shape_.framing == framing::line) *at++ = std::byte{'\n'};
  ++sequence_;
  return static_cast<std::size_t>(at - out);
}

result<std::size_t> connection_sender::send_many(std::span<const outgoing> messages, const patience& how) {
  visit in(*this, "send");
  if (!in) return in.error();
  if (auto ok = begin(how); !ok) return ok.error();
  std::size_t accepted = 0;
  while (accepted < messages.size()) {
    const auto rest = messages.subspan(accepted);
    result<std::size_t> some = std::size_t{0};
    if (!shape_.packets) some = write_batch(rest, how);
    if (some && *some == 0) {  // too large for a batch, or in packets
      auto ok = check(rest.front());
      if (ok) ok = send_one(rest.front(), how);
      if (!ok) some = ok.error();
      else some = std::size_t{1};
    }
    if (!some) return accepted != 0 ? result<std::size_t>(accepted) : some;
    accepted += *some;
  }
  return accepted;
}

// As many of the first messages as fit one write, put together; 0 if not even the first does.
result<std::size_t> connection_sender::write_batch(std::span<const outgoing> messages, const patience& how) {
  const std::size_t limit = may_end_early(how) ? std::min(batch_size, buffer_limit_ / 2) : batch_size;
  std::size_t size = 0, count = 0;
  for (; count < messages.size(); ++count) {
    const outgoing& m = messages[count];
    const std::size_t more = frame_size(m.payload.size());
    if (size + more > limit || m.payload.size() > copied_up_to || !m.descriptors.empty() || !check(m)) break;
    size += more;
  }
  if (count <= 1) return std::size_t{0};
  // Claimed payloads lie in the scratch memory, so the frames are put together beside it.
  const std::uint32_t first = sequence_;
  if (!batch_) batch_ = std::make_unique_for_overwrite<std::byte[]>(batch_size);
  std::size_t at = 0, payload = 0;
  for (const outgoing& m : messages.first(count)) {
    at += put_frame(m, batch_.get() + at);
    payload += m.payload.size();
  }
  const os::buffer whole{batch_.get(), at};
  auto written = at <= whole_up_to_ ? write_whole({&whole, 1}, {}, how) : write_stream({&whole, 1}, {}, how);
  if (!written) {
    sequence_ = first;
    return written.error();
  }
  if (link_.membership) {
    link_.membership->mine().messages.add(count);
    link_.membership->mine().bytes.add(payload);
  }
  return count;
}

}  // namespace transom::transport
