// transom/channel/shareable.hpp - which types can lie in memory that several processes map, each at an address of its
// own, and how such a type is described to the others.
//
// Numbers, enumerations, std::array, durations, std::atomic and sync::atomic of those, everything in transom::sync, and
// aggregates of all that, decided field by field.
#pragma once
#include <atomic>
#include <chrono>
#include <string_view>
#include <type_traits>

#include "transom/channel/message.hpp"
#include "transom/sync/atomic.hpp"

namespace transom {

/// Specialise with true for a type that holds neither pointers nor references nor anything else that means something in
/// one process only, that never moves itself, and that need not be destroyed. The compiler cannot check it.
template <typename T>
inline constexpr bool enable_shareable = false;

namespace detail {

// The types of sync have a name for this.
template <typename T>
concept sync_object = requires { std::string_view(T::shared_name); };

template <typename T>
constexpr bool is_shared_atomic = false;
template <typename T>
constexpr bool is_shared_atomic<std::atomic<T>> = std::atomic<T>::is_always_lock_free;
template <typename T>
constexpr bool is_shared_atomic<sync::atomic<T>> = true;

template <typename T>
struct atomic_value {};
template <typename T>
struct atomic_value<std::atomic<T>> {
  using type = T;
};
template <typename T>
struct atomic_value<sync::atomic<T>> {
  using type = T;
};

// The types directly inside T that must be shareable too.
template <typename T>
consteval auto shared_parts() {
  if constexpr (is_shared_atomic<T>) return type_list<typename atomic_value<T>::type>{};
  else if constexpr (is_std_array<T>) return type_list<typename T::value_type>{};
  else if constexpr (is_a<T, std::chrono::duration> || is_a<T, std::chrono::time_point>)
    return type_list<typename T::rep>{};
  else if constexpr (sync_object<T>) {
    if constexpr (requires { typename T::value_type; }) return type_list<typename T::value_type>{};
    else return type_list<>{};
  } else if constexpr (layout_v<T>.form == shape::aggregate) return fields_of<T>{};
  else return type_list<>{};
}

template <typename T>
consteval bool is_shareable() {
  if constexpr (std::is_const_v<T> || std::is_volatile_v<T> || std::is_reference_v<T>) return false;
  else if constexpr (enable_shareable<T> || std::is_arithmetic_v<T> || std::is_enum_v<T>) return true;
  else if constexpr (!std::is_class_v<T>) return false;
  else if constexpr (is_shared_atomic<T> || is_std_array<T> || sync_object<T> || is_a<T, std::chrono::duration> ||
                     is_a<T, std::chrono::time_point> || layout_v<T>.form == shape::aggregate)
    return []<typename... Parts>(type_list<Parts...>) { return (... && is_shareable<Parts>()); }(shared_parts<T>());
  else return false;
}

}  // namespace detail

/// T can be shared: see above.
template <typename T>
concept shareable = detail::is_shareable<T>();

}  // namespace transom
