// transom/channel/codec_test.cpp - a value that goes through the codec comes back equal, in the documented bytes.
#include "transom/channel/codec.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "transom/channel/allocation_count.hpp"
#include "transom/channel/codec_samples.hpp"
#include "transom/os/pipe.hpp"

using namespace transom;
using namespace transom::samples;
using detail::wire_form;

namespace transom::samples {

struct matrix {
  std::vector<int> cells;
  bool operator==(const matrix&) const = default;
};
struct with_matrix {
  int before = 0;
  matrix m;
  bool operator==(const with_matrix&) const = default;
};

// No default constructor, travels as a descriptor with a note: as a sender or receiver does.
class door {
 public:
  door(fd number, std::string name) : number_(std::move(number)), name_(std::move(name)) {}
  const fd& number() const { return number_; }
  const std::string& name() const { return name_; }

 private:
  fd number_;
  std::string name_;
};
struct invitation {
  int floor;
  door way;
  std::vector<door> others;
};

}  // namespace transom::samples

template <>
struct transom::codec<matrix> {
  static constexpr std::string_view schema = "matrix \"1\"";
  static void encode(const matrix& m, bytes& out) {
    for (int cell : m.cells) out.push_back(static_cast<std::byte>(cell));
  }
  static result<matrix> decode(std::span<const std::byte> in) {
    matrix m;
    for (std::byte b : in) m.cells.push_back(std::to_integer<int>(b));
    if (m.cells.size() > 3) return error(errc::decode_failed, "decode").with_detail("a matrix has three cells");
    return m;
  }
};

template <>
struct transom::detail::carried<door> {
  static std::string schema() { return "door"; }
  static luggage pack(const door& d) {
    luggage packed;
    packed.add(d.number().get());
    packed.note.assign(as_bytes(d.name()).begin(), as_bytes(d.name()).end());
    return packed;
  }
  static result<door> unpack(std::span<fd> mine, std::span<const std::byte> note) {
    if (mine.size() != 1) return error(errc::decode_failed, "decode").with_detail("a door has one descriptor");
    return door(std::move(mine.front()), std::string(as_text(note)));
  }
};

