// transom/channel/shareable_refusal.hpp - why a type cannot be shared, said at compile time, with the name of the
// field: as refusal.hpp does for messages.
#pragma once
#include <cstddef>
#include <type_traits>
#include <utility>

#include "transom/channel/refusal.hpp"
#include "transom/channel/shareable.hpp"

namespace transom::detail {

struct the_shared_object_itself;

template <typename T, typename Where>
struct not_shareable {
  static constexpr shape form = layout_v<T>.form;
  static constexpr bool points = std::is_pointer_v<T> || std::is_member_pointer_v<T> || std::is_null_pointer_v<T>;
  static constexpr bool refers = std::is_reference_v<T> || form == shape::has_reference || std::is_const_v<T>;
  static constexpr bool is_array = std::is_array_v<T> || std::is_same_v<T, a_c_array>;
  static constexpr bool has_base = form == shape::has_base;
  static constexpr bool has_too_many = form == shape::has_too_many;
  static_assert(!points, "transom: a pointer cannot be shared: it means nothing in another process; use an index");
  static_assert(!refers, "transom: a reference, const or mutable field cannot be shared");
  static_assert(!is_array, "transom: a C array cannot be taken apart: use std::array");
  static_assert(!has_base, "transom: an aggregate with a base cannot be taken apart: make the base a field");
  static_assert(!has_too_many, "transom: an aggregate of more than 64 fields cannot be taken apart");
  static_assert(points || refers || is_array || has_base || has_too_many,
                "transom: this type cannot be shared: it may keep pointers (std::string, std::vector and the like do), "
                "or cannot be taken apart; specialise transom::enable_shareable if you know better");
  static constexpr bool value = false;
};

template <typename T, typename Where>
consteval bool explain_sharing() {
  if constexpr (std::is_reference_v<T>) {
    return not_shareable<T, Where>::value;
  } else if constexpr (shareable<T>) {
    return true;
  } else if constexpr (layout_v<T>.form == shape::has_array) {
    return not_shareable<a_c_array, field_number<T, layout_v<T>.count>>::value;
  } else if constexpr (is_std_array<T> || is_shared_atomic<T> || sync_object<T>) {
    return
        []<typename... P>(type_list<P...>) { return (... && explain_sharing<P, element_of<T>>()); }(shared_parts<T>());
  } else if constexpr (layout_v<T>.form == shape::aggregate && !std::is_const_v<T>) {
    using types = fields_of<T>;
    return []<typename... P, std::size_t... I>(type_list<P...>, std::index_sequence<I...>) {
      return (... && explain_sharing<P, field<address_of_field<T, I>()>>());
    }(types{}, std::make_index_sequence<types::size>{});
  } else {
    return not_shareable<T, Where>::value;
  }
}

/// True if T can be shared; otherwise compilation ends with the reason and the field. For static_assert.
template <typename T>
consteval bool check_shareable() {
  return explain_sharing<T, the_shared_object_itself>();
}

}  // namespace transom::detail
