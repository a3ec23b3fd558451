// tests/fuzz/url_fuzz.cpp - libFuzzer: whatever the text is, parsing gives a URL or a bad_url that helps, and what was
// accepted goes round: it keeps its text, parses again to the same, and its identity is a URL of the same object.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "transom/base/bytes.hpp"
#include "transom/base/options.hpp"
#include "transom/base/url.hpp"

namespace {

using namespace transom;

void require(bool holds) {
  if (!holds) std::abort();
}

void require_help(const error& e) { require(e == errc::bad_url && !e.detail().empty() && !e.message().empty()); }

void require_same(const url& a, const url& b) {
  require(a.scheme() == b.scheme() && a.anonymous() == b.anonymous() && a.address() == b.address() &&
          a.port() == b.port() && a.subject() == b.subject() && a.number() == b.number() && a.values() == b.values());
}

void try_numbers(std::string_view text) {
  if (auto size = parse_size(text); !size) require(size.error() == errc::bad_url);
  auto time = parse_duration(text);
  require(time ? time->count() >= 0 : time.error() == errc::bad_url);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = as_text(std::as_bytes(std::span(data, size)));
  try_numbers(text);
  const auto parsed = url::parse(text);
  if (!parsed) {
    require_help(parsed.error());
    return 0;
  }
  require(parsed->text() == text);
  require_same(*parsed, url::parse(parsed->text()).or_throw());
  require(parsed->address().find('\0') == std::string::npos);

  const url same_object = url::parse(parsed->identity()).or_throw();
  require(same_object.identity() == parsed->identity());
  require(same_object.scheme() == parsed->scheme() && same_object.address() == parsed->address() &&
          same_object.port() == parsed->port() && same_object.value("id") == parsed->value("id"));

  if (parsed->scheme() == scheme::tcp || parsed->scheme() == scheme::udp) {
    const url moved = parsed->with_port(4711);
    require_same(moved, url::parse(moved.text()).or_throw());
    require(moved.address() == parsed->address() && moved.values() == parsed->values());
  }
  const auto laid_over = with_url_keys({}, *parsed);
  if (!laid_over) require_help(laid_over.error());
  else require(laid_over->connect_timeout.count() >= 0);
  return 0;
}
