// transom/channel/cargo.hpp - the codec as senders and receivers use it: the form is chosen per handle, at run time.
#pragma once
#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "transom/channel/codec.hpp"
#include "transom/channel/opening.hpp"

namespace transom::detail {

/// Plain values without bools, which are good whatever their bytes are: shared memory hands them over as they
/// lie.
template <typename T>
inline constexpr bool comes_quickly = false;
template <plain T>
inline constexpr bool comes_quickly<T> = sizeof(T) <= 4096 && std::is_default_constructible_v<T> && !holds_bool<T>();

/// And may be looked at where they lie, if they do not lie in a slot, which the next message may need.
template <typename T>
inline constexpr bool lies_quickly = false;
template <plain T>
inline constexpr bool lies_quickly<T> = alignof(T) <= 64 && !holds_bool<T>();

struct end_access;

/// Is a type whose schema reads `text` plain, so that its native form is its bytes?
bool describes_plain(std::string_view text);

/// May a sender that declared `text` talk to a receiver of T, each in the native form? The native forms of a plain type
/// and of the same type with an optional at its end have nothing in common, so both must be plain or neither.
template <typename T>
bool natively_compatible(std::uint64_t, std::string_view text) {
  return !plain<T> && !describes_plain(text) && compatible(std::string_view(schema_of<T>().text), text);
}
template <typename T>
bool portably_compatible(std::uint64_t, std::string_view text) {
  return compatible(std::string_view(schema_of<T>().text), text);
}

/// What the layers below must know about T.
template <typename T>
const cargo& cargo_of() {
  static const cargo known = [] {
    const schema_info& schema = schema_of<T>();
    cargo made;
    made.native = {.schema_hash = schema.hash,
                   .schema_text = schema.text,
                   .descriptors = has_descriptors<T>,
                   .compatible = natively_compatible<T>};
    made.portable = made.native;
    made.portable.compatible = portably_compatible<T>;
    if constexpr (plain<T>) {
      made.native.least_message = sizeof(T);
      made.portable.least_message = 16 + 6 * sizeof(T);  // no plain value is longer as MessagePack
    }
    made.text = is_text<T>;
    made.raw = is_raw<T>;
    return made;
  }();
  return known;
}

/// What the two ends of a channel of T with these options agree on.
template <typename T>
transport::terms terms_of(const options& how = {}) {
  if (how.framing == framing::native) return cargo_of<T>().native;
  transport::terms foreign = how.framing == framing::length ? cargo_of<T>().portable : cargo_of<T>().native;
  foreign.schema_hash = 0;
  foreign.compatible = nullptr;
  return foreign;
}

template <typename T>
std::size_t wire_size(const T& value, [[maybe_unused]] bool portable) {
  if constexpr (plain<T>) {
    if (portable) return encoded_size<wire_form::portable>(value);
  }
  return encoded_size(value);
}
template <typename T>
void wire_write(const T& value, std::span<std::byte> out, [[maybe_unused]] bool portable) {
  if constexpr (plain<T>) {
    if (portable) return encode_into<wire_form::portable>(value, out);
  }
  encode_into(value, out);
}
template <typename T>
result<T> wire_read(const transport::incoming& message, [[maybe_unused]] bool portable, std::size_t max_message) {
  if constexpr (plain<T>) {
    if (portable) return decode<T, wire_form::portable>(message.payload, max_message, message.descriptors);
  }
  return decode<T>(message.payload, max_message, message.descriptors);
}

}  // namespace transom::detail
