// transom/channel/encode.hpp - walks a value and tells a sink (msgpack.hpp) what is there.
//
// One walk serves three sinks: counting the bytes, writing them, collecting the descriptors. So the three cannot
// disagree.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <variant>

#include "transom/channel/message.hpp"
#include "transom/channel/msgpack.hpp"

namespace transom::detail {

// Can a T be written as nil? Then an optional of it needs an array around the value.
template <typename T>
constexpr bool may_be_nil =
    kind_of<T> == kind::optional || kind_of<T> == kind::monostate || kind_of<T> == kind::carried;

// The bytes of any T on the wire where that does not depend on the value, else 0.
template <typename T>
constexpr std::size_t fixed_size = kind_of<T> == kind::boolean ? 1
                                   : kind_of<T> == kind::real  ? 1 + sizeof(T)
                                                               : 0;

template <typename T>
constexpr bool is_byte_array =
    kind_of<T> == kind::array && std::is_same_v<typename parts<T>::types, type_list<std::byte>>;

template <typename T, typename Sink>
void put(Sink& out, const T& value);

template <typename T, typename Sink>
void put_number(Sink& out, T value) {
  if constexpr (std::is_same_v<T, bool>) out.boolean(value);
  else if constexpr (std::is_same_v<T, char>) out.number(std::uint64_t{static_cast<unsigned char>(value)});
  else if constexpr (std::is_signed_v<T>) out.number(static_cast<std::int64_t>(value));
  else out.number(static_cast<std::uint64_t>(value));
}

template <typename T, typename Sink>
void put_elements(Sink& out, const T& values) {
  using element = typename T::value_type;
  if constexpr (Sink::counts_only && fixed_size<element> != 0) out.many(values.size(), fixed_size<element>);
  else {
    for (const auto& value : values) detail::put<element>(out, value);
  }
}

template <typename T, typename Sink>
void put_carried(Sink& out, const T& value) {
  if constexpr (std::is_same_v<T, fd>) {
    const int number = value.get();
    if (number < 0) out.nil();
    else out.number(out.descriptors({&number, 1}));
  } else {
    const luggage packed = carried<T>::pack(value);
    out.array(3);
    out.number(out.descriptors({packed.descriptors.data(), packed.count}));
    out.number(std::uint64_t{packed.count});
    out.binary(packed.note);
  }
}

template <typename T, typename Sink>
void put(Sink& out, const T& value) {
  constexpr kind k = kind_of<T>;
  if constexpr (std::is_same_v<Sink, descriptor_collector> && !has_descriptors<T>) {
    return;
  } else if constexpr (k == kind::boolean || k == kind::number) {
    put_number<T>(out, value);
  } else if constexpr (k == kind::real) {
    out.real(value);
  } else if constexpr (k == kind::long_real) {
    out.binary(std::as_bytes(std::span(&value, 1)));
  } else if constexpr (k == kind::enumeration) {
    put_number(out, static_cast<std::underlying_type_t<T>>(value));
  } else if constexpr (k == kind::text) {
    out.text(value);
  } else if constexpr (k == kind::blob || is_byte_array<T>) {
    out.binary(value);
  } else if constexpr (k == kind::user) {
    bytes scratch;
    codec<T>::encode(value, scratch);
    out.binary(scratch);
  } else if constexpr (k == kind::carried) {
    put_carried(out, value);
  } else if constexpr (k == kind::fields) {
    detail::visit_fields(value, [&out](const auto&... field) {
      out.array(sizeof...(field));
      (detail::put(out, field), ...);
    });
  } else if constexpr (k == kind::array || k == kind::sequence || k == kind::set) {
    out.array(value.size());
    put_elements(out, value);
  } else if constexpr (k == kind::map) {
    out.map(value.size());
    for (const auto& [key, mapped] : value) {
      detail::put(out, key);
      detail::put(out, mapped);
    }
  } else if constexpr (k == kind::tuple) {
    std::apply(
        [&out](const auto&... part) {
          out.array(sizeof...(part));
          (detail::put(out, part), ...);
        },
        value);
  } else if constexpr (k == kind::optional) {
    if (!value) return out.nil();
    if constexpr (may_be_nil<typename T::value_type>) out.array(1);
    detail::put(out, *value);
  } else if constexpr (k == kind::variant) {
    ensure(!value.valueless_by_exception(), "a std::variant without a value cannot be sent");
    out.array(2);
    out.number(std::uint64_t{value.index()});
    std::visit([&out](const auto& alternative) { detail::put(out, alternative); }, value);
  } else if constexpr (k == kind::monostate) {
    out.nil();
  } else if constexpr (k == kind::duration) {
    detail::put(out, value.count());
  } else {
    detail::put(out, value.time_since_epoch().count());
  }
}

}  // namespace transom::detail
