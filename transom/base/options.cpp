// transom/base/options.cpp - URL keys laid over the options of the code.
#include "transom/base/options.hpp"

#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <string>
#include <utility>

namespace transom {
namespace {

template <typename T>
std::optional<std::pair<T, std::string_view>> leading_number(std::string_view text, int base = 10) {
  T number{};
  const auto [stop, problem] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (problem != std::errc() || stop == text.data()) return std::nullopt;
  return std::pair(number, text.substr(static_cast<std::size_t>(stop - text.data())));
}

error unreadable(std::string_view text, const char* expected) {
  return error(errc::bad_url, "open",
               place("", std::string(expected) + " expected, not \"" + std::string(text) + "\""));
}

template <typename T>
result<T> parse_number(std::string_view text, int base, const char* expected) {
  const auto number = leading_number<T>(text, base);
  if (!number || !number->second.empty()) return unreadable(text, expected);
  return number->first;
}

result<bool> parse_flag(std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return unreadable(text, "true or false");
}

template <typename E, std::size_t N>
result<E> parse_word(std::string_view text, const std::array<std::string_view, N>& words, const char* expected) {
  for (std::size_t i = 0; i < N; ++i) {
    if (words[i] == text) return static_cast<E>(i);
  }
  return unreadable(text, expected);
}

template <typename Value, typename Field>
result<void> assign(const result<Value>& value, Field& field) {
  if (!value) return value.error();
  field = static_cast<Field>(*value);
  return {};
}

result<void> apply(options& o, std::string_view key, std::string_view text) {
  static constexpr std::array<std::string_view, 4> policies{"block", "fail", "drop_newest", "drop_oldest"};
  static constexpr std::array<std::string_view, 4> framings{"native", "length", "line", "raw"};
  if (key == "capacity") return assign(parse_size(text), o.capacity);
  if (key == "max_message") return assign(parse_size(text), o.max_message);
  if (key == "on_full")
    return assign(parse_word<overflow>(text, policies, "block, fail, drop_newest or drop_oldest"), o.on_full);
  if (key == "framing") return assign(parse_word<framing>(text, framings, "native, length, line or raw"), o.framing);
  if (key == "senders") return assign(parse_number<unsigned>(text, 10, "a number"), o.senders);
  if (key == "receivers") return assign(parse_number<unsigned>(text, 10, "a number"), o.receivers);
  if (key == "keep") return assign(parse_flag(text), o.keep);
  if (key == "keep_open") return assign(parse_flag(text), o.keep_open);
  if (key == "reconnect") return assign(parse_flag(text), o.reconnect);
  if (key == "mode") return assign(parse_number<unsigned>(text, 8, "octal permissions such as 0660"), o.mode);
  if (key == "connect_timeout") {
    auto time = parse_duration(text);
    if (!time) return time.error();
    o.connect_timeout = std::chrono::ceil<std::chrono::milliseconds>(*time);
  }
  return {};  // a key of the scheme: the transport reads it
}

}  // namespace

result<std::size_t> parse_size(std::string_view text) {
  const auto number = leading_number<std::size_t>(text);
  if (!number) return unreadable(text, "a size such as 512, 64k, 16M or 1G");
  unsigned shift = 0;
  if (number->second == "k") shift = 10;
  else if (number->second == "M") shift = 20;
  else if (number->second == "G") shift = 30;
  else if (!number->second.empty()) return unreadable(text, "a size such as 512, 64k, 16M or 1G");
  if (number->first > std::numeric_limits<std::size_t>::max() >> shift) return unreadable(text, "a smaller size");
  return number->first << shift;
}

result<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  static constexpr const char* expected = "a duration such as 10ns, 5us, 20ms or 3s";
  const auto number = leading_number<std::int64_t>(text);
  if (!number || number->first < 0) return unreadable(text, expected);
  std::int64_t unit = 0;
  if (number->second == "ns") unit = 1;
  else if (number->second == "us") unit = 1'000;
  else if (number->second == "ms") unit = 1'000'000;
  else if (number->second == "s") unit = 1'000'000'000;
  else return unreadable(text, expected);
  if (number->first > std::numeric_limits<std::int64_t>::max() / unit) return unreadable(text, "a shorter duration");
  return std::chrono::nanoseconds(number->first * unit);
}

result<options> with_url_keys(options in_code, const url& where) {
  for (const auto& [key, text] : where.values()) {
    if (auto ok = apply(in_code, key, text); !ok) {
      return error(errc::bad_url, "open", place(where.text(), key + ": " + std::string(ok.error().detail())));
    }
  }
  return in_code;
}

}  // namespace transom
