// transom/channel/plain.hpp - types whose bytes are the message.
//
// Trivially copyable is not enough: it admits `const char*` and `std::string_view`, which must not leave a process.
// So the decision is made field by field.
//
// Trust: not every sequence of bytes is a value. A bool of a plain message is checked before anybody reads it as one;
// integers, floats and enumerations with a fixed underlying type have no invalid bytes.
#pragma once
#include <array>
#include <cstddef>
#include <cstring>
#include <type_traits>

#include "transom/channel/reflect.hpp"

namespace transom {

/// How a type of yours travels when the rules below do not fit it, in the manner of std::formatter:
///
///     template <> struct transom::codec<matrix> {
///       static constexpr std::string_view schema = "matrix 1";  // what the two ends compare; change it with the
///       format static void encode(const matrix&, bytes& out);          // appends; called twice per message, with
///       equal results static result<matrix> decode(std::span<const std::byte>);
///     };
///
/// Inside another message the bytes travel as MessagePack binary. What decode() does with a hostile message is yours.
template <typename T>
struct codec;

namespace detail {

template <typename T>
concept with_user_codec = requires { sizeof(codec<T>); };

template <typename T>
constexpr bool is_std_array = false;
template <typename T, std::size_t N>
constexpr bool is_std_array<std::array<T, N>> = true;

template <typename T>
consteval bool is_plain();
template <typename T>
constexpr bool plain_v = is_plain<T>();

template <typename T>
consteval bool is_plain() {
  if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T>) {
    return !std::is_const_v<T> && !std::is_volatile_v<T> && !with_user_codec<T>;
  } else if constexpr (!std::is_class_v<T> || !std::is_trivially_copyable_v<T> || !std::is_aggregate_v<T>) {
    return false;
  } else if constexpr (with_user_codec<T>) {
    return false;
  } else if constexpr (is_std_array<T>) {
    return plain_v<typename T::value_type>;
  } else if constexpr (layout_v<T>.form == shape::aggregate) {
    return []<typename... Fields>(type_list<Fields...>) { return (... && plain_v<Fields>); }(fields_of<T>{});
  } else {
    return false;
  }
}

}  // namespace detail

/// Arithmetic types, enumerations, std::array, and aggregates of those, decided field by field. Between processes of
/// one host it is copied byte for byte; padding travels too, with whatever is in it.
template <typename T>
concept plain = detail::plain_v<T>;

namespace detail {

template <plain T>
consteval bool holds_bool() {
  if constexpr (std::is_enum_v<T>) {
    return std::is_same_v<std::underlying_type_t<T>, bool>;
  } else if constexpr (std::is_arithmetic_v<T>) {
    return std::is_same_v<T, bool>;
  } else if constexpr (is_std_array<T>) {
    return holds_bool<typename T::value_type>();
  } else {
    return []<typename... Fields>(type_list<Fields...>) { return (... || holds_bool<Fields>()); }(fields_of<T>{});
  }
}

// Are the bytes of all bools in `value` 0 or 1? Looks at bytes only: reading a bool that is neither is undefined.
template <plain T>
bool bools_are_valid(const T& value) noexcept {
  if constexpr (!holds_bool<T>()) {
    return true;
  } else if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T>) {
    unsigned char byte;
    std::memcpy(&byte, &value, 1);
    return byte <= 1;
  } else if constexpr (is_std_array<T>) {
    for (const auto& element : value) {
      if (!bools_are_valid(element)) return false;
    }
    return true;
  } else {
    return detail::visit_fields(value, [](const auto&... field) { return (... && bools_are_valid(field)); });
  }
}

}  // namespace detail
}  // namespace transom
