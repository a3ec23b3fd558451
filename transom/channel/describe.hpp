// transom/channel/describe.hpp - composes the schema of a type; see schema.hpp for the words.
#pragma once
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <limits>
#include <string>

#include "transom/channel/message.hpp"
#include "transom/channel/refusal.hpp"
#include "transom/channel/schema.hpp"

namespace transom::detail {

// Is T laid out as its fields in order, each at the next multiple of its alignment?
template <plain T>
consteval bool laid_out_naturally() {
  if constexpr (is_std_array<T>) {
    return laid_out_naturally<typename T::value_type>();
  } else if constexpr (std::is_class_v<T>) {
    return []<typename... Fields>(type_list<Fields...>) {
      std::size_t size = 0, alignment = 1;
      const auto place = [&](std::size_t field_size, std::size_t field_alignment) {
        size = (size + field_alignment - 1) / field_alignment * field_alignment + field_size;
        alignment = std::max(alignment, field_alignment);
      };
      (place(sizeof(Fields), alignof(Fields)), ...);
      size = std::max((size + alignment - 1) / alignment * alignment, alignment);
      return size == sizeof(T) && alignment == alignof(T) && (... && laid_out_naturally<Fields>());
    }(fields_of<T>{});
  } else {
    return true;
  }
}

// The types with fields that we are inside of, innermost first.
struct enclosing {
  const void* type;
  const enclosing* around;
};
template <typename T>
inline constexpr char identity_of = 0;

template <typename T>
void describe(std::string& out, const enclosing* around);

template <typename... Parts>
void describe_list(std::string& out, const enclosing* around, type_list<Parts...>) {
  const char* comma = "";
  ((out += comma, comma = ", ", describe<Parts>(out, around)), ...);
}

template <typename T>
void describe_within(std::string& out, const enclosing* around, const char* open, const char* close) {
  out += open;
  describe_list(out, around, typename parts<T>::types{});
  out += close;
}

template <typename T>
void describe_number(std::string& out) {
  if constexpr (std::is_same_v<T, char>) {
    out += "char";
  } else if constexpr (std::is_same_v<T, bool>) {
    out += "bool";
  } else if constexpr (std::is_same_v<T, long double>) {
    out += "long f";
    out += std::to_string(std::numeric_limits<T>::digits);
  } else {
    out += std::is_floating_point_v<T> ? 'f' : std::is_signed_v<T> ? 'i' : 'u';
    out += std::to_string(8 * sizeof(T));
  }
}

template <typename Time>
void describe_time(std::string& out, const char* word) {
  out += word;
  describe_number<typename Time::rep>(out);
  out += ", ";
  out += std::to_string(Time::period::num);
  out += '/';
  out += std::to_string(Time::period::den);
  out += '>';
}

template <typename T>
void describe_fields(std::string& out, const enclosing* around) {
  std::size_t level = 1;
  for (const enclosing* at = around; at != nullptr; at = at->around, ++level) {
    if (at->type == &identity_of<T>) {
      out += '^';
      out += std::to_string(level);
      return;
    }
  }
  const enclosing here{&identity_of<T>, around};
  out += short_name(type_name<T>());
  describe_within<T>(out, &here, "{", "}");
}

template <typename T>
void describe(std::string& out, const enclosing* around) {
  constexpr kind k = kind_of<T>;
  if constexpr (k == kind::boolean || k == kind::number || k == kind::real || k == kind::long_real) {
    describe_number<T>(out);
  } else if constexpr (std::is_same_v<T, std::byte>) {
    out += "byte";
  } else if constexpr (k == kind::enumeration) {
    out += "enum ";
    describe_number<std::underlying_type_t<T>>(out);
  } else if constexpr (k == kind::text) {
    out += "string";
  } else if constexpr (k == kind::blob) {
    out += "bytes";
  } else if constexpr (k == kind::user) {
    append_quoted(out, codec<T>::schema);
  } else if constexpr (std::is_same_v<T, fd>) {
    out += "fd";
  } else if constexpr (k == kind::carried) {
    out += carried<T>::schema();
  } else if constexpr (k == kind::fields) {
    describe_fields<T>(out, around);
  } else if constexpr (k == kind::array) {
    describe_within<T>(out, around, "[", "; ");
    out += std::to_string(std::tuple_size_v<T>);
    out += ']';
  } else if constexpr (k == kind::sequence) {
    describe_within<T>(out, around, "[", "]");
  } else if constexpr (k == kind::set) {
    describe_within<T>(out, around, "set<", ">");
  } else if constexpr (k == kind::map) {
    describe_within<T>(out, around, "map<", ">");
  } else if constexpr (k == kind::tuple) {
    describe_within<T>(out, around, "(", ")");
  } else if constexpr (k == kind::optional) {
    describe_within<T>(out, around, "optional<", ">");
  } else if constexpr (k == kind::variant) {
    describe_within<T>(out, around, "variant<", ">");
  } else if constexpr (k == kind::monostate) {
    out += "nothing";
  } else if constexpr (k == kind::duration) {
    describe_time<T>(out, "duration<");
  } else if constexpr (std::is_same_v<typename T::clock, std::chrono::system_clock>) {
    describe_time<T>(out, "time<");
  } else if constexpr (std::is_same_v<typename T::clock, std::chrono::steady_clock>) {
    describe_time<T>(out, "steady<");
  } else {
    describe_time<T>(out, "clock<");
  }
}

/// The schema of T, composed once per process. Any thread.
template <typename T>
const schema_info& schema_of() {
  static_assert(check_message<T>());
  static const schema_info info = [] {
    schema_info made;
    describe<T>(made.text, nullptr);
    if constexpr (plain<T>) {
      if constexpr (!laid_out_naturally<T>()) made.text.append("/").append(std::to_string(sizeof(T)));
    }
    made.hash = schema_hash(made.text);
    return made;
  }();
  return info;
}

}  // namespace transom::detail
