// transom/transport/frame.cpp - see frame.hpp.
#include "transom/transport/frame.hpp"

#include <algorithm>
#include <cstring>

#include "transom/base/bytes.hpp"
#include "transom/os/own_process.hpp"

namespace transom::transport {
namespace {

constexpr std::uint32_t hello_magic = 0x4d535254;  // "TRSM"
constexpr std::uint16_t protocol_version = 1;
constexpr std::size_t hello_fixed = 32;  // magic 4, version 2, text length 2, pid 4, reserved 4, hash 8, max 8

}  // namespace

bytes encode_hello(const terms& agreed, std::size_t max_message, std::uint32_t sender) {
  const std::string_view text = agreed.schema_text.substr(0, largest_hello - hello_fixed);
  bytes out(frame_header_size + hello_fixed + text.size());
  encode_header(
      {.length = static_cast<std::uint32_t>(hello_fixed + text.size()), .kind = frame_kind::hello, .sender = sender},
      out.data());
  std::byte* body = out.data() + frame_header_size;
  store_le(body, hello_magic);
  store_le(body + 4, protocol_version);
  store_le(body + 6, static_cast<std::uint16_t>(text.size()));
  store_le(body + 8, static_cast<std::uint32_t>(os::own_pid()));
  store_le(body + 16, agreed.schema_hash);
  store_le(body + 24, static_cast<std::uint64_t>(max_message));
  std::ranges::copy(as_bytes(text), body + hello_fixed);
  return out;
}

result<hello> decode_hello(std::span<const std::byte> payload, const place& where) {
  const auto broken = [&](const std::string& what) {
    return error(errc::protocol_error, "recv", place(where.url(), what));
  };
  if (payload.size() < hello_fixed || load_le<std::uint32_t>(payload.data()) != hello_magic) {
    return broken("the peer's first words are not those of Transom");
  }
  if (const auto version = load_le<std::uint16_t>(payload.data() + 4); version != protocol_version) {
    return broken("the peer speaks protocol version " + std::to_string(version) + ", this side " +
                  std::to_string(protocol_version));
  }
  if (load_le<std::uint16_t>(payload.data() + 6) != payload.size() - hello_fixed)
    return broken("a hello of the wrong length");
  return hello{.pid = load_le<std::uint32_t>(payload.data() + 8),
               .schema_hash = load_le<std::uint64_t>(payload.data() + 16),
               .max_message = load_le<std::uint64_t>(payload.data() + 24),
               .schema_text = std::string(as_text(payload.subspan(hello_fixed)))};
}

bytes encode_refusal(errc why, std::string_view words) {
  words = words.substr(0, largest_hello - 1);
  bytes out(frame_header_size + 1 + words.size());
  encode_header({.length = static_cast<std::uint32_t>(1 + words.size()), .kind = frame_kind::refuse}, out.data());
  out[frame_header_size] = static_cast<std::byte>(why);
  std::ranges::copy(as_bytes(words), out.data() + frame_header_size + 1);
  return out;
}

error decode_refusal(std::span<const std::byte> payload, const place& where) {
  const int code = payload.empty() ? 0 : std::to_integer<int>(payload.front());
  const bool known = code >= static_cast<int>(errc::closed) && code <= static_cast<int>(errc::bad_url);
  const std::string_view words = payload.empty() ? std::string_view() : as_text(payload.subspan(1));
  return error(known ? static_cast<errc>(code) : errc::protocol_error, "send", place(where.url(), words));
}

result<void> compare_terms(const terms& ours, std::uint64_t their_hash, std::string_view their_text,
                           const char* operation, const place& where) {
  if (ours.schema_hash == 0 || their_hash == 0 || ours.schema_hash == their_hash) return {};
  if (ours.compatible != nullptr && ours.compatible(their_hash, their_text)) return {};
  std::string both = "here ";
  both.append(ours.schema_text).append(", there ").append(their_text);
  return error(errc::type_mismatch, operation, place(where.url(), both));
}

}  // namespace transom::transport
