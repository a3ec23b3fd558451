// transom/channel/decode.hpp - builds a value from MessagePack that somebody else wrote (msgpack_reader.hpp).
//
// Trust: a count is bounded by the bytes that remain, divided by the fewest bytes an element can have; space is
// reserved for no more than that. Integers are checked against the range of the field, variant indices against the
// alternatives. An enumeration takes every value of its underlying type: the sender may know more enumerators.
// Of equal keys in a map or set the first counts.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <tuple>
#include <utility>
#include <variant>

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
  constexpr const char* is_signed[] = {"an integer that fits i8", "an integer that fits i16", "an integer that fits i32",
                                       "an integer"};
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
    unsigned char byte;
    if (!get_number(in, byte)) return false;
    value = static_cast<char>(byte);
    return true;
  } else {
    std::uint64_t bits;
    bool negative;
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
  std::size_t n;
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
  std::size_t n;
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
  std::uint64_t first;
  std::span<fd> mine;
  if constexpr (std::is_same_v<T, fd>) {
    if (in.take_nil()) return fd();
    if (!get_number(in, first) || !in.take_descriptors(first, 1, mine)) return std::nullopt;
    return std::move(mine.front());
  } else {
    std::uint64_t count;
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

template <typename T>
bool get_sequence(msgpack_reader& in, T& values) {
  using element = typename T::value_type;
  std::size_t n;
  if (!in.array(n) || !in.enter()) return false;
  if (n > in.remaining() / fewest_bytes<element>()) return in.refuse("a count within the message");
  values.clear();
  if constexpr (requires { values.reserve(n); }) values.reserve(n);
  for (; n > 0; --n) {
    if constexpr (std::is_default_constructible_v<element> && std::is_same_v<typename T::reference, element&>) {
      if (!detail::get(in, values.emplace_back())) return false;
    } else {
      std::optional<element> one = make<element>(in);
      if (!one) return false;
      values.push_back(std::move(*one));
    }
  }
  in.leave();
  return true;
}

template <typename T>
bool get_keyed(msgpack_reader& in, T& values) {
  std::size_t n;
  if constexpr (kind_of<T> == kind::map) {
    if (!in.map(n)) return false;
  } else {
    if (!in.array(n)) return false;
  }
  if (!in.enter()) return false;
  values.clear();
  for (; n > 0; --n) {
    auto key = make<typename T::key_type>(in);
    if (!key) return false;
    if constexpr (kind_of<T> == kind::map) {
      auto mapped = make<typename T::mapped_type>(in);
      if (!mapped) return false;
      values.emplace_hint(values.end(), std::move(*key), std::move(*mapped));
    } else {
      values.emplace_hint(values.end(), std::move(*key));
    }
  }
  in.leave();
  return true;
}

template <typename T>
bool get_optional(msgpack_reader& in, T& value) {
  using inner = typename T::value_type;
  value.reset();
  if (in.take_nil()) return true;
  if constexpr (may_be_nil<inner>) {
    if (!open_array(in, 1, "nil or an array of one")) return false;
  }
  if constexpr (std::is_default_constructible_v<inner>) {
    if (!detail::get(in, value.emplace())) return false;
  } else {
    value = make<inner>(in);
    if (!value) return false;
  }
  if constexpr (may_be_nil<inner>) in.leave();
  return true;
}

// Calls store(in_place_index<I>, alternative).
template <typename T, typename Store>
bool read_variant(msgpack_reader& in, Store store) {
  std::uint64_t index;
  if (!open_array(in, 2, "an array of index and value") || !get_number(in, index)) return false;
  if (index >= std::variant_size_v<T>) return in.refuse("the index of an alternative");
  const bool good = [&]<std::size_t... I>(std::index_sequence<I...>) {
    const auto read = [&]<std::size_t At>(std::in_place_index_t<At> at) {
      auto alternative = make<std::variant_alternative_t<At, T>>(in);
      if (alternative) store(at, std::move(*alternative));
      return alternative.has_value();
    };
    return (... || (index == I && read(std::in_place_index<I>)));
  }(std::make_index_sequence<std::variant_size_v<T>>{});
  in.leave();
  return good;
}

template <typename T>
bool get_user(msgpack_reader& in, T& value) {
  std::span<const std::byte> raw;
  if (!in.binary(raw)) return false;
  result<T> decoded = codec<T>::decode(raw);
  if (!decoded) return in.fail_with(decoded.error());
  value = std::move(*decoded);
  return true;
}

template <typename T>
bool get(msgpack_reader& in, T& value) {
  constexpr kind k = kind_of<T>;
  if constexpr (k == kind::boolean || k == kind::number) {
    return get_number(in, value);
  } else if constexpr (k == kind::real) {
    return in.real(value);
  } else if constexpr (k == kind::long_real) {
    return get_bytes(in, std::as_writable_bytes(std::span(&value, 1)), "the bytes of a long double");
  } else if constexpr (k == kind::enumeration) {
    std::underlying_type_t<T> number;
    if (!get_number(in, number)) return false;
    value = static_cast<T>(number);
    return true;
  } else if constexpr (k == kind::text) {
    std::string_view text;
    if (!in.text(text)) return false;
    value.assign(text);
    return true;
  } else if constexpr (k == kind::blob) {
    std::span<const std::byte> raw;
    if (!in.binary(raw)) return false;
    value.assign(raw.begin(), raw.end());
    return true;
  } else if constexpr (is_byte_array<T>) {
    return get_bytes(in, value, "as many bytes as the std::array has");
  } else if constexpr (k == kind::user) {
    return get_user(in, value);
  } else if constexpr (k == kind::carried) {
    auto whole = make_carried<T>(in);
    if (whole) value = std::move(*whole);
    return whole.has_value();
  } else if constexpr (k == kind::fields) {
    constexpr std::size_t count = fields_of<T>::size;
    if (!open_array(in, count, "an array of as many elements as the type has fields")) return false;
    if (!get_fields(in, value, count)) return false;
    in.leave();
    return true;
  } else if constexpr (k == kind::array) {
    if (!open_array(in, value.size(), "an array of the size of the std::array")) return false;
    for (auto& element : value) {
      if (!detail::get(in, element)) return false;
    }
    in.leave();
    return true;
  } else if constexpr (k == kind::sequence) {
    return get_sequence(in, value);
  } else if constexpr (k == kind::set || k == kind::map) {
    return get_keyed(in, value);
  } else if constexpr (k == kind::tuple) {
    if (!open_array(in, std::tuple_size_v<T>, "an array of the size of the tuple")) return false;
    if (!std::apply([&in](auto&... part) { return (... && detail::get(in, part)); }, value)) return false;
    in.leave();
    return true;
  } else if constexpr (k == kind::optional) {
    return get_optional(in, value);
  } else if constexpr (k == kind::variant) {
    return read_variant<T>(in, [&]<std::size_t I>(std::in_place_index_t<I>, auto&& alternative) {
      value.template emplace<I>(std::forward<decltype(alternative)>(alternative));
    });
  } else if constexpr (k == kind::monostate) {
    return in.take_nil() || in.fail("nil");
  } else if constexpr (k == kind::duration) {
    typename T::rep count;
    if (!detail::get(in, count)) return false;
    value = T(count);
    return true;
  } else {
    typename T::duration since;
    if (!detail::get(in, since)) return false;
    value = T(since);
    return true;
  }
}

template <typename T>
std::optional<T> make(msgpack_reader& in) {
  constexpr kind k = kind_of<T>;
  std::optional<T> value;
  if constexpr (std::is_default_constructible_v<T>) {
    if (!detail::get(in, value.emplace())) value.reset();
  } else if constexpr (k == kind::carried) {
    return make_carried<T>(in);
  } else if constexpr (k == kind::user) {
    std::span<const std::byte> raw;
    if (!in.binary(raw)) return value;
    result<T> decoded = codec<T>::decode(raw);
    if (decoded) value.emplace(std::move(*decoded));
    else in.fail_with(decoded.error());
  } else if constexpr (k == kind::variant) {
    read_variant<T>(in, [&]<std::size_t I>(std::in_place_index_t<I> at, auto&& alternative) {
      value.emplace(at, std::forward<decltype(alternative)>(alternative));
    });
  } else {  // fields and tuples
    constexpr std::size_t count = parts<T>::types::size;
    if (!open_array(in, count, "an array of as many elements as the type has fields")) return value;
    value = make_from_fields<T>(in, count);
    in.leave();
  }
  return value;
}

}  // namespace transom::detail
