// transom/transport/lane.cpp - see lane.hpp.
#include "transom/transport/lane.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "transom/os/memfd.hpp"

namespace transom::transport {
namespace {

constexpr std::size_t first_buffer =
    65'536 + 2 * frame_header_size;  // one message of the default size, and a look ahead
constexpr std::size_t sealed_body = 8;

}  // namespace

lane::lane(transom::fd owned, shape how, place where)
    : fd_(std::move(owned)), shape_(how), where_(std::move(where)), may_block_(os::let_block(fd_.get(), how.kind)) {}

error lane::broken(std::string_view why) const {
  return error(errc::protocol_error, "recv", place(where_.url(), why)).with_peer(peer.pid);
}

// ---- the buffer

void lane::make_room(std::size_t size) {
  if (begin_ == end_) begin_ = end_ = 0;
  if (size_ - end_ >= size) return;
  if (size_ - (end_ - begin_) >= size) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
  } else {
    const std::size_t bigger = std::max({first_buffer, 2 * size_, end_ - begin_ + size});
    auto fresh = std::make_unique_for_overwrite<std::byte[]>(bigger);
    if (end_ != begin_) std::memcpy(fresh.get(), buffer_.get() + begin_, end_ - begin_);
    buffer_ = std::move(fresh);
    size_ = bigger;
  }
  end_ -= begin_;
  begin_ = 0;
}

void lane::drop_what_came_beside() noexcept {
  sealed_.reset();
  for (; handed_count_ != 0; --handed_count_) handed_out_[handed_count_ - 1].reset();
}

void lane::continue_with(transom::fd other) noexcept {
  fd_ = std::move(other);
  at_end_ = false;
}

void lane::forget() noexcept {
  begin_ = end_ = frame_size_ = 0;
  descriptors_.clear();
  consume();
}

bytes lane::unread() const { return bytes(buffer_.get() + begin_, buffer_.get() + end_); }

void lane::put_back(std::span<const std::byte> data) {
  if (data.empty()) return;
  make_room(data.size());
  std::ranges::copy(data, buffer_.get() + end_);
  end_ += data.size();
}

// ---- reading

result<bool> lane::read(std::span<const os::space> into, std::size_t& n) {
  auto* box = shape_.takes_descriptors && (announced_ || !shape_.descriptors_announced) ? &arrived_ : nullptr;
  auto got = std::exchange(blocks_once_, false) ? os::read_stream(fd_.get(), into, where_, box)
                                                : os::try_read_stream(fd_.get(), shape_.kind, into, where_, box);
  if (!got) {
    // A peer that ended with our words unread resets the connection; everything it had sent came before that.
    if (got.error() == std::errc::connection_reset || got.error() == std::errc::broken_pipe) {
      if (at_end_ || !shape_.packets) return false;
      at_end_ = true;  // packets: the reset is reported ahead of what is still queued, once
      return read(into, n);
    }
    return got.error();
  }
  if (box != nullptr) {
    for (std::size_t i = 0; i < box->count; ++i) descriptors_.push_back(std::move(box->list[i]));
    box->count = 0;
    announced_ = false;
  }
  n = *got;
  return n != 0;
}

result<bool> lane::fill() {
  if (shape_.packets) {
    begin_ = end_ = 0;
    make_room(std::max(first_buffer, std::min<std::size_t>(shape_.max_message, 1u << 20) + frame_header_size));
  } else {
    // Room for the frame that has begun, as far as it is known, and never for more than it may be.
    std::size_t wanted = frame_header_size;
    if (shape_.framing == framing::native && pending() >= frame_header_size) {
      if (const auto header = decode_header(buffer_.get() + begin_)) {
        wanted = std::min<std::size_t>(
            header->length + 2 * frame_header_size - std::min(pending(), std::size_t{header->length}),
            std::max(first_buffer, 2 * pending()));
      }
    } else if (pending() >= size_ / 2) {
      wanted = std::max(first_buffer, pending());
    }
    make_room(wanted);
  }
  std::size_t n = 0;
  const os::space all{buffer_.get() + end_, size_ - end_};
  auto came = read({&all, 1}, n);
  end_ += n;
  at_end_ = at_end_ || (came && !*came);
  return came;
}

// ---- frames

result<std::optional<lane::frame>> lane::next_in_buffer() {
  switch (shape_.framing) {
    case framing::native: return next_native();
    case framing::length: return next_length();
    case framing::line: return next_line();
    case framing::raw: return next_raw();
  }
  return std::nullopt;
}

result<std::span<fd>> lane::take_descriptors(std::size_t count) {
  if (descriptors_.size() < count) return broken("descriptors are missing");
  for (std::size_t i = 0; i < count; ++i) {
    handed_out_[i] = std::move(descriptors_.front());
    descriptors_.pop_front();
  }
  handed_count_ = count;
  return std::span(handed_out_).first(count);
}

