// transom/base/bytes.hpp - the name for "just bytes", and byte order. Every wire and shared format of ours is
// little-endian; `framing=length` alone is big-endian, because that is what the rest of the world sends.
#pragma once
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace transom {

/// A message that is nothing but bytes.
using bytes = std::vector<std::byte>;

/// Reads an unsigned integer of byte order `Order` from `from`, which need not be aligned.
template <std::unsigned_integral T, std::endian Order>
T load(const std::byte* from) noexcept {
  T value;
  std::memcpy(&value, from, sizeof value);
  if constexpr (Order != std::endian::native) value = std::byteswap(value);
  return value;
}

/// Writes `value` to `to` in byte order `Order`.
template <std::endian Order, std::unsigned_integral T>
void store(std::byte* to, T value) noexcept {
  if constexpr (Order != std::endian::native) value = std::byteswap(value);
  std::memcpy(to, &value, sizeof value);
}

template <std::unsigned_integral T>
T load_le(const std::byte* from) noexcept {
  return load<T, std::endian::little>(from);
}
template <std::unsigned_integral T>
T load_be(const std::byte* from) noexcept {
  return load<T, std::endian::big>(from);
}
template <std::unsigned_integral T>
void store_le(std::byte* to, T value) noexcept {
  store<std::endian::little>(to, value);
}
template <std::unsigned_integral T>
void store_be(std::byte* to, T value) noexcept {
  store<std::endian::big>(to, value);
}

inline std::span<const std::byte> as_bytes(std::string_view text) noexcept {
  return std::as_bytes(std::span(text.data(), text.size()));
}
inline std::string_view as_text(std::span<const std::byte> data) noexcept {
  return {reinterpret_cast<const char*>(data.data()), data.size()};
}

}  // namespace transom
