// transom/channel/reflect.hpp - how many fields a type has, which, and a visit to each.
//
// Aggregates need nothing: the number of fields is the largest number of initialisers that fit, and structured
// bindings reach them. Everything else lists its fields with TRANSOM_FIELDS.
//
// SUBTLE: a C array takes as many initialisers as it has elements (brace elision), so the count alone would be too
// large; `array_field` finds such a field by putting braces in its place. Reference, const and mutable fields are
// found by comparing what a const and a non-const object show. Bit-fields, packed fields and anonymous unions cannot
// be detected: there the compiler's own message has to do.
#pragma once
#include <array>
#include <concepts>
#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>

#include "transom/channel/field_binding.hpp"
#include "transom/channel/listed_fields.hpp"

namespace transom::detail {

template <typename... Ts>
struct type_list {
  static constexpr std::size_t size = sizeof...(Ts);
};

// The name of T as the compiler spells it. For people, never for a hash: compilers differ.
template <typename T>
consteval std::string_view type_name() {
  constexpr std::string_view whole = __PRETTY_FUNCTION__;  // "... [with T = X; std::string_view = ...]" or "[T = X]"
  constexpr std::size_t begin = whole.find("T = ") + 4;
  constexpr std::size_t semicolon = whole.find(';', begin);
  return whole.substr(begin, (semicolon == whole.npos ? whole.rfind(']') : semicolon) - begin);
}

// ---- counting the fields of an aggregate

// Converts to whatever a field may be, but not to the aggregate itself (that would be a copy, not a field). Never runs.
template <typename Owner>
struct anything {
  template <typename U>
    requires(!std::same_as<U, Owner>)
  operator U() const noexcept {
    std::unreachable();
  }
};
template <typename Owner>
struct any_without_default {
  template <typename U>
    requires(!std::same_as<U, Owner> && !std::is_default_constructible_v<U>)
  operator U() const noexcept {
    std::unreachable();
  }
};
template <typename Owner>
struct any_base_of {
  template <typename U>
    requires(std::is_base_of_v<U, Owner> && !std::same_as<U, Owner>)
  operator U() const noexcept {
    std::unreachable();
  }
};
template <typename Owner, std::size_t>
using anything_at = anything<Owner>;

template <typename T, typename Indices>
constexpr bool takes = false;  // T{anything, anything, ...}
template <typename T, std::size_t... I>
constexpr bool takes<T, std::index_sequence<I...>> = requires { T{anything_at<T, I>{}...}; };

// T{anything..., {}, anything...}. SUBTLE: not {anything} where {} will do: that would choose the constructor from
// std::initializer_list, whose body then has to compile, and for a container of fd it does not.
template <typename T, typename Before, typename After>
constexpr bool takes_braces_between = false;
template <typename T, std::size_t... B, std::size_t... A>
constexpr bool takes_braces_between<T, std::index_sequence<B...>, std::index_sequence<A...>> = [] {
  if constexpr (requires { T{anything_at<T, B>{}..., {}, anything_at<T, A>{}...}; }) return true;
  else return requires { T{anything_at<T, B>{}..., {any_without_default<T>{}}, anything_at<T, A>{}...}; };
}();

template <typename T, typename After>
constexpr bool begins_with_base = false;
template <typename T, std::size_t... A>
constexpr bool begins_with_base<T, std::index_sequence<A...>> =
    requires { T{any_base_of<T>{}, anything_at<T, A>{}...}; };

inline constexpr std::size_t uncountable = most_fields + 1;

// The largest N that fits. Fewer may not fit: a field without default constructor must be given.
template <typename T, std::size_t N = 0, bool Begun = false>
consteval std::size_t count_initialisers() {
  constexpr bool fits = takes<T, std::make_index_sequence<N>>;
  if constexpr (Begun && !fits) {
    return N - 1;
  } else if constexpr (N == uncountable) {
    return uncountable;
  } else {
    return count_initialisers<T, N + 1, fits>();
  }
}

// The index of the first field that is a C array, or N if there is none.
template <typename T, std::size_t N, std::size_t At = 0>
consteval std::size_t array_field() {
  if constexpr (At == N) {
    return N;
  } else if constexpr (!takes_braces_between<T, std::make_index_sequence<At>, std::make_index_sequence<N - At - 1>>) {
    return At;
  } else {
    return array_field<T, N, At + 1>();
  }
}

enum class shape {
  opaque,         // neither an aggregate nor listed
  listed,         // TRANSOM_FIELDS
  aggregate,      // fields reached by structured bindings
  has_base,       // the rest are aggregates that cannot travel, and why
  has_array,      // `count` is the index of the C array
  has_reference,  // or const, or mutable
  has_too_many,
};

template <typename T>
concept lists_inside = requires(T& value) { value.transom_fields(std::type_identity<T>{}, value, [](auto&...) {}); };
template <typename T>
concept lists_outside = requires(T& value) { transom_fields(std::type_identity<T>{}, value, [](auto&...) {}); };

struct collect_types {
  template <typename... Fields>
  constexpr type_list<Fields...> operator()(Fields&...) const {
    return {};
  }
};

struct layout {
  shape form = shape::opaque;
  std::size_t count = 0;
};

template <typename T>
consteval layout layout_of() {
  if constexpr (lists_inside<T> || lists_outside<T>) {
    return {shape::listed, 0};
  } else if constexpr (!std::is_class_v<T> || !std::is_aggregate_v<T>) {
    return {};
  } else {
    constexpr std::size_t count = count_initialisers<T>();
    if constexpr (count == uncountable) {
      // A field that is a non-const reference lets no number fit.
      return {takes<T, std::make_index_sequence<uncountable>> ? shape::has_too_many : shape::has_reference, 0};
    } else if constexpr (count == 0) {
      return {shape::aggregate, 0};
    } else if constexpr (begins_with_base<T, std::make_index_sequence<count - 1>>) {
      return {shape::has_base, 0};
    } else if constexpr (constexpr std::size_t at = array_field<T, count>(); at != count) {
      return {shape::has_array, at};
    } else {
      using binding = field_binding<count>;
      using fields = decltype(binding::apply(std::declval<T&>(), collect_types{}));
      using const_fields = decltype(binding::apply(std::declval<const T&>(), collect_types{}));
      constexpr bool by_value = []<typename... F, typename... C>(type_list<F...>, type_list<C...>) {
        return (... && (!std::is_const_v<F> && std::is_const_v<C>));
      }(fields{}, const_fields{});
      return {by_value ? shape::aggregate : shape::has_reference, count};
    }
  }
}

template <typename T>
constexpr layout layout_v = layout_of<T>();

// A type with fields that can be visited.
template <typename T>
concept with_fields = layout_v<T>.form == shape::listed || layout_v<T>.form == shape::aggregate;

/// Calls visit(field...) with all fields of `value`, which may be const.
template <typename T, typename Visit>
constexpr decltype(auto) visit_fields(T& value, Visit&& visit) {
  using bare = std::remove_const_t<T>;
  if constexpr (layout_v<bare>.form == shape::aggregate) {
    return field_binding<layout_v<bare>.count>::apply(value, std::forward<Visit>(visit));
  } else if constexpr (lists_inside<bare>) {
    // The member function does not touch its object; it is a member only to see the private fields.
    return const_cast<bare&>(value).transom_fields(std::type_identity<bare>{}, value, std::forward<Visit>(visit));
  } else {
    return transom_fields(std::type_identity<bare>{}, value, std::forward<Visit>(visit));
  }
}

/// type_list of the types of the fields of T.
template <with_fields T>
using fields_of = decltype(visit_fields(std::declval<T&>(), collect_types{}));

}  // namespace transom::detail
