// transom/transport/lane.hpp - the receiving half of one connection: bytes or packets in, frames out.
//
// A lane owns a descriptor and a buffer. fill() makes one system call; next() looks only at the buffer, so that one
// read serves all the small messages that have come. A large message goes straight into the caller's memory.
//
// Invariants
//   I1  [begin_, end_) of the buffer are the bytes read and not yet consumed; a frame that next() returned stays
//       where it is until consume().
//   I2  A lane in packets holds at most one packet: fill() is called only when the buffer is empty.
//   I3  The buffer never grows beyond one frame of max_message; it grows as bytes arrive, not as a header claims.
//
// Death: the end of the stream inside a frame is `torn`; nothing of that frame is ever delivered.
//
// Trust: whatever the peer sends, a lane answers with a frame in order or with protocol_error.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>

#include "transom/base/bytes.hpp"
#include "transom/os/mapping.hpp"
#include "transom/os/stream.hpp"
#include "transom/transport/frame.hpp"

namespace transom::transport {

/// What is known of the peer at the other end of a lane.
struct lane_peer {
  int pid = 0;
  unsigned uid = 0;
  bool introduced = false;     ///< a hello came and was accepted, or none is needed
  std::uint64_t received = 0;  ///< messages
};

/// Inside a message a reader looks this often and this long for the rest, which is on its way, before it sleeps.
inline constexpr int looks_inside_a_message = 16;
inline constexpr std::chrono::microseconds look_after{2};

class lane {
 public:
  struct shape {
    os::stream_kind kind = os::stream_kind::unix_socket;
    bool packets = false;  ///< the kernel keeps boundaries
    transom::framing framing = transom::framing::native;
    std::size_t max_message = 65'536;
    bool takes_descriptors = false;
    bool descriptors_announced = false;  ///< only with the packet after announce(): all others are read a little faster
  };
  struct frame {
    frame_header header;
    std::span<const std::byte> payload;
    std::span<fd> descriptors;
  };

  lane(fd owned, shape how, place where);

  int descriptor() const noexcept { return fd_.get(); }
  const shape& how() const noexcept { return shape_; }

  /// The next whole frame in the buffer; nothing if more bytes are needed. The same one again until consume().
  result<std::optional<frame>> next() { return pending() == 0 ? result<std::optional<frame>>() : next_in_buffer(); }
  /// The same where it is that simple: a whole message of native framing, and nothing beside its bytes. Else null, and
  /// next() has the answer.
  std::span<const std::byte> next_plain() noexcept;
  void consume() noexcept {
    begin_ += frame_size_;
    frame_size_ = scanned_ = 0;
    if (begin_ == end_) begin_ = end_ = 0;
    if (sealed_ || handed_count_ != 0) drop_what_came_beside();
  }
  /// Reads once. True: something came. False: the stream has ended. would_block: nothing just now.
  result<bool> fill();
  /// The next fill() or fill_into() sleeps until something comes, instead of saying would_block. Only where
  /// may_block().
  void block_once() noexcept { blocks_once_ = true; }
  bool may_block() const noexcept { return may_block_; }
  /// A `beside` frame has come.
  void announce() noexcept { announced_ = true; }
  /// Bytes in the buffer that are not yet a whole frame, or none.
  std::size_t pending() const noexcept { return end_ - begin_; }
  bool torn() const noexcept { return !ended_clean_line() && pending() != 0; }

  /// Reads, the payload of the next message directly into `into` as far as that can be known. What it says is what
  /// fill() says; afterwards `received_in_place` tells whether a whole data frame now lies in `into`. If `patient`, it
  /// looks a few times more for the rest of a message that has begun, before it gives up until later.
  result<bool> fill_into(std::span<std::byte> into, bool patient, std::optional<std::size_t>& received_in_place);
  /// Is it worth the attempt? The rest of a message that has begun, or a large one of steady size.
  bool wants_direct(std::size_t room) const noexcept;

  /// For give(): the bytes read and not yet consumed, and putting them back.
  bytes unread() const;
  void put_back(std::span<const std::byte> data);
  transom::fd release() noexcept { return std::move(fd_); }
  /// Goes on with another descriptor of the same object; what is in the buffer stays.
  void continue_with(transom::fd other) noexcept;
  /// Drops what is in the buffer, whole or not, and the descriptors that came with it.
  void forget() noexcept;

  lane_peer peer;

 private:
  bool ended_clean_line() const noexcept { return shape_.framing == framing::line || shape_.framing == framing::raw; }
  void drop_what_came_beside() noexcept;
  result<std::optional<frame>> next_in_buffer();
  result<std::optional<frame>> next_native();
  result<std::optional<frame>> next_length();
  result<std::optional<frame>> next_line();
  result<std::optional<frame>> next_raw();
  result<std::optional<frame>> sealed_payload(const frame_header& header);
  result<std::span<transom::fd>> take_descriptors(std::size_t count);
  result<bool> finish_into(std::span<std::byte> into, std::size_t length, std::size_t have, bool patient,
                           std::optional<std::size_t>& received_in_place);
  result<bool> read(std::span<const os::space> into, std::size_t& n);
  void make_room(std::size_t size);
  error broken(std::string_view why) const;

  transom::fd fd_;
  shape shape_;
  place where_;
  std::unique_ptr<std::byte[]> buffer_;
  std::size_t size_ = 0, begin_ = 0, end_ = 0;
  std::size_t frame_size_ = 0;   // of the frame that next() returned, 0: none
  std::size_t last_length_ = 0;  // of the last data frame: what the next one is likely to be
  std::size_t scanned_ = 0;      // line framing: bytes known to hold no newline
  bool at_end_ = false;
  bool may_block_ = false, blocks_once_ = false;
  bool announced_ = false;
  os::received_descriptors arrived_;     // by the last read
  std::deque<transom::fd> descriptors_;  // arrived and not yet claimed by a frame
  std::array<transom::fd, most_descriptors> handed_out_;
  std::size_t handed_count_ = 0;
  std::optional<os::mapping> sealed_;  // the payload of the frame at hand, where it came in a memfd
};

inline std::span<const std::byte> lane::next_plain() noexcept {
  if (pending() < frame_header_size || shape_.framing != framing::native) return {};
  const auto header = decode_header(buffer_.get() + begin_);
  if (!header || header->kind != frame_kind::data || header->descriptors != 0) return {};
  const std::size_t whole = frame_header_size + header->length;
  if (header->length > shape_.max_message || (shape_.packets ? pending() != whole : pending() < whole)) return {};
  frame_size_ = whole;
  last_length_ = header->length;
  return {buffer_.get() + begin_ + frame_header_size, header->length};
}

}  // namespace transom::transport
