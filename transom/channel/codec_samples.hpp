// transom/channel/codec_samples.hpp - the types that the tests of the codec send.
#pragma once
#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include "transom/channel/codec.hpp"

namespace transom::samples {

enum class side : std::uint8_t { buy, sell };

struct fill {
  double price = 0;
  std::uint32_t quantity = 0;
  bool operator==(const fill&) const = default;
};

struct order {
  std::uint64_t id = 0;
  side way = side::buy;
  std::string symbol;
  std::vector<fill> fills;
  std::optional<std::string> note;
  std::map<std::string, std::vector<int>> tags;
  bool operator==(const order&) const = default;
};

struct tick {  // plain, and with bools to check
  std::uint64_t at = 0;
  std::array<fill, 2> best{};
  bool open = false;
  side way = side::buy;
  std::array<bool, 3> flags{};
  bool operator==(const tick&) const = default;
};

struct tree {
  std::int16_t value = 0;
  std::vector<tree> children;
  bool operator==(const tree&) const = default;
};

class account {
 public:
  account() = default;
  account(std::uint32_t id, std::string owner) : id_(id), owner_(std::move(owner)) {}
  bool operator==(const account&) const = default;
  TRANSOM_FIELDS(account, id_, owner_)

 private:
  std::uint32_t id_ = 0;
  std::string owner_;
};

struct point {  // not an aggregate
  point() {}
  point(int x_, int y_) : x(x_), y(y_) {}
  bool operator==(const point&) const = default;
  int x = 0, y = 0;
};
TRANSOM_FIELDS(point, x, y)

struct everything {
  order in;
  tick now;
  tree family;
  account whose;
  point where;
  std::set<int> numbers;
  std::unordered_set<std::string> words;
  std::deque<std::int64_t> queue;
  std::unordered_map<int, bool> switches;
  std::variant<std::monostate, fill, std::string> either;
  std::tuple<int, char, std::string> three;
  std::pair<bool, float> two;
  std::vector<bool> bits;
  std::array<std::byte, 3> three_bytes{};
  bytes blob;
  std::optional<std::optional<int>> perhaps;
  std::optional<std::monostate> nothing;
  std::chrono::milliseconds wait{};
  std::chrono::duration<double> seconds{};
  std::chrono::system_clock::time_point when{};
  long double precise = 0;
  char letter = 0;
  std::multimap<int, int> many;
  bool operator==(const everything&) const = default;
};

inline everything full() {
  everything e;
  e.in = {~0ull, side::sell, "EURUSD", {{1.07, 100}, {-1.08, 250}}, "rush", {{"desk", {3, -4, 70'000}}, {"", {}}}};
  e.now = {77, {{{1, 2}, {3, 4}}}, true, side::sell, {true, false, true}};
  e.family = {1, {{-2, {}}, {300, {{-30'000, {}}}}}};
  e.whose = {5, "ada"};
  e.where = {-1, 1};
  e.numbers = {-129, -33, -32, 0, 127, 128, 255, 256, 65'535, 65'536};
  e.words = {"a", std::string(40, 'b'), std::string(300, 'c')};
  e.queue = {INT64_MIN, INT64_MAX, -0x8000'0000ll - 1, 0x1'0000'0000};
  e.switches = {{1, true}, {-1, false}};
  e.either = fill{2, 3};
  e.three = {-7, '\xff', "t"};
  e.two = {true, 0.25f};
  e.bits = {true, false, true};
  e.three_bytes = {std::byte{1}, std::byte{0}, std::byte{255}};
  e.blob = bytes(70'000, std::byte{9});
  e.perhaps.emplace();
  e.nothing.emplace();
  e.wait = std::chrono::milliseconds(-5);
  e.seconds = std::chrono::duration<double>(0.1);
  e.when = std::chrono::system_clock::time_point(std::chrono::nanoseconds(1'700'000'000'123'456'789));
  e.precise = 0.1L;
  e.letter = '\xe9';
  e.many = {{1, 1}, {1, 2}, {2, 0}};
  return e;
}

template <detail::wire_form Form = detail::wire_form::native, typename T>
bytes encoded(const T& value) {
  bytes out(detail::encoded_size<Form>(value));
  detail::encode_into<Form>(value, out);
  return out;
}

template <detail::wire_form Form = detail::wire_form::native, typename T>
T there_and_back(const T& value) {
  return detail::decode<T, Form>(encoded<Form>(value), std::size_t{1} << 30).or_throw();
}

}  // namespace transom::samples
