// transom/channel/message.hpp - which types can travel, and as what.
//
// `kind_of<T>` classifies one type by the first rule that matches; `verdict_of<T>` walks everything inside it.
// Containers are recognised by what they can do rather than by name, so that this header need not include them all:
// whatever is filled with push_back is a sequence, whatever has a key_type is a set, and with a mapped_type a map.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include "transom/base/bytes.hpp"
#include "transom/channel/carried.hpp"
#include "transom/channel/plain.hpp"

namespace transom::detail {

enum class kind {
  refused,
  boolean,
  number,       // integers and characters
  real,         // float, double
  long_real,    // long double: its bytes
  enumeration,  // as its underlying type
  text,         // std::string
  blob,         // std::vector<std::byte>
  user,         // transom::codec<T>
  carried,      // descriptors, with a note
  fields,       // aggregates, and types with TRANSOM_FIELDS
  array,        // std::array
  sequence,
  set,
  map,
  tuple,  // and pair
  optional,
  variant,
  monostate,
  duration,
  time_point,
};

template <typename T, template <typename...> typename Template>
constexpr bool is_a = false;
template <template <typename...> typename Template, typename... Args>
constexpr bool is_a<Template<Args...>, Template> = true;

template <typename T>
constexpr bool is_text = false;
template <typename Traits, typename Allocator>
constexpr bool is_text<std::basic_string<char, Traits, Allocator>> = true;

template <typename T>
constexpr bool is_blob = false;
template <typename Allocator>
constexpr bool is_blob<std::vector<std::byte, Allocator>> = true;

template <typename T>
concept container = requires(T& value, const T& constant) {
  typename T::value_type;
  value.clear();
  constant.size();
  constant.begin() != constant.end();
};
template <typename T>
concept keyed = container<T> && requires(T& value) { typename T::key_type; };
template <typename T>
concept mapping_like = keyed<T> && requires { typename T::mapped_type; };
template <typename T>
concept sequence_like =
    container<T> && requires(T& value, typename T::value_type& element) { value.push_back(std::move(element)); };

template <typename T>
consteval kind classify() {
  if constexpr (std::is_const_v<T> || std::is_volatile_v<T>) return kind::refused;
  else if constexpr (is_text<T>) return kind::text;
  else if constexpr (is_blob<T>) return kind::blob;
  else if constexpr (with_user_codec<T>) return kind::user;
  else if constexpr (std::is_same_v<T, bool>) return kind::boolean;
  else if constexpr (std::is_integral_v<T>) return kind::number;
  else if constexpr (std::is_same_v<T, long double>) return kind::long_real;
  else if constexpr (std::is_floating_point_v<T>) return kind::real;
  else if constexpr (std::is_enum_v<T>) return kind::enumeration;
  else if constexpr (!std::is_class_v<T>) return kind::refused;
  else if constexpr (travels_as_descriptors<T>) return kind::carried;
  else if constexpr (is_std_array<T>) return kind::array;
  else if constexpr (is_a<T, std::optional>) return kind::optional;
  else if constexpr (is_a<T, std::variant>) return kind::variant;
  else if constexpr (is_a<T, std::pair> || is_a<T, std::tuple>) return kind::tuple;
  else if constexpr (is_a<T, std::chrono::duration>) return kind::duration;
  else if constexpr (is_a<T, std::chrono::time_point>) return kind::time_point;
  else if constexpr (std::is_same_v<T, std::monostate>) return kind::monostate;
  else if constexpr (mapping_like<T>) return kind::map;
  else if constexpr (keyed<T>) return kind::set;
  else if constexpr (sequence_like<T>) return kind::sequence;
  else if constexpr (with_fields<T>) return kind::fields;
  else return kind::refused;
}
template <typename T>
constexpr kind kind_of = classify<T>();

// The types directly inside T, in order.
template <typename T>
struct parts {
  using types = type_list<>;
};
template <typename T>
  requires(kind_of<T> == kind::fields)
struct parts<T> {
  using types = fields_of<T>;
};
template <typename T>
  requires(kind_of<T> == kind::array || kind_of<T> == kind::sequence || kind_of<T> == kind::set ||
           kind_of<T> == kind::optional)
struct parts<T> {
  using types = type_list<typename T::value_type>;
};
template <typename T>
  requires(kind_of<T> == kind::map)
struct parts<T> {
  using types = type_list<typename T::key_type, typename T::mapped_type>;
};
template <template <typename...> typename Template, typename... Args>
  requires(kind_of<Template<Args...>> == kind::tuple || kind_of<Template<Args...>> == kind::variant)
struct parts<Template<Args...>> {
  using types = type_list<Args...>;
};
template <typename T>
  requires(kind_of<T> == kind::duration || kind_of<T> == kind::time_point)
struct parts<T> {
  using types = type_list<typename T::rep>;
};

struct verdict {
  bool travels = true;
  bool descriptors = false;  // there may be some inside
};

// `Path` are the types with fields that we are inside of: a tree of itself has been judged already.
template <typename T, typename... Path>
consteval verdict judge() {
  if constexpr (kind_of<T> == kind::refused) {
    return {.travels = false};
  } else if constexpr (kind_of<T> == kind::carried) {
    return {.descriptors = true};
  } else if constexpr (plain_v<T> || (... || std::is_same_v<T, Path>)) {
    return {};
  } else {
    return []<typename... Parts>(type_list<Parts...>) {
      verdict whole;
      const auto add = [&](verdict part) {
        whole.travels = whole.travels && part.travels;
        whole.descriptors = whole.descriptors || part.descriptors;
      };
      if constexpr (kind_of<T> == kind::fields) {
        // Fields without a default constructor are built first and the aggregate from them; nothing else can be.
        if constexpr (layout_v<T>.form == shape::listed) whole.travels = std::is_default_constructible_v<T>;
        (add(judge<Parts, T, Path...>()), ...);
      } else {
        if constexpr (kind_of<T> == kind::array) whole.travels = std::is_default_constructible_v<T>;
        if constexpr (kind_of<T> == kind::duration || kind_of<T> == kind::time_point)
          whole.travels = (... && std::is_arithmetic_v<Parts>);
        (add(judge<Parts, Path...>()), ...);
      }
      return whole;
    }(typename parts<T>::types{});
  }
}
template <typename T>
constexpr verdict verdict_of = judge<T>();

// May a T have descriptors inside?
template <typename T>
constexpr bool has_descriptors = verdict_of<T>.descriptors;

}  // namespace transom::detail

namespace transom {

/// T can be sent: see the rules in the documentation, "What can be a message".
template <typename T>
concept message = detail::verdict_of<T>.travels;

}  // namespace transom
