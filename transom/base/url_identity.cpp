// transom/base/url_identity.cpp - asking a parsed URL for its values, for what it leads to, and for another port.
#include <algorithm>

#include "transom/base/url.hpp"

namespace transom {

std::optional<std::string_view> url::value(std::string_view key) const noexcept {
  for (const auto& [name, text] : values_) {
    if (name == key) return text;
  }
  return std::nullopt;
}

std::string url::identity() const {
  std::string text = text_.substr(0, text_.find('?'));
  if (address_.starts_with('/')) {  // a path; names and hosts have one spelling
    static constexpr std::string_view digits = "0123456789abcdef";
    text = std::string(scheme_name()) + "://";
    for (const char c : address_) {  // one spelling for each path: encoded only where it must be
      const auto code = static_cast<unsigned char>(c);
      if (code >= 0x20 && c != '%' && c != '?') text += c;
      else text.append("%").append(1, digits[code >> 4]).append(1, digits[code & 15]);
    }
  }
  if (const auto id = value("id")) text.append("?id=").append(*id);
  return text;
}

url url::with_port(std::uint16_t port) const {
  url changed = *this;
  const std::size_t start = text_.find("//") + 2;
  const std::size_t colon = text_.find(':', text_[start] == '[' ? text_.find(']', start) : start);
  const std::size_t end = std::min(text_.find_first_not_of("0123456789", colon + 1), text_.size());
  changed.text_.replace(colon + 1, end - colon - 1, std::to_string(port));
  changed.port_ = port;
  return changed;
}

}  // namespace transom
