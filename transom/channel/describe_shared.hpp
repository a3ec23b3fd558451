// transom/channel/describe_shared.hpp - how a shareable type is described to the others who open it. Words: those of
// schema.hpp, atomic<T>, the names of the types of sync, and "opaque" for what somebody vouches for; then the size.
#pragma once
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>

#include "transom/channel/describe.hpp"
#include "transom/channel/shareable.hpp"

namespace transom::detail {

template <typename T>
void describe_shared(std::string& out) {
  [[maybe_unused]] const auto list = [&]<typename... Parts>(type_list<Parts...>) {
    [[maybe_unused]] const char* comma = "";
    ((out += comma, comma = ", ", describe_shared<Parts>(out)), ...);
  };
  [[maybe_unused]] const auto within = [&](std::string_view name, const char* open, const char* close) {
    out += name;
    out += open;
    list(shared_parts<T>());
    out += close;
  };
  if constexpr (enable_shareable<T>) {
    out += "opaque/" + std::to_string(sizeof(T));
  } else if constexpr (std::is_same_v<T, std::byte>) {
    out += "byte";
  } else if constexpr (std::is_enum_v<T>) {
    out += "enum ";
    describe_number<std::underlying_type_t<T>>(out);
  } else if constexpr (std::is_arithmetic_v<T>) {
    describe_number<T>(out);
  } else if constexpr (is_shared_atomic<T>) {
    within("atomic", "<", ">");
  } else if constexpr (is_std_array<T>) {
    within({}, "[", "; ");
    out += std::to_string(std::tuple_size_v<T>) + ']';
  } else if constexpr (is_a<T, std::chrono::duration>) {
    describe_time<T>(out, "duration<");
  } else if constexpr (is_a<T, std::chrono::time_point>) {
    describe_time<T>(out, "clock<");
  } else if constexpr (sync_object<T>) {
    if constexpr (requires { typename T::value_type; }) within(T::shared_name, "<", ">");
    else out += T::shared_name;
  } else {
    within(short_name(type_name<T>()), "{", "}");
  }
}

/// The description of T, composed once per process. Any thread.
template <typename T>
const schema_info& shared_schema_of() {
  static const schema_info info = [] {
    schema_info made;
    made.text = "shared ";
    describe_shared<T>(made.text);
    made.text += "/" + std::to_string(sizeof(T)) + "/" + std::to_string(alignof(T));
    made.hash = schema_hash(made.text);
    return made;
  }();
  return info;
}

}  // namespace transom::detail