result<std::optional<lane::frame>> lane::next_native() {
  if (pending() < frame_header_size) {
    if (shape_.packets && pending() != 0) return broken("a packet shorter than a header");
    return std::nullopt;
  }
  const auto header = decode_header(buffer_.get() + begin_);
  if (!header) return broken("what came is no message of ours (a peer that needs framing=length, line or raw?)");
  const std::size_t limit =
      header->kind == frame_kind::data || header->kind == frame_kind::fragment ? shape_.max_message : largest_hello;
  if (header->length > limit) {
    return broken("a message of " + std::to_string(header->length) +
                  " bytes exceeds max_message=" + std::to_string(limit));
  }
  const std::size_t whole = frame_header_size + header->length;
  if (shape_.packets ? pending() != whole : pending() < whole) {
    if (shape_.packets) return broken("a packet of another length than its header says");
    return std::nullopt;
  }
  if (frame_size_ == 0) {  // seen for the first time
    auto descriptors = take_descriptors(header->descriptors);
    if (!descriptors) return descriptors.error();
    frame_size_ = whole;
    if (header->kind == frame_kind::data) last_length_ = header->length;
  }
  if (header->kind == frame_kind::sealed) return sealed_payload(*header);
  return frame{*header,
               {buffer_.get() + begin_ + frame_header_size, header->length},
               std::span(handed_out_).first(header->descriptors)};
}

result<std::optional<lane::frame>> lane::sealed_payload(const frame_header& header) {
  if (header.length != sealed_body || header.descriptors == 0) return broken("a sealed message without its memory");
  const auto size = load_le<std::uint64_t>(buffer_.get() + begin_ + frame_header_size);
  if (size > shape_.max_message || size == 0) {
    return broken("a sealed message of " + std::to_string(size) + " bytes exceeds max_message");
  }
  if (!sealed_) {
    auto memory =
        os::memfd::adopt(std::move(handed_out_[0]), os::seal::shrink | os::seal::grow | os::seal::write, size);
    if (!memory) return broken(memory.error().detail());
    auto mapped = os::mapping::map(memory->fd(), 0, size, os::access::read_only, os::share::shared, where_);
    if (!mapped) return mapped.error();
    sealed_.emplace(std::move(*mapped));
  }
  frame_header as_data = header;
  as_data.kind = frame_kind::data;
  as_data.descriptors = static_cast<std::uint8_t>(header.descriptors - 1);
  return frame{as_data, sealed_->bytes().first(size), std::span(handed_out_).subspan(1, as_data.descriptors)};
}

result<std::optional<lane::frame>> lane::next_length() {
  if (pending() < 4) return std::nullopt;
  const auto length = load_be<std::uint32_t>(buffer_.get() + begin_);
  if (length > shape_.max_message) {
    return broken("a message of " + std::to_string(length) +
                  " bytes exceeds max_message=" + std::to_string(shape_.max_message));
  }
  if (pending() < 4 + std::size_t{length}) return std::nullopt;
  frame_size_ = 4 + std::size_t{length};
  return frame{{.length = length}, {buffer_.get() + begin_ + 4, length}, {}};
}

result<std::optional<lane::frame>> lane::next_line() {
  const std::byte* const from = buffer_.get() + begin_;
  const auto* newline = pending() == scanned_
                            ? nullptr
                            : static_cast<const std::byte*>(std::memchr(from + scanned_, '\n', pending() - scanned_));
  std::size_t length = 0;
  if (newline != nullptr) {
    length = static_cast<std::size_t>(newline - from);
    frame_size_ = length + 1;
  } else if (at_end_ && pending() != 0) {
    length = frame_size_ = pending();  // a last line without a newline
  } else {
    scanned_ = pending();
    if (scanned_ <= shape_.max_message) return std::nullopt;
    length = scanned_;
  }
  if (length > shape_.max_message)
    return broken("a line longer than max_message=" + std::to_string(shape_.max_message));
  return frame{{.length = static_cast<std::uint32_t>(length)}, {from, length}, {}};
}

result<std::optional<lane::frame>> lane::next_raw() {
  if (pending() == 0) return std::nullopt;
  if (shape_.packets && pending() > shape_.max_message) {
    return broken("a packet of " + std::to_string(pending()) +
                  " bytes exceeds max_message=" + std::to_string(shape_.max_message));
  }
  frame_size_ = shape_.packets ? pending() : std::min(pending(), shape_.max_message);
  return frame{{.length = static_cast<std::uint32_t>(frame_size_)}, {buffer_.get() + begin_, frame_size_}, {}};
}

}  // namespace transom::transport
