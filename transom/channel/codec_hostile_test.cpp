// transom/channel/codec_hostile_test.cpp - what comes from a peer is never believed: whatever the bytes are, the answer
// is a value or decode_failed, and the memory spent is bounded by the size of the message.
#include <gtest/gtest.h>

#include <random>

#include "transom/channel/codec.hpp"
#include "transom/channel/codec_samples.hpp"

using namespace transom;
using namespace transom::samples;
using detail::wire_form;

namespace {

template <typename T>
result<T> read(const bytes& wire) {
  return detail::decode<T, wire_form::portable>(wire, std::size_t{1} << 30);
}

template <typename T>
void refused(std::initializer_list<int> values, std::string_view detail) {
  bytes wire;
  for (int value : values) wire.push_back(static_cast<std::byte>(value));
  const auto got = read<T>(wire);
  ASSERT_TRUE(got.failed_with(errc::decode_failed)) << detail;
  EXPECT_NE(got.error().detail().find(detail), std::string::npos) << got.error().message();
}

struct pair_of_bytes {
  std::uint8_t a = 0, b = 0;
};
struct deep {
  std::vector<deep> inside;
};

TEST(hostile_message, each_mistake_is_named_with_its_place) {
  refused<int>({}, "expected more bytes at byte 0 of 0");
  refused<int>({0xc0}, "expected an integer at byte 0");
  refused<int>({1, 2}, "expected the end of the message at byte 1 of 2");
  refused<std::uint8_t>({0xcd, 1, 0}, "expected an integer that fits u8");
  refused<std::uint64_t>({0xff}, "expected an integer that fits u64");
  refused<std::int64_t>({0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, "expected an integer");
  refused<side>({0xcd, 1, 0}, "u8");
  refused<bool>({1}, "expected a bool");
  refused<float>({0xcb, 0, 0, 0, 0, 0, 0, 0, 0}, "expected a float 32");
  refused<double>({1}, "expected a float 64");
  refused<std::vector<std::string>>({0x91, 0xc4, 0}, "expected a str at byte 1");
  refused<std::vector<std::string>>({0x91, 0xdb, 0xff, 0xff, 0xff, 0xff, 'x'}, "a length within the message");
  refused<std::vector<int>>({0xdd, 0xff, 0xff, 0xff, 0xff}, "a count within the message");
  refused<std::vector<double>>({0x92, 0xcb, 0, 0, 0, 0, 0, 0, 0, 0, 0xcb}, "a count within the message");
  refused<std::map<int, int>>({0xdf, 0x7f, 0xff, 0xff, 0xff, 1, 1}, "a count within the message");
  refused<std::map<int, int>>({0x90}, "expected a map");
  refused<std::array<int, 2>>({0x93, 1, 2, 3}, "the size of the std::array");
  refused<std::array<std::byte, 2>>({0xc4, 1, 0}, "as many bytes");
  refused<std::tuple<int>>({0x90}, "the size of the tuple");
  refused<std::variant<int, bool>>({0x92, 2, 0}, "the index of an alternative");
  refused<std::variant<int, bool>>({0x93, 1, 0xc2, 0}, "index and value");
  refused<pair_of_bytes>({0x91, 1}, "all fields that are not optional");
  refused<pair_of_bytes>({0x92, 1, 0xa0}, "in field 2 of");
  refused<std::vector<pair_of_bytes>>({0x91, 0x93, 1, 2, 3}, "as many elements as the type has fields");
  refused<pair_of_bytes>({0x93, 1, 2, 0xc1}, "a MessagePack value");
  refused<std::chrono::milliseconds>({0xa0}, "an integer");
  refused<fd>({0}, "a descriptor that came with the message");
}

TEST(hostile_message, more_than_max_message_is_not_looked_at) {
  EXPECT_TRUE(detail::decode<std::string>(bytes(11), 10).failed_with(errc::decode_failed));
}

TEST(hostile_message, a_bool_of_a_plain_value_must_be_zero_or_one) {
  bytes wire = encoded(full().now);
  wire[offsetof(tick, open)] = std::byte{2};
  EXPECT_TRUE(detail::decode<tick>(wire, 1000).failed_with(errc::decode_failed));
  wire.pop_back();
  EXPECT_TRUE(detail::decode<tick>(wire, 1000).failed_with(errc::decode_failed));
  EXPECT_TRUE(detail::decode<bool>(bytes(1, std::byte{2}), 1000).failed_with(errc::decode_failed));
}

TEST(hostile_message, every_truncation_is_refused) {
  everything sent = full();
  sent.blob.resize(300);
  const bytes whole = encoded(sent);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    ASSERT_TRUE(detail::decode<everything>(cut, 1 << 20).failed_with(errc::decode_failed)) << size;
  }
}

TEST(hostile_message, nesting_ends_at_the_limit) {
  EXPECT_TRUE(read<deep>(bytes(detail::deepest / 2 - 1, std::byte{0x91})).failed_with(errc::decode_failed));
  EXPECT_NE(read<deep>(bytes(1'000'000, std::byte{0x91})).error().detail().find("less nesting"), std::string::npos);
  // and what we skip has no depth of its own
  bytes extra(1'000'000, std::byte{0x91});
  extra.front() = std::byte{0x93};
  extra[1] = extra[2] = extra.back() = std::byte{1};
  EXPECT_TRUE(read<pair_of_bytes>(extra));
}

TEST(hostile_message, of_equal_keys_the_first_counts) {
  const bytes wire = {std::byte{0x82}, std::byte{1}, std::byte{5}, std::byte{1}, std::byte{6}};
  EXPECT_EQ((read<std::map<int, int>>(wire).or_throw()), (std::map<int, int>{{1, 5}}));
}

// Oracle: a value that was decoded encodes to something that decodes to the same bytes.
template <typename T>
void survives(const bytes& wire) {
  const auto got = read<T>(wire);
  if (!got) {
    ASSERT_EQ(got.error(), errc::decode_failed);
    return;
  }
  const bytes again = encoded<wire_form::portable>(*got);
  const auto twice = read<T>(again);
  ASSERT_TRUE(twice) << twice.error().message();
  ASSERT_EQ(encoded<wire_form::portable>(*twice).size(), again.size());
}

TEST(hostile_message, random_changes_never_do_harm) {
  const auto seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  everything sent = full();
  sent.blob.resize(20);
  sent.words = {"a"};
  const bytes whole = encoded(sent);
  const bytes small = encoded(sent.in), family = encoded(sent.family);
  for (int round = 0; round < 20'000; ++round) {
    for (const bytes* original : {&whole, &small, &family}) {
      bytes wire = *original;
      for (unsigned changes = random() % 4 + 1; changes > 0; --changes)
        wire[random() % wire.size()] = static_cast<std::byte>(random());
      if (random() % 8 == 0) wire.resize(random() % wire.size());
      survives<everything>(wire);
      survives<order>(wire);
      survives<tree>(wire);
    }
  }
  for (int round = 0; round < 20'000; ++round) {
    bytes noise(random() % 64);
    for (std::byte& b : noise) b = static_cast<std::byte>(random());
    survives<order>(noise);
    survives<std::vector<std::map<std::string, std::optional<bytes>>>>(noise);
    survives<std::vector<std::variant<int, tree, std::string>>>(noise);
    survives<tick>(noise);
  }
}

}  // namespace
