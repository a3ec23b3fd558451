// transom/transport/frame.hpp - the header before every message of native framing, and the first frame of a
// connection. docs/formats/frame.md is the contract.
//
// Layout (format 1, little-endian)
//     0  length       u32  payload bytes that follow in this frame
//     4  kind         u8   frame_kind
//     5  descriptors  u8   how many travel with it, at most 16
//     6  check        u16  over the other 14 bytes: tells a header from anything else
//     8  sender       u32  who, where several share one pipe or queue; else 0
//    12  sequence     u32  the low half of the sender's count of its messages, from 1
//
// Trust: a header is read once into a local value, and is not used unless its check, its kind and its length are
// in order. The check finds mistakes and noise; it is no defence against a liar, whose lengths are bounded anyway.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "transom/base/bytes.hpp"
#include "transom/base/error.hpp"
#include "transom/transport/transport.hpp"

namespace transom::transport {

enum class frame_kind : std::uint8_t {
  hello = 1,     ///< the first frame of a connection: hello_text
  data = 2,      ///< a message, or the last piece of one
  close = 3,     ///< the peer ends in good order
  refuse = 4,    ///< the receiver will not talk to this sender: a u8 errc and words
  lane = 5,      ///< one descriptor comes with it: a further connection
  fragment = 6,  ///< a piece of a message, more to come from the same sender
  sealed = 7,    ///< a message whose payload, a u64 of bytes, lies in the sealed memfd that comes first with it
  beside = 8,    ///< the next packet brings descriptors
};

struct frame_header {
  std::uint32_t length = 0;
  frame_kind kind = frame_kind::data;
  std::uint8_t descriptors = 0;
  std::uint32_t sender = 0;
  std::uint32_t sequence = 0;
};
inline constexpr std::size_t frame_header_size = 16;

/// The check of a header, from its two halves with nothing where the check goes.
constexpr std::uint16_t check_of_header(std::uint64_t first, std::uint64_t second) noexcept {
  const std::uint64_t mixed = (first + 0x9e3779b97f4a7c15) * 0xff51afd7ed558ccd ^ (second + 1) * 0xc4ceb9fe1a85ec53;
  return static_cast<std::uint16_t>(mixed >> 40 ^ mixed >> 17);
}
inline void encode_header(const frame_header& header, std::byte* out) noexcept {
  const std::uint64_t first = header.length | std::uint64_t{static_cast<std::uint8_t>(header.kind)} << 32 |
                              std::uint64_t{header.descriptors} << 40;
  const std::uint64_t second = header.sender | std::uint64_t{header.sequence} << 32;
  store_le(out, first | std::uint64_t{check_of_header(first, second)} << 48);
  store_le(out + 8, second);
}
/// Nothing, if these 16 bytes are no header of ours.
inline std::optional<frame_header> decode_header(const std::byte* in) noexcept {
  const auto first = load_le<std::uint64_t>(in), second = load_le<std::uint64_t>(in + 8);
  if (first >> 48 != check_of_header(first & 0x0000'ffff'ffff'ffff, second)) return std::nullopt;
  const auto kind = static_cast<std::uint8_t>(first >> 32), descriptors = static_cast<std::uint8_t>(first >> 40);
  if (kind < 1 || kind > 8 || descriptors > most_descriptors) return std::nullopt;
  return frame_header{.length = static_cast<std::uint32_t>(first),
                      .kind = static_cast<frame_kind>(kind),
                      .descriptors = descriptors,
                      .sender = static_cast<std::uint32_t>(second),
                      .sequence = static_cast<std::uint32_t>(second >> 32)};
}

/// What a sender says first. At most 4 KiB on the wire; a longer schema text is cut, the hash counts.
struct hello {
  std::uint32_t pid = 0;
  std::uint64_t schema_hash = 0;
  std::uint64_t max_message = 0;
  std::string schema_text;
};
inline constexpr std::size_t largest_hello = 4096;

/// Header and payload in one piece.
bytes encode_hello(const terms& agreed, std::size_t max_message, std::uint32_t sender);
/// protocol_error if it is not a hello or of another version (both are named).
result<hello> decode_hello(std::span<const std::byte> payload, const place& where);

/// A whole refuse frame; and the error that it means to the sender.
bytes encode_refusal(errc why, std::string_view words);
error decode_refusal(std::span<const std::byte> payload, const place& where);

/// Do these two get along? If not, the error that says so with both descriptions.
result<void> compare_terms(const terms& ours, std::uint64_t their_hash, std::string_view their_text,
                           const char* operation, const place& where);

}  // namespace transom::transport
