// transom/channel/listed_fields.hpp - TRANSOM_FIELDS, for types that cannot be taken apart by themselves.
#pragma once
#include <type_traits>

/// Lists the fields of `type` that travel, in order: TRANSOM_FIELDS(account, id_, owner_, balance_)
///
/// Either in a public section of the class itself, whose fields may then be private, or in the namespace of `type`
/// after its definition. At most 64 fields; the type needs a default constructor and is never `plain`.
#define TRANSOM_FIELDS(type, ...)                                                                \
  template <typename TransomSelf, typename TransomVisitor>                                       \
  constexpr decltype(auto) transom_fields(::std::type_identity<type>, TransomSelf& transom_self, \
                                          TransomVisitor&& transom_visit) {                      \
    return transom_visit(TRANSOM_DETAIL_REPEAT(TRANSOM_DETAIL_FIELD(__VA_ARGS__)));              \
  }

// A macro cannot call itself, but a name that is put together late and scanned again can: each REPEAT scans it more
// often, 85 times in all.
#define TRANSOM_DETAIL_FIELD(first, ...) \
  transom_self.first __VA_OPT__(, TRANSOM_DETAIL_NEXT_FIELD TRANSOM_DETAIL_PARENTHESES(__VA_ARGS__))
#define TRANSOM_DETAIL_NEXT_FIELD() TRANSOM_DETAIL_FIELD
#define TRANSOM_DETAIL_PARENTHESES ()
#define TRANSOM_DETAIL_REPEAT(...) \
  TRANSOM_DETAIL_REPEAT_3(TRANSOM_DETAIL_REPEAT_3(TRANSOM_DETAIL_REPEAT_3(TRANSOM_DETAIL_REPEAT_3(__VA_ARGS__))))
#define TRANSOM_DETAIL_REPEAT_3(...) \
  TRANSOM_DETAIL_REPEAT_2(TRANSOM_DETAIL_REPEAT_2(TRANSOM_DETAIL_REPEAT_2(TRANSOM_DETAIL_REPEAT_2(__VA_ARGS__))))
#define TRANSOM_DETAIL_REPEAT_2(...) \
  TRANSOM_DETAIL_REPEAT_1(TRANSOM_DETAIL_REPEAT_1(TRANSOM_DETAIL_REPEAT_1(TRANSOM_DETAIL_REPEAT_1(__VA_ARGS__))))
#define TRANSOM_DETAIL_REPEAT_1(...) __VA_ARGS__
