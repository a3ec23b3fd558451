// transom/channel/schema_test.cpp - which types are the same message, and which may stand for each other.
#include "transom/channel/schema.hpp"

#include <gtest/gtest.h>

#include "transom/channel/codec.hpp"
#include "transom/channel/codec_samples.hpp"

using namespace transom;
using namespace transom::samples;
using detail::schema_of;
using detail::wire_form;

namespace {

struct same_as_fill {
  double p;
  std::uint32_t q;
};
struct swapped {
  std::uint32_t q;
  double p;
};
struct alignas(16) roomy {
  std::uint8_t a;
  std::uint32_t b;
};
struct usual {
  std::uint8_t a;
  std::uint32_t b;
};
struct version_1 {
  std::uint64_t id = 0;
  std::uint32_t count = 0;
};
struct version_2 {
  std::uint64_t id = 0;
  std::uint32_t count = 0;
  std::optional<std::string> note;
};
struct version_3 {
  std::uint64_t id = 0;
  std::uint32_t count = 0;
  std::optional<std::string> note;
  std::optional<version_1> before;
};
struct other_2 {
  std::uint64_t id = 0;
  std::uint32_t count = 0;
  std::optional<int> note;
};
struct not_optional {
  std::uint64_t id = 0;
  std::uint32_t count = 0;
  std::string note;
};
struct holds_1 {
  version_1 inside;
  int after = 0;
};
struct holds_2 {
  version_2 inside;
  int after = 0;
};
template <typename T>
struct generic {
  T value;
};

template <typename A, typename B>
bool equal() {
  return schema_of<A>().hash == schema_of<B>().hash;
}
template <typename A, typename B>
bool fit() {
  const bool one_way = compatible(schema_of<A>(), schema_of<B>());
  EXPECT_EQ(one_way, compatible(schema_of<B>(), schema_of<A>()));
  return one_way;
}

TEST(schema, the_text_can_be_read) {
  EXPECT_EQ(schema_of<order>().text,
            "order{u64, enum u8, string, [fill{f64, u32}], optional<string>, map<string, [i32]>}");
  EXPECT_EQ(schema_of<tree>().text, "tree{i16, [^1]}");
  EXPECT_EQ(schema_of<int>().text, "i32");
  EXPECT_EQ(schema_of<bytes>().text, "bytes");
  EXPECT_EQ(schema_of<account>().text, "account{u32, string}");
  EXPECT_EQ(schema_of<generic<int>>().text, "generic{i32}");
  EXPECT_EQ((schema_of<std::tuple<char, std::array<std::byte, 4>, bool>>().text), "(char, [byte; 4], bool)");
  EXPECT_EQ((schema_of<std::variant<std::monostate, fd>>().text), "variant<nothing, fd>");
  EXPECT_EQ(schema_of<std::chrono::milliseconds>().text, "duration<i64, 1/1000>");
  EXPECT_EQ(schema_of<std::chrono::system_clock::time_point>().text, "time<i64, 1/1000000000>");
}

TEST(schema, the_hash_sees_kinds_sizes_and_order_but_not_names) {
  EXPECT_TRUE((equal<fill, same_as_fill>()));
  EXPECT_TRUE((equal<std::vector<fill>, std::deque<same_as_fill>>()));
  EXPECT_TRUE((equal<int, std::int32_t>()));
  EXPECT_TRUE((equal<std::map<int, int>, std::unordered_map<int, int>>()));
  EXPECT_FALSE((equal<fill, swapped>()));
  EXPECT_FALSE((equal<int, unsigned>()));
  EXPECT_FALSE((equal<int, long>()));
  EXPECT_FALSE((equal<side, std::uint8_t>()));
  EXPECT_FALSE((equal<bytes, std::string>()));
  EXPECT_FALSE((equal<bytes, std::deque<std::byte>>()));
  EXPECT_FALSE((equal<std::chrono::seconds, std::chrono::milliseconds>()));
  EXPECT_FALSE((equal<std::optional<int>, int>()));
  EXPECT_FALSE((equal<fill, generic<fill>>()));
  EXPECT_FALSE((equal<roomy, usual>()));
  EXPECT_FALSE((equal<std::array<int, 2>, std::array<int, 3>>()));
  EXPECT_NE(schema_of<order>().hash, 0u);
  EXPECT_EQ(schema_of<int>().hash, 0x2af2b3192b419145u)
      << "the format changed: old and new builds will refuse each other";
}

TEST(schema, optionals_may_be_appended_to_the_message_and_nothing_else) {
  EXPECT_TRUE((fit<version_1, version_1>()));
  EXPECT_TRUE((fit<version_1, version_2>()));
  EXPECT_TRUE((fit<version_1, version_3>()));
  EXPECT_TRUE((fit<version_2, version_3>()));
  EXPECT_FALSE((fit<version_2, other_2>()));
  EXPECT_FALSE((fit<version_1, not_optional>()));
  EXPECT_FALSE((fit<holds_1, holds_2>()));
  EXPECT_FALSE((fit<std::vector<version_1>, std::vector<version_2>>()));
  EXPECT_FALSE((fit<order, fill>()));
  EXPECT_FALSE((fit<std::tuple<int>, std::tuple<int, std::optional<int>>>()));
}

TEST(schema, a_text_that_was_cut_or_made_up_fits_nothing) {
  const std::string& whole = schema_of<version_2>().text;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(compatible(whole, std::string_view(whole).substr(0, size))) << size;
  }
  for (std::string_view odd :
       {"{", "}", "{}}", "{]}", "{\"", "{\"\\", "x{u64, u32", "{u64, u32}}", "{u64, u32, optional<"})
    EXPECT_FALSE(compatible(whole, odd)) << odd;
  EXPECT_TRUE(compatible("a{}", "b{optional<u8>}"));
}

template <typename From, typename To>
result<To> across(const From& value) {
  return detail::decode<To, wire_form::portable>(encoded<wire_form::portable>(value), 1000);
}

TEST(schema, old_and_new_understand_each_other_in_the_portable_form) {
  EXPECT_EQ(detail::form_between(schema_of<version_1>(), schema_of<version_2>().hash, true), wire_form::portable);
  EXPECT_EQ(detail::form_between(schema_of<version_1>(), schema_of<version_1>().hash, true), wire_form::native);
  EXPECT_EQ(detail::form_between(schema_of<version_1>(), schema_of<version_1>().hash, false), wire_form::portable);

  const auto newer = across<version_1, version_3>({7, 8}).or_throw();
  EXPECT_EQ(newer.id, 7u);
  EXPECT_EQ(newer.count, 8u);
  EXPECT_FALSE(newer.note || newer.before);
  const auto older = across<version_3, version_1>({7, 8, "note", version_1{1, 2}}).or_throw();
  EXPECT_EQ(older.count, 8u);
  EXPECT_EQ((across<version_3, version_2>({7, 8, "note", {}}).or_throw().note), "note");
  EXPECT_FALSE((across<version_1, not_optional>({7, 8})));
  EXPECT_FALSE((across<holds_1, holds_2>({{7, 8}, 1})));
}

}  // namespace
