// transom/channel/decode_parts.hpp - what decode.hpp needs to begin with: numbers, bytes, fields, descriptors.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <string_view>
#include <tuple>
#include <utility>

#include "transom/channel/encode.hpp"
#include "transom/channel/message.hpp"
#include "transom/channel/msgpack_reader.hpp"

namespace transom::detail {

template <typename T>
bool get(msgpack_reader& in, T& value);

// As get, also for types without a default constructor. Nothing: it failed.
template <typename T>
std::optional<T> make(msgpack_reader& in);

// The fewest bytes a T can have inside a message.
template <typename T>
constexpr std::size_t fewest_bytes() {
  if constexpr (fixed_size<T> != 0) return fixed_size<T>;
  else if constexpr (kind_of<T> == kind::fields) return 1 + fields_of<T>::size;
  else if constexpr (kind_of<T> == kind::array) return 1 + std::tuple_size_v<T>;
  else return 1;
}

template <typename T>
constexpr const char* what_fits() {
  constexpr const char* is_signed[] = {"an integer that fits i8", "an integer that fits i16",
                                       "an integer that fits i32", "an integer"};
  constexpr const char* is_unsigned[] = {"an integer that fits u8", "an integer that fits u16",
                                         "an integer that fits u32", "an integer that fits u64"};
  constexpr std::size_t log = sizeof(T) == 1 ? 0 : sizeof(T) == 2 ? 1 : sizeof(T) == 4 ? 2 : 3;
  return std::is_signed_v<T> ? is_signed[log] : is_unsigned[log];
}

template <typename T>
bool get_number(msgpack_reader& in, T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    return in.boolean(value);
  } else if constexpr (std::is_same_v<T, char>) {
    unsigned char byte = 0;
    if (!get_number(in, byte)) return false;
    value = static_cast<char>(byte);
    return true;
  } else {
    std::uint64_t bits = 0;
    bool negative = false;
    if (!in.integer(bits, negative)) return false;
    using limits = std::numeric_limits<T>;
    bool fits = bits <= static_cast<std::uint64_t>(limits::max());
    if (negative) {
      fits = false;
      if constexpr (std::is_signed_v<T>) fits = static_cast<std::int64_t>(bits) >= std::int64_t{limits::min()};
    }
    if (!fits) return in.refuse(what_fits<T>());
    value = static_cast<T>(bits);
    return true;
  }
}

inline bool get_bytes(msgpack_reader& in, std::span<std::byte> into, const char* what) {
  std::span<const std::byte> raw;
  if (!in.binary(raw)) return false;
  if (raw.size() != into.size()) return in.refuse(what);
  if (!raw.empty()) std::memcpy(into.data(), raw.data(), raw.size());
  return true;
}

// An array of exactly `count` elements.
inline bool open_array(msgpack_reader& in, std::size_t count, const char* what) {
  std::size_t n = 0;
  if (!in.array(n)) return false;
  return n == count ? in.enter() : in.refuse(what);
}

// How many fields at the end of a message may be missing.
template <typename... Fields>
constexpr std::size_t trailing_optionals(type_list<Fields...>) {
  std::size_t count = 0;
  ((count = kind_of<Fields> == kind::optional ? count + 1 : 0), ...);
  return count;
}

// `in_message` of `all` fields are there. One that is missing, which only the end of a whole message may be, is empty.
template <typename T>
bool get_field(msgpack_reader& in, T& field, std::size_t& index, std::size_t in_message, std::string_view type) {
  if (index >= in_message) {
    if constexpr (kind_of<T> == kind::optional) field.reset();
  } else if (!detail::get(in, field)) {
    return in.fail_in(index, type);
  }
  ++index;
  return true;
}

template <typename T>
std::optional<T> make_from_fields(msgpack_reader& in, std::size_t in_message) {
  return [&]<typename... Fields>(type_list<Fields...>) -> std::optional<T> {
    std::tuple<std::optional<Fields>...> made;
    std::size_t index = 0;
    const auto read = [&]<typename F>(std::optional<F>& field) {
      if (index >= in_message) {
        if constexpr (kind_of<F> == kind::optional) field.emplace();
      } else {
        field = make<F>(in);
      }
      if (!field) return in.fail_in(index, type_name<T>());
      ++index;
      return true;
    };
    return std::apply(
        [&](auto&... field) -> std::optional<T> {
          if (!(... && read(field))) return std::nullopt;
          return T{std::move(*field)...};
        },
        made);
  }(typename parts<T>::types{});
}

// A whole message of type T, whose last fields may be missing if they are optional, or unknown to us.
template <typename T, typename Read>
auto read_message_fields(msgpack_reader& in, Read read) -> decltype(read(std::size_t{})) {
  constexpr std::size_t all = fields_of<T>::size, optional = trailing_optionals(fields_of<T>{});
  std::size_t n = 0;
  if (!in.array(n) || !in.enter()) return {};
  if (n < all - optional) {
    in.refuse("an array of all fields that are not optional");
    return {};
  }
  auto made = read(n);
  for (std::size_t extra = all; made && extra < n; ++extra) {
    if (!in.skip()) return {};
  }
  in.leave();
  return made;
}

template <typename T>
bool get_fields(msgpack_reader& in, T& value, std::size_t in_message) {
  return detail::visit_fields(value, [&](auto&... field) {
    [[maybe_unused]] std::size_t index = 0;
    return (... && get_field(in, field, index, in_message, type_name<T>()));
  });
}

template <typename T>
std::optional<T> make_carried(msgpack_reader& in) {
  std::uint64_t first = 0;
  std::span<fd> mine;
  if constexpr (std::is_same_v<T, fd>) {
    if (in.take_nil()) return fd();
    if (!get_number(in, first) || !in.take_descriptors(first, 1, mine)) return std::nullopt;
    return std::move(mine.front());
  } else {
    std::uint64_t count = 0;
    std::span<const std::byte> note;
    if (!open_array(in, 3, "an array of three") || !get_number(in, first) || !get_number(in, count) ||
        !in.take_descriptors(first, count, mine) || !in.binary(note))
      return std::nullopt;
    in.leave();
    result<T> whole = carried<T>::unpack(mine, note);
    if (!whole) {
      in.fail_with(whole.error());
      return std::nullopt;
    }
    return std::move(*whole);
  }
}

}  // namespace transom::detail
