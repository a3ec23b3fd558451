// transom/channel/schema.cpp - see schema.hpp.
#include "transom/channel/schema.hpp"

#include <algorithm>
#include <optional>
#include <vector>

namespace transom {
namespace {

bool is_word(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// The index behind the quoted text that begins at `i`.
std::size_t behind_quotes(std::string_view text, std::size_t i) noexcept {
  for (++i; i < text.size() && text[i] != '"'; ++i) {
    if (text[i] == '\\') ++i;
  }
  return std::min(i + 1, text.size());
}

// The fields of "{a, b, c}" as texts; nothing if it is not that, whole.
std::optional<std::vector<std::string_view>> top_level_fields(std::string_view text) {
  if (text.size() < 2 || text.front() != '{' || text.back() != '}') return std::nullopt;
  std::vector<std::string_view> fields;
  std::size_t begin = 1, depth = 0;
  for (std::size_t i = 1; i < text.size();) {
    const char c = text[i];
    if (c == '"') {
      i = behind_quotes(text, i);
      continue;
    }
    if (depth == 0 && (c == ',' || c == '}')) {
      if (i > begin) fields.push_back(text.substr(begin, i - begin));
      if (c == '}') return i + 1 == text.size() ? std::optional(fields) : std::nullopt;
      begin = i + 1;
      if (begin < text.size() && text[begin] == ' ') ++begin;
    } else if (c == '{' || c == '[' || c == '(' || c == '<') {
      ++depth;
    } else if (c == '}' || c == ']' || c == ')' || c == '>') {
      if (depth-- == 0) return std::nullopt;
    }
    ++i;
  }
  return std::nullopt;
}

}  // namespace

std::string detail::without_names(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] == '"') {
      const std::size_t end = behind_quotes(text, i);
      out += text.substr(i, end - i);
      i = end;
    } else if (is_word(text[i])) {
      std::size_t end = i;
      while (end < text.size() && is_word(text[end])) ++end;
      if (end == text.size() || text[end] != '{') out += text.substr(i, end - i);
      i = end;
    } else {
      out += text[i++];
    }
  }
  return out;
}

std::uint64_t detail::schema_hash(std::string_view text) {
  std::uint64_t hash = 0xcbf2'9ce4'8422'2325;
  for (const char c : without_names(text)) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100'0000'01b3;
  return hash == 0 ? 1 : hash;
}

std::string_view detail::short_name(std::string_view name) noexcept {
  // "(anonymous namespace)::" and local classes "f()::" end in "::" too; template arguments come after the name.
  std::size_t begin = 0;
  for (std::size_t i = 0; i < name.size() && name[i] != '<'; ++i) {
    if (name[i] == ':') begin = i + 1;
  }
  std::size_t end = begin;
  while (end < name.size() && is_word(name[end])) ++end;
  return name.substr(begin, end - begin);
}

void detail::append_quoted(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

bool compatible(std::string_view a, std::string_view b) {
  const std::string plain_a = detail::without_names(a), plain_b = detail::without_names(b);
  if (plain_a == plain_b) return true;
  auto fields = top_level_fields(plain_a), longer = top_level_fields(plain_b);
  if (!fields || !longer) return false;
  if (fields->size() > longer->size()) std::swap(fields, longer);
  return std::equal(fields->begin(), fields->end(), longer->begin()) &&
         std::all_of(longer->begin() + static_cast<std::ptrdiff_t>(fields->size()), longer->end(),
                     [](std::string_view field) { return field.starts_with("optional<"); });
}

}  // namespace transom
