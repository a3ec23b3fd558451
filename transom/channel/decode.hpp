// transom/channel/decode.hpp - builds a value from MessagePack that somebody else wrote (msgpack_reader.hpp).
//
// Trust: a count is bounded by the bytes that remain, divided by the fewest bytes an element can have; space is
// reserved for no more than that. Integers are checked against the range of the field, variant indices against the
// alternatives. An enumeration takes every value of its underlying type: the sender may know more enumerators.
// Of equal keys in a map or set the first counts.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <tuple>
#include <utility>
#include <variant>

#include "transom/channel/decode_parts.hpp"

namespace transom::detail {

template <typename T>
bool get_sequence(msgpack_reader& in, T& values) {
  using element = typename T::value_type;
  std::size_t n = 0;
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
  std::size_t n = 0;
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
  std::uint64_t index = 0;
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
    std::underlying_type_t<T> number{};
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
    typename T::rep count{};
    if (!detail::get(in, count)) return false;
    value = T(count);
    return true;
  } else {
    typename T::duration since{};
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