namespace {

bytes hex(std::initializer_list<int> values) {
  bytes out;
  for (int value : values) out.push_back(static_cast<std::byte>(value));
  return out;
}

template <typename T>
void comes_back(const T& value) {
  EXPECT_EQ(there_and_back(value), value) << detail::schema_of<T>().text;
  EXPECT_EQ(there_and_back<wire_form::portable>(value), value) << detail::schema_of<T>().text;
}

TEST(codec, what_is_plain_is_decided_field_by_field) {
  static_assert(plain<int> && plain<bool> && plain<side> && plain<fill> && plain<tick> && plain<std::array<fill, 3>>);
  static_assert(!plain<std::string> && !plain<order> && !plain<point> && !plain<account> && !plain<const char*>);
  static_assert(!plain<std::pair<int, int>> && !plain<fd> && !plain<matrix> && !plain<with_matrix>);
  struct viewing {
    int a;
    std::string_view text;
  };
  struct pointing {
    int a;
    void* to;
  };
  struct old_fashioned {
    int a;
    char name[8];
  };
  struct referring {
    int& a;
  };
  struct derived : fill {
    int more;
  };
  static_assert(std::is_trivially_copyable_v<viewing> && !plain<viewing> && !message<viewing>);
  static_assert(!plain<pointing> && !message<pointing> && !plain<old_fashioned> && !message<old_fashioned>);
  static_assert(!message<referring> && !message<derived> && !message<std::vector<pointing>> && !message<int&>);
  static_assert(message<order> && message<everything> && message<with_matrix> && message<invitation> && message<fd>);
  static_assert(!detail::has_descriptors<everything> && detail::has_descriptors<invitation>);
}

TEST(codec, every_kind_comes_back_equal_in_both_forms) {
  comes_back(full());
  comes_back(everything{});
  comes_back(full().in);
  comes_back(full().now);
  comes_back(std::string("hello\0there", 11));
  comes_back(std::string());
  comes_back(bytes{});
  comes_back(true);
  comes_back(-1);
  comes_back(0.5);
  comes_back(std::optional<int>());
  comes_back(std::map<int, order>{{1, full().in}});
  comes_back(std::variant<int, std::string>("x"));
  comes_back(account(1, "x"));
  comes_back(with_matrix{4, {{1, 2, 3}}});
  comes_back(matrix{{7}});
}

TEST(codec, bytes_and_strings_are_the_message_themselves) {
  const std::string text = "hello";
  EXPECT_EQ(as_text(encoded(text)), "hello");
  EXPECT_EQ(detail::payload_of(text).data(), static_cast<const void*>(text.data()));
  EXPECT_EQ(encoded(bytes(3, std::byte{7})), bytes(3, std::byte{7}));
}

TEST(codec, a_plain_value_is_copied_byte_for_byte) {
  static_assert(detail::encodes_in_place<tick> && !detail::encodes_in_place<tick, wire_form::portable>);
  const tick sent = full().now;
  const bytes wire = encoded(sent);
  ASSERT_EQ(wire.size(), sizeof sent);
  EXPECT_EQ(std::memcmp(wire.data(), &sent, sizeof sent), 0);
}

// Oracle: the MessagePack specification.
TEST(codec, the_bytes_are_minimal_messagepack) {
  const auto packed = [](const auto& value) { return encoded<wire_form::portable>(value); };
  EXPECT_EQ(packed(127), hex({0x7f}));
  EXPECT_EQ(packed(128), hex({0xcc, 0x80}));
  EXPECT_EQ(packed(256), hex({0xcd, 0x01, 0x00}));
  EXPECT_EQ(packed(65'536), hex({0xce, 0, 1, 0, 0}));
  EXPECT_EQ(packed(std::uint64_t{1} << 32), hex({0xcf, 0, 0, 0, 1, 0, 0, 0, 0}));
  EXPECT_EQ(packed(-32), hex({0xe0}));
  EXPECT_EQ(packed(-33), hex({0xd0, 0xdf}));
  EXPECT_EQ(packed(-129), hex({0xd1, 0xff, 0x7f}));
  EXPECT_EQ(packed(-32'769), hex({0xd2, 0xff, 0xff, 0x7f, 0xff}));
  EXPECT_EQ(packed(INT64_MIN), hex({0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(packed(1.0f), hex({0xca, 0x3f, 0x80, 0, 0}));
  EXPECT_EQ(packed(1.0), hex({0xcb, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(packed(true), hex({0xc3}));
  EXPECT_EQ(packed(std::optional<int>()), hex({0xc0}));
  EXPECT_EQ(packed(std::vector<std::string>{"a"}), hex({0x91, 0xa1, 'a'}));
  EXPECT_EQ(packed(std::map<int, bool>{{1, false}}), hex({0x81, 0x01, 0xc2}));
  EXPECT_EQ(packed(std::tuple<bytes>(bytes(1))), hex({0x91, 0xc4, 1, 0}));
  EXPECT_EQ(packed(std::variant<int, bool>(true)), hex({0x92, 1, 0xc3}));
  EXPECT_EQ(packed(fill{0, 5}), hex({0x92, 0xcb, 0, 0, 0, 0, 0, 0, 0, 0, 5}));
  EXPECT_EQ(packed(account(5, "ada")), hex({0x92, 5, 0xa3, 'a', 'd', 'a'}));
  EXPECT_EQ(packed(std::optional<std::optional<int>>(std::in_place)), hex({0x91, 0xc0}));
  EXPECT_EQ(packed(std::chrono::seconds(7)), hex({7}));
  EXPECT_EQ(packed(std::tuple(std::string(32, 'x'))).at(1), std::byte{0xd9});
  EXPECT_EQ(packed(std::vector<bool>(16)).size(), 19u);
  EXPECT_EQ(packed(std::vector<bool>(65'536)).size(), 65'541u);
}

TEST(codec, every_integer_of_16_bits_comes_back_from_each_width) {
  for (int value = -40'000; value <= 70'000; value += 7) {
    const auto wire = encoded<wire_form::portable>(value);
    const auto as_short = detail::decode<std::int16_t, wire_form::portable>(wire, 100);
    const auto as_unsigned = detail::decode<std::uint16_t, wire_form::portable>(wire, 100);
    const auto as_wide = detail::decode<std::int64_t, wire_form::portable>(wire, 100);
    EXPECT_EQ(as_short.has_value(), value >= INT16_MIN && value <= INT16_MAX) << value;
    EXPECT_EQ(as_unsigned.has_value(), value >= 0 && value <= UINT16_MAX) << value;
    ASSERT_TRUE(as_wide) << value;
    EXPECT_EQ(*as_wide, value);
  }
}

TEST(codec, floats_keep_every_bit) {
  for (double value : {0.0, -0.0, 0.1, std::numeric_limits<double>::denorm_min(), HUGE_VAL, -HUGE_VAL})
    EXPECT_EQ(std::signbit(there_and_back<wire_form::portable>(value)), std::signbit(value));
  EXPECT_TRUE(std::isnan(there_and_back<wire_form::portable>(std::nan(""))));
}

TEST(codec, encoding_allocates_nothing) {
  const everything sent = full();
  bytes out(detail::encoded_size(sent));
  const std::size_t before = allocations;
  const std::size_t size = detail::encoded_size(sent);
  detail::encode_into(sent, out);
  EXPECT_EQ(allocations, before);
  EXPECT_EQ(size, out.size());
}

struct two_descriptors {
  std::optional<fd> maybe;
  fd sure;
};

// What a transport does with descriptors: the receiver gets others for the same open files.
template <typename T>
std::vector<fd> passed(const T& value) {
  std::vector<int> numbers;
  detail::collect_descriptors(value, numbers);
  std::vector<fd> arrived;
  for (int number : numbers) {
    fd borrowed(number);
    arrived.push_back(borrowed.duplicate().or_throw());
    EXPECT_EQ(borrowed.release(), number);
  }
  return arrived;
}

TEST(codec, descriptors_travel_in_order_beside_the_message) {
  auto pipe = os::pipe::make().or_throw();
  two_descriptors sent{std::move(pipe.reader).release(), std::move(pipe.writer).release()};
  std::vector<fd> arrived = passed(sent);
  ASSERT_EQ(arrived.size(), 2u);
  auto got = detail::decode<two_descriptors>(encoded(sent), 100, arrived).or_throw();
  EXPECT_FALSE(arrived[0] || arrived[1]) << "both have moved into the value";
  os::pipe_writer(std::move(got.sure)).write_all(bytes(5)).or_throw();
  EXPECT_EQ(os::pipe_reader(std::move(*got.maybe)).pending().or_throw(), 5u);

  const two_descriptors none{};
  EXPECT_TRUE(passed(none).empty());
  EXPECT_FALSE(detail::decode<two_descriptors>(encoded(none), 100).or_throw().sure);
}

TEST(codec, a_type_without_default_constructor_can_carry_descriptors) {
  auto pipe = os::pipe::make().or_throw();
  invitation sent{3, {std::move(pipe.reader).release(), "front"}, {}};
  sent.others.emplace_back(std::move(pipe.writer).release(), "back");
  std::vector<fd> arrived = passed(sent);
  const auto got = detail::decode<invitation>(encoded(sent), 1000, arrived).or_throw();
  EXPECT_EQ(got.floor, 3);
  EXPECT_EQ(got.way.name(), "front");
  ASSERT_EQ(got.others.size(), 1u);
  EXPECT_EQ(got.others[0].name(), "back");
  EXPECT_TRUE(got.others[0].number());
  EXPECT_EQ(detail::schema_of<invitation>().text, "invitation{i32, door, [door]}");
}

TEST(codec, exactly_as_many_descriptors_must_come_as_are_named) {
  auto pipe = os::pipe::make().or_throw();
  const two_descriptors sent{std::nullopt, std::move(pipe.reader).release()};
  const bytes wire = encoded(sent);
  for (std::size_t count : {0u, 1u, 2u}) {
    std::vector<fd> arrived(count);
    const auto got = detail::decode<two_descriptors>(wire, 100, arrived);
    EXPECT_EQ(got.has_value(), count == 1) << count;
  }
  std::vector<fd> arrived(1);
  EXPECT_TRUE(detail::decode<int>(encoded(3), 100, arrived).failed_with(errc::decode_failed));
}

TEST(codec, a_users_codec_fails_in_its_own_words) {
  const auto whole = detail::decode<matrix>(bytes(4), 100);
  EXPECT_EQ(whole.error().detail(), "a matrix has three cells");
  const auto inside = detail::decode<with_matrix>(hex({0x92, 1, 0xc4, 4, 0, 0, 0, 0}), 100);
  ASSERT_TRUE(inside.failed_with(errc::decode_failed));
  EXPECT_NE(inside.error().detail().find("a matrix has three cells"), std::string::npos);
}

}  // namespace
