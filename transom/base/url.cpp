// transom/base/url.cpp - a parser that reads left to right and stops at the first thing it does not know.
#include "transom/base/url.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>

namespace transom {
namespace {

enum class shape : std::uint8_t { name, path, single_path, host_port, digits, variable };

struct scheme_row {
  std::string_view name;
  shape address;
  bool may_be_anonymous;
  bool must_be_anonymous;
  std::array<std::string_view, 8> own_keys;
};

// In the order of enum scheme.
constexpr std::array<scheme_row, 19> schemes{{
    {"inproc", shape::name, true, false, {}},
    {"pipe", shape::name, true, true, {}},
    {"fifo", shape::path, false, false, {}},
    {"unix", shape::path, true, false, {}},
    {"unix+stream", shape::path, true, false, {}},
    {"unix+dgram", shape::path, true, false, {}},
    {"posix-mq", shape::single_path, false, false, {}},
    {"sysv-mq", shape::path, false, false, {"id"}},
    {"shm", shape::name, false, false, {"dir", "topic", "history", "prefault", "huge_pages", "lock", "arena", "watch"}},
    {"posix-shm",
     shape::single_path,
     false,
     false,
     {"topic", "history", "prefault", "huge_pages", "lock", "arena", "watch"}},
    {"sysv-shm",
     shape::path,
     false,
     false,
     {"id", "topic", "history", "prefault", "huge_pages", "lock", "arena", "watch"}},
    {"memfd", shape::name, true, true, {"trust", "prefault", "huge_pages", "lock", "arena", "watch"}},
    {"file", shape::path, false, false, {"size", "sync", "topic", "history"}},
    {"tcp", shape::host_port, false, false, {"keepalive", "nodelay"}},
    {"udp", shape::host_port, false, false, {}},
    {"fd", shape::digits, false, false, {}},
    {"env", shape::variable, false, false, {}},
    {"nats", shape::host_port, false, false, {"creds", "tls", "group", "topic", "history"}},
    {"jetstream", shape::host_port, false, false, {"stream", "durable", "group", "creds", "tls", "history"}},
}};

constexpr std::array<std::string_view, 11> common_keys{"capacity",        "max_message", "on_full",   "framing",
                                                       "connect_timeout", "senders",     "receivers", "keep",
                                                       "keep_open",       "reconnect",   "mode"};

const scheme_row& row_of(scheme s) noexcept { return schemes[static_cast<std::size_t>(s)]; }

bool is_name_character(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

std::string listed(std::span<const std::string_view> words) {
  std::string text;
  for (std::string_view word : words) {
    text.append(text.empty() || word.empty() ? "" : " ").append(word);
  }
  return text;
}

}  // namespace

std::string_view name_of(scheme s) noexcept { return row_of(s).name; }

// Keeps the text and what has been read of it, so that every complaint can name its place.
class url_parser {
 public:
  explicit url_parser(std::string_view text) : text_(text) {}

  result<url> parse() {
    out_.text_ = text_;
    if (auto ok = read_scheme(); !ok) return ok.error();
    const std::size_t question = text_.find('?', at_);
    const std::string_view address = text_.substr(at_, question == text_.npos ? text_.npos : question - at_);
    if (auto ok = read_address(address); !ok) return ok.error();
    if (question != text_.npos) {
      at_ = question + 1;
      if (auto ok = read_keys(); !ok) return ok.error();
    }
    if (row().own_keys[0] == "id") {
      if (auto ok = check_id(); !ok) return ok.error();
    }
    return std::move(out_);
  }

 private:
  const scheme_row& row() const { return row_of(out_.scheme_); }

  error complain(const std::string& what) const {
    return error(errc::bad_url, "open", place(text_, what + " (at character " + std::to_string(at_ + 1) + ")"));
  }

  result<void> read_scheme() {
    const std::size_t colon = text_.find(':');
    const std::string_view word = text_.substr(0, colon);
    const auto found = std::ranges::find(schemes, word, &scheme_row::name);
    if (colon == text_.npos || found == schemes.end()) {
      std::array<std::string_view, schemes.size()> known;
      std::ranges::transform(schemes, known.begin(), &scheme_row::name);
      if (colon == text_.npos)
        return complain("a URL begins with a scheme and a colon; known schemes: " + listed(known));
      return complain("unknown scheme \"" + std::string(word) + "\"; known schemes: " + listed(known));
    }
    out_.scheme_ = static_cast<scheme>(found - schemes.begin());
    at_ = colon + 1;
    return {};
  }

  result<void> read_address(std::string_view address) {
    if (row().address == shape::digits) return read_digits(address);
    if (row().address == shape::variable) return read_variable(address);
    if (address.empty()) {
      if (!row().may_be_anonymous) return complain(std::string(row().name) + ": needs an address, as in " + example());
      out_.anonymous_ = true;
      return {};
    }
    if (row().must_be_anonymous) return complain(std::string(row().name) + ": takes no address");
    if (!address.starts_with("//")) return complain("\"//\" expected after the scheme, as in " + example());
    at_ += 2;
    address.remove_prefix(2);
    switch (row().address) {
      case shape::name: return read_name(address);
      case shape::path: return read_path(address, false);
      case shape::single_path: return read_path(address, true);
      default: return read_host(address);
    }
  }

  std::string example() const {
    const std::string name(row().name);
    switch (row().address) {
      case shape::name: return name + "://name";
      case shape::path: return name + ":///path" + (row().own_keys[0] == "id" ? "?id=1" : "");
      case shape::single_path: return name + ":///name";
      case shape::host_port: return name + "://host:port";
      case shape::digits: return name + ":3";
      case shape::variable: return name + ":NAME";
    }
    return name;
  }

