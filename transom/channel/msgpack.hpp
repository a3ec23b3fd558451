// transom/channel/msgpack.hpp - MessagePack: sizes, writer, reader.
// https://github.com/msgpack/msgpack/blob/master/spec.md
//
// A message is walked twice with the same code: once over `msgpack_size`, once over `msgpack_writer`, so the size is
// exact by construction and the bytes go straight into the buffer that a transport lent.
//
// Trust: the writer believes nobody and checks its room. The reader believes nothing it reads: every length is
// compared with the bytes that remain before it is used, an element needs at least one byte, nesting ends at
// `deepest`. So no allocation is larger than a multiple of the message that the types alone decide.
#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "transom/base/bytes.hpp"
#include "transom/base/ensure.hpp"
#include "transom/os/fd.hpp"

namespace transom::detail {

/// How many arrays and maps may be inside each other.
inline constexpr unsigned deepest = 200;

constexpr std::size_t size_of_unsigned(std::uint64_t v) noexcept {
  return v < 0x80 ? 1 : v <= 0xff ? 2 : v <= 0xffff ? 3 : v <= 0xffff'ffff ? 5 : 9;
}
constexpr std::size_t size_of_signed(std::int64_t v) noexcept {
  if (v >= 0) return size_of_unsigned(static_cast<std::uint64_t>(v));
  return v >= -32 ? 1 : v >= -0x80 ? 2 : v >= -0x8000 ? 3 : v >= -0x8000'0000ll ? 5 : 9;
}

/// Counts what msgpack_writer would write.
class msgpack_size {
 public:
  static constexpr bool counts_only = true;
  std::size_t size() const noexcept { return size_; }

  void nil() noexcept { size_ += 1; }
  void boolean(bool) noexcept { size_ += 1; }
  void number(std::uint64_t v) noexcept { size_ += size_of_unsigned(v); }
  void number(std::int64_t v) noexcept { size_ += size_of_signed(v); }
  void real(float) noexcept { size_ += 5; }
  void real(double) noexcept { size_ += 9; }
  void text(std::string_view v) noexcept { size_ += (v.size() < 32 ? 1 : 1 + width(v.size())) + v.size(); }
  void binary(std::span<const std::byte> v) noexcept { size_ += 1 + width(v.size()) + v.size(); }
  void array(std::size_t n) noexcept { size_ += n < 16 ? 1 : n <= 0xffff ? 3 : 5; }
  void map(std::size_t n) noexcept { array(n); }
  std::uint64_t descriptors(std::span<const int> some) noexcept {
    descriptors_ += some.size();
    return descriptors_ - some.size();
  }
  /// `n` elements of `each` bytes.
  void many(std::size_t n, std::size_t each) noexcept { size_ += n * each; }

 private:
  static constexpr std::size_t width(std::size_t n) noexcept { return n <= 0xff ? 1 : n <= 0xffff ? 2 : 4; }
  std::size_t size_ = 0;
  std::uint64_t descriptors_ = 0;
};

/// Writes into a buffer of exactly the size that msgpack_size found.
class msgpack_writer {
 public:
  static constexpr bool counts_only = false;
  explicit msgpack_writer(std::span<std::byte> out) noexcept : at_(out.data()), end_(out.data() + out.size()) {}
  std::size_t room() const noexcept { return static_cast<std::size_t>(end_ - at_); }

  void nil() { tag(0xc0, 0); }
  void boolean(bool v) { tag(v ? 0xc3 : 0xc2, 0); }
  void number(std::uint64_t v) {
    if (v < 0x80) tag(static_cast<unsigned>(v), 0);
    else sized(0xcc, v, v <= 0xff ? 0 : v <= 0xffff ? 1 : v <= 0xffff'ffff ? 2 : 3);
  }
  void number(std::int64_t v) {
    if (v >= 0) number(static_cast<std::uint64_t>(v));
    else if (v >= -32) tag(static_cast<unsigned>(v) & 0xff, 0);
    else sized(0xd0, static_cast<std::uint64_t>(v), v >= -0x80 ? 0 : v >= -0x8000 ? 1 : v >= -0x8000'0000ll ? 2 : 3);
  }
  void real(float v) { sized(0xca, std::bit_cast<std::uint32_t>(v), 2, false); }
  void real(double v) { sized(0xcb, std::bit_cast<std::uint64_t>(v), 3, false); }
  void text(std::string_view v) {
    if (v.size() < 32) tag(0xa0 | static_cast<unsigned>(v.size()), 0);
    else sized(0xd9, v.size(), v.size() <= 0xff ? 0 : v.size() <= 0xffff ? 1 : 2);
    raw(as_bytes(v));
  }
  void binary(std::span<const std::byte> v) {
    sized(0xc4, v.size(), v.size() <= 0xff ? 0 : v.size() <= 0xffff ? 1 : 2);
    raw(v);
  }
  void array(std::size_t n) { counted(0x90, 0xdc, n); }
  void map(std::size_t n) { counted(0x80, 0xde, n); }
  /// The index of the first of `some` among the descriptors of this message.
  std::uint64_t descriptors(std::span<const int> some) noexcept {
    descriptors_ += some.size();
    return descriptors_ - some.size();
  }

 private:
  void tag(unsigned byte, std::size_t more) {
    ensure(room() > more, "a message changed while it was being encoded");
    *at_++ = static_cast<std::byte>(byte);
  }
  // The low 1 << log bytes of `v`, big-endian, after a tag that counts up with log unless the tag is fixed.
  void sized(unsigned first_tag, std::uint64_t v, unsigned log, bool counts = true) {
    const std::size_t n = std::size_t{1} << log;
    tag(counts ? first_tag + log : first_tag, n);
    std::byte wide[8];
    store_be(wide, v);
    std::memcpy(at_, wide + 8 - n, n);
    at_ += n;
  }
  void counted(unsigned small, unsigned large, std::size_t n) {
    if (n < 16) tag(small | static_cast<unsigned>(n), 0);
    else if (n <= 0xffff) sized(large, n, 1, false);
    else sized(large + 1, n, 2, false);
  }
  void raw(std::span<const std::byte> v) {
    ensure(room() >= v.size(), "a message changed while it was being encoded");
    if (!v.empty()) std::memcpy(at_, v.data(), v.size());
    at_ += v.size();
  }

  std::byte* at_;
  std::byte* end_;
  std::uint64_t descriptors_ = 0;
};

/// Walks the message only for its descriptors.
class descriptor_collector {
 public:
  static constexpr bool counts_only = true;
  explicit descriptor_collector(std::vector<int>& into) noexcept : into_(into) {}
  void nil() noexcept {}
  void boolean(bool) noexcept {}
  void number(std::uint64_t) noexcept {}
  void number(std::int64_t) noexcept {}
  void real(float) noexcept {}
  void real(double) noexcept {}
  void text(std::string_view) noexcept {}
  void binary(std::span<const std::byte>) noexcept {}
  void array(std::size_t) noexcept {}
  void map(std::size_t) noexcept {}
  void many(std::size_t, std::size_t) noexcept {}
  std::uint64_t descriptors(std::span<const int> some) {
    into_.insert(into_.end(), some.begin(), some.end());
    return 0;
  }

 private:
  std::vector<int>& into_;
};

}  // namespace transom::detail
