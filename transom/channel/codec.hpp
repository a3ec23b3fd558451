// transom/channel/codec.hpp - a value to the bytes of a message and back. The first rule that matches:
//
//   1. transom::bytes, std::string        the bytes themselves
//   2. transom::codec<T>                  what it says
//   3. plain T                            its object representation, in the native form
//   4. everything else                    one MessagePack value; aggregates are arrays, fields by position
//
// In the portable form, rule 3 does not apply: plain types are MessagePack too. Both ends must use the same form. It
// is `portable` where the ends may be different machines, where a stranger reads along (framing=length), and where
// the schemas are compatible but not equal: a plain type and the same with an optional at its end have no bytes in
// common otherwise. Else it is `native`. form_between() decides.
//
// A message whose last fields are std::optional may come without them, or with more fields than we know.
#pragma once
#include <cstddef>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "transom/base/error.hpp"
#include "transom/channel/decode.hpp"
#include "transom/channel/describe.hpp"
#include "transom/channel/encode.hpp"
#include "transom/channel/refusal.hpp"

namespace transom::detail {

enum class wire_form : unsigned char { native, portable };

/// What two ends with compatible schemas use.
inline wire_form form_between(const schema_info& mine, std::uint64_t other_hash, bool one_host) noexcept {
  return one_host && mine.hash == other_hash ? wire_form::native : wire_form::portable;
}

template <typename T>
inline constexpr bool is_raw = is_text<T> || is_blob<T>;

/// payload_of(value) is the whole message: it need not be encoded, and may be sent from where it is.
template <typename T, wire_form Form = wire_form::native>
inline constexpr bool encodes_in_place = is_raw<T> || (Form == wire_form::native && plain<T>);

/// The message as it lies in the value. Valid as long as the value is, unchanged.
template <typename T>
  requires encodes_in_place<T>
std::span<const std::byte> payload_of(const T& value) noexcept {
  if constexpr (is_raw<T>) return std::as_bytes(std::span(value.data(), value.size()));
  else return std::as_bytes(std::span(&value, 1));
}

/// The exact size of the message. Allocates nothing, unless a codec of the user's does.
template <wire_form Form = wire_form::native, typename T>
std::size_t encoded_size(const T& value) {
  static_assert(check_message<T>());
  if constexpr (encodes_in_place<T, Form>) {
    return payload_of(value).size();
  } else if constexpr (kind_of<T> == kind::user) {
    bytes scratch;
    codec<T>::encode(value, scratch);
    return scratch.size();
  } else {
    msgpack_size size;
    detail::put(size, value);
    return size.size();
  }
}

/// Writes the message; out.size() must be encoded_size<Form>(value). Allocates nothing, as above. Aborts if the value
/// has changed in between: another thread is writing to it.
template <wire_form Form = wire_form::native, typename T>
void encode_into(const T& value, std::span<std::byte> out) {
  static_assert(check_message<T>());
  constexpr const char* changed = "a message changed while it was being encoded";
  if constexpr (encodes_in_place<T, Form>) {
    const auto payload = payload_of(value);
    ensure(payload.size() == out.size(), changed);
    if (!payload.empty()) std::memcpy(out.data(), payload.data(), payload.size());
  } else if constexpr (kind_of<T> == kind::user) {
    bytes scratch;
    codec<T>::encode(value, scratch);
    ensure(scratch.size() == out.size(), changed);
    if (!scratch.empty()) std::memcpy(out.data(), scratch.data(), scratch.size());
  } else {
    msgpack_writer writer(out);
    detail::put(writer, value);
    ensure(writer.room() == 0, changed);
  }
}

/// Appends the numbers of the descriptors inside `value`, in the order in which they must be passed. They stay owned
/// by the value. For a type without descriptor fields (has_descriptors<T> is false) this is nothing.
template <typename T>
void collect_descriptors(const T& value, std::vector<int>& into) {
  if constexpr (has_descriptors<T>) {
    descriptor_collector collector(into);
    detail::put(collector, value);
  }
}

template <typename T>
result<T> decode_plain(std::span<const std::byte> in) {
  static_assert(std::is_trivially_copyable_v<T>);
  if (in.size() != sizeof(T)) return wrong_size("bytes of a plain value", sizeof(T), in.size());
  // Not a copy into a default-constructed T: its initialisers would run for nothing.
  union storage {
    storage() {}
    T value;
  } made;
  std::memcpy(static_cast<void*>(&made.value), in.data(), sizeof(T));
  if (!bools_are_valid(made.value)) return decode_failure("a bool of a plain value is neither 0 nor 1");
  return made.value;
}

template <typename T>
result<T> decode_packed(std::span<const std::byte> in, std::span<fd> descriptors) {
  msgpack_reader reader(in, descriptors);
  if constexpr (!std::is_default_constructible_v<T>) {
    std::optional<T> made;
    if constexpr (kind_of<T> == kind::fields) {
      made = read_message_fields<T>(reader, [&](std::size_t n) { return make_from_fields<T>(reader, n); });
    } else {
      made = make<T>(reader);
    }
    if (!made || !reader.finish()) return reader.failure();
    return result<T>(std::move(*made));
  } else {
    result<T> value(std::in_place);
    bool good;
    if constexpr (kind_of<T> == kind::fields) {
      good = read_message_fields<T>(reader, [&](std::size_t n) { return get_fields(reader, *value, n); });
    } else {
      good = detail::get(reader, *value);
    }
    if (!good || !reader.finish()) return reader.failure();
    return value;
  }
}

/// The value of a message that somebody else wrote. decode_failed for everything that is not a T, with a detail that
/// says what was expected at which byte. `descriptors` came with the message and are moved into the value, in order;
/// all of them must be named by it, and after a failure the caller still closes what is left.
template <typename T, wire_form Form = wire_form::native>
result<T> decode(std::span<const std::byte> in, std::size_t max_message, std::span<fd> descriptors = {}) {
  static_assert(check_message<T>());
  if (in.size() > max_message) return wrong_size("at most max_message bytes", max_message, in.size());
  if constexpr (!has_descriptors<T>) {
    if (!descriptors.empty()) return decode_failure("descriptors came with a message that has no field for them");
  }
  if constexpr (is_raw<T>) {
    const auto* data = reinterpret_cast<const typename T::value_type*>(in.data());
    return result<T>(std::in_place, data, data + in.size());
  } else if constexpr (kind_of<T> == kind::user) {
    return codec<T>::decode(in);
  } else if constexpr (encodes_in_place<T, Form>) {
    return decode_plain<T>(in);
  } else {
    return decode_packed<T>(in, descriptors);
  }
}

}  // namespace transom::detail
