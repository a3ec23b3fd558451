// transom/channel/schema.hpp - what a type looks like on the wire, in words and as a number.
//
//     order{u64, enum u8, string, [fill{f64, u32}], optional<string>, map<string, [i32]>}
//
// Words: bool char byte iN uN fN `long fN` `enum X` string bytes nothing fd; [T] sequence, [T; n] array, set<T>,
// map<K, V>, (A, B) tuple, optional<T>, variant<A, B>, duration<X, n/d>, time<X, n/d> (system_clock), steady<...>,
// clock<...>; name{...} fields in order; ^n the n-th type with fields around it, for recursive types; "..." a codec
// of the user's; /n after a plain type that is laid out unusually (over-aligned): its size.
//
// The name before a { is for people. Neither the hash nor the comparison sees it.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace transom {

/// The shape of a message type.
struct schema_info {
  std::uint64_t hash = 0;  ///< of kinds, sizes and order of fields, not of names; never 0
  std::string text;        ///< for people, and for compatible()
};

/// May one side send what the other expects? Equal shapes, or one has more fields at the end of the message and all
/// of those are optional. A text that was cut off is compatible with nothing but its equal.
bool compatible(std::string_view a, std::string_view b);

/// The same; decides by the hashes when they are equal.
inline bool compatible(const schema_info& a, const schema_info& b) {
  return a.hash == b.hash || compatible(std::string_view(a.text), std::string_view(b.text));
}

namespace detail {

/// FNV-1a (64 bits) of `text` without the names; 1 instead of 0, which means "no type declared" elsewhere.
std::uint64_t schema_hash(std::string_view text);
/// `text` without the names before {.
std::string without_names(std::string_view text);
/// "ns::order<int>" -> "order".
std::string_view short_name(std::string_view type_name) noexcept;
/// The text of a user's codec, in quotes.
void append_quoted(std::string& out, std::string_view text);

}  // namespace detail
}  // namespace transom
