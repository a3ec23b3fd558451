// transom/channel/refusal.hpp - why a type cannot be a message, said at compile time.
//
// `explain` is only instantiated for types that cannot; one that can costs nothing here. What people read are the
// template arguments of `refused`, which the compiler prints: the type, where it is, and the name of the field.
#pragma once
#include <cstddef>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "transom/channel/message.hpp"

namespace transom::detail {

// Where the refused type is.
struct the_message_itself;
template <typename Container>
struct element_of;
template <typename Owner, std::size_t Index>
struct field_number;  // counted from 0
template <auto Field>
struct field;  // &specimen<owner>.value.name
struct a_c_array {};

// An object that exists nowhere, for the addresses of its fields: that is how a compiler prints a field's name.
template <typename T>
struct holder {
  T value;
};
template <typename T>
extern const holder<T> specimen;

template <typename T, std::size_t I>
consteval auto address_of_field() {
  return field_binding<layout_v<T>.count>::apply(
      specimen<T>.value, [](auto&... fields) { return std::get<I>(std::make_tuple(&fields...)); });
}

template <typename T, typename Where>
struct refused {
  static constexpr shape form = layout_v<T>.form;
  static constexpr bool points = std::is_pointer_v<T> || std::is_member_pointer_v<T> || std::is_null_pointer_v<T>;
  static constexpr bool refers = std::is_reference_v<T> || form == shape::has_reference || std::is_const_v<T>;
  static constexpr bool views = std::is_same_v<T, std::string_view>;
  static constexpr bool is_array = std::is_array_v<T> || std::is_same_v<T, a_c_array>;
  static constexpr bool has_base = form == shape::has_base;
  static constexpr bool has_too_many = form == shape::has_too_many;
  static_assert(!points, "transom: a pointer cannot travel: it means nothing in another process");
  static_assert(!refers, "transom: a reference, const or mutable field cannot travel");
  static_assert(!views, "transom: a std::string_view cannot travel: use std::string");
  static_assert(!is_array, "transom: a C array cannot travel: use std::array");
  static_assert(!has_base, "transom: an aggregate with a base cannot be taken apart: use TRANSOM_FIELDS");
  static_assert(!has_too_many, "transom: an aggregate of more than 64 fields cannot be taken apart");
  static_assert(points || refers || views || is_array || has_base || has_too_many,
                "transom: this type cannot travel: use TRANSOM_FIELDS or specialise transom::codec");
  static constexpr bool value = false;
};

template <typename T, typename Where, typename... Path>
consteval bool explain() {
  if constexpr (std::is_reference_v<T>) {
    return refused<T, Where>::value;
  } else if constexpr (verdict_of<T>.travels || (... || std::is_same_v<T, Path>)) {
    return true;
  } else if constexpr (layout_v<T>.form == shape::has_array) {
    return refused<a_c_array, field_number<T, layout_v<T>.count>>::value;
  } else if constexpr (kind_of<T> == kind::refused) {
    return refused<T, Where>::value;
  } else {
    using types = typename parts<T>::types;
    constexpr bool parts_travel = []<typename... P>(type_list<P...>) {
      return (... && verdict_of<P>.travels);
    }(types{});
    static_assert(!parts_travel || std::is_default_constructible_v<T>,
                  "transom: to be received, this type needs a default constructor");
    return []<typename... P, std::size_t... I>(type_list<P...>, std::index_sequence<I...>) {
      if constexpr (layout_v<T>.form == shape::aggregate && kind_of<T> == kind::fields) {
        return (... && explain<P, field<address_of_field<T, I>()>, T, Path...>());
      } else if constexpr (kind_of<T> == kind::fields) {
        return (... && explain<P, field_number<T, I>, T, Path...>());
      } else {
        return (... && explain<P, element_of<T>, Path...>());
      }
    }(types{}, std::make_index_sequence<types::size>{});
  }
}

/// True if T can travel; otherwise compilation ends with the reason and the field. For static_assert.
template <typename T>
consteval bool check_message() {
  if constexpr (std::is_reference_v<T> || !message<T>) {
    return explain<T, the_message_itself>();
  } else {
    return true;
  }
}

}  // namespace transom::detail