  result<void> read_name(std::string_view name) {
    if (name.empty() || name.size() > 200) return complain("a name has 1 to 200 characters");
    if (name.front() == '.') return complain("a name does not start with \".\"");
    for (char c : name) {
      if (!is_name_character(c)) return complain("a name consists of A-Z a-z 0-9 . _ -, as in " + example());
      ++at_;
    }
    out_.address_ = name;
    return {};
  }

  result<void> read_path(std::string_view path, bool single) {
    if (!path.starts_with('/')) return complain("the path must be absolute, as in " + example());
    auto decoded = decode(path);
    if (!decoded) return decoded.error();
    if (decoded->size() < 2 || decoded->back() == '/')
      return complain("the path must name an object, as in " + example());
    if (single && decoded->find('/', 1) != std::string::npos)
      return complain("the name after \"///\" contains no \"/\"");
    if (single && decoded->size() > 255)
      return complain("the name is longer than the 254 characters that the kernel takes");
    out_.address_ = std::move(*decoded);
    return {};
  }

  result<void> read_host(std::string_view rest) {
    std::size_t end = 0;
    if (rest.starts_with('[')) {
      end = rest.find(']');
      if (end == rest.npos) return complain("\"]\" expected after an IPv6 address");
      out_.address_ = rest.substr(1, end - 1);
      ++end;
    } else {
      end = std::min(rest.find_first_of(":/"), rest.size());
      out_.address_ = rest.substr(0, end);
    }
    if (out_.address_.empty()) return complain("a host is missing, as in " + example());
    const bool plausible =
        std::ranges::all_of(out_.address_, [](char c) { return is_name_character(c) || c == ':' || c == '%'; });
    if (!plausible && out_.address_ != "*") return complain("not a host: \"" + out_.address_ + "\"");
    at_ += end;
    if (end >= rest.size() || rest[end] != ':') return complain("\":\" and a port expected, as in " + example());
    rest.remove_prefix(end + 1);
    ++at_;
    const auto [stop, problem] = std::from_chars(rest.data(), rest.data() + rest.size(), out_.port_);
    if (problem != std::errc()) return complain("a port is a number from 0 to 65535");
    rest.remove_prefix(static_cast<std::size_t>(stop - rest.data()));
    if (rest.empty()) return {};
    const bool has_subject = out_.scheme_ == scheme::nats || out_.scheme_ == scheme::jetstream;
    if (!rest.starts_with('/') || !has_subject)
      return complain("nothing may follow the port: \"" + std::string(rest) + "\"");
    out_.subject_ = rest.substr(1);
    return {};
  }

  result<void> read_digits(std::string_view digits) {
    const auto [stop, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), out_.number_);
    if (digits.empty() || problem != std::errc() || stop != digits.data() + digits.size() || out_.number_ < 0) {
      return complain("a descriptor number expected, as in " + example());
    }
    return {};
  }

  result<void> read_variable(std::string_view name) {
    const bool fits = !name.empty() && (name.front() < '0' || name.front() > '9') &&
                      std::ranges::all_of(name, [](char c) { return is_name_character(c) && c != '.' && c != '-'; });
    if (!fits) return complain("the name of an environment variable expected, as in " + example());
    out_.address_ = name;
    return {};
  }

  result<void> read_keys() {
    for (;;) {
      const std::size_t end = std::min(text_.find('&', at_), text_.size());
      const std::string_view pair = text_.substr(at_, end - at_);
      const std::size_t equals = pair.find('=');
      const std::string_view key = pair.substr(0, equals);
      if (equals == pair.npos || key.empty()) return complain("key=value expected");
      const bool known = std::ranges::find(common_keys, key) != common_keys.end() ||
                         std::ranges::find(row().own_keys, key) != row().own_keys.end();
      if (!known) {
        return complain("unknown key \"" + std::string(key) + "\"; " + std::string(row().name) + ": knows " +
                        listed(common_keys) + ' ' + listed(row().own_keys));
      }
      if (out_.value(key)) return complain("key \"" + std::string(key) + "\" is given twice");
      auto value = decode(pair.substr(equals + 1));
      if (!value) return value.error();
      out_.values_.emplace_back(key, std::move(*value));
      if (end == text_.size()) return {};
      at_ = end + 1;
    }
  }

  result<void> check_id() {
    const auto id = out_.value("id");
    if (!id) return complain(std::string(row().name) + ": needs id=N, a number from 1 to 255");
    unsigned number = 0;
    const auto [stop, problem] = std::from_chars(id->data(), id->data() + id->size(), number);
    if (problem != std::errc() || stop != id->data() + id->size() || number < 1 || number > 255) {
      return complain("id is a number from 1 to 255, not \"" + std::string(*id) + "\"");
    }
    return {};
  }

  result<std::string> decode(std::string_view encoded) {
    std::string plain;
    for (std::size_t i = 0; i < encoded.size(); ++i) {
      if (encoded[i] != '%') {
        if (static_cast<unsigned char>(encoded[i]) < 0x20) return complain("control characters are written %xx");
        plain += encoded[i];
        continue;
      }
      unsigned char code = 0;
      const char* const digits = encoded.data() + i + 1;
      const bool both = i + 2 < encoded.size() && std::from_chars(digits, digits + 2, code, 16).ptr == digits + 2;
      if (!both) return complain("\"%\" is followed by two hexadecimal digits");
      if (code == 0) return complain("%00 cannot be part of a name");
      plain += static_cast<char>(code);
      i += 2;
    }
    return plain;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  url out_;
};

result<url> url::parse(std::string_view text) { return url_parser(text).parse(); }

}  // namespace transom
