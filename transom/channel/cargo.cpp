// transom/channel/cargo.cpp - see cargo.hpp.
#include "transom/channel/cargo.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace transom::detail {

bool describes_plain(std::string_view text) {
  const std::string shape = without_names(text);
  constexpr std::array<std::string_view, 13> elsewhere{"string", "bytes", "nothing", "fd", "<", "(",       "\"",
                                                       "^",      "...",   "sender",  ")",  ">", "receiver"};
  for (const std::string_view word : elsewhere) {
    if (shape.contains(word)) return false;
  }
  // [T; n] is an array, [T] a sequence.
  return std::ranges::count(shape, '[') == std::ranges::count(shape, ';');
}

}  // namespace transom::detail
