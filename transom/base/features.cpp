// transom/base/features.cpp - the names of the features.
#include "transom/base/features.hpp"

#include <array>

namespace transom {

std::string feature_set::names() const {
  static constexpr std::array<const char*, 15> all{"boundaries",         "reliable",   "ordered",      "backpressure",
                                                   "sees_close",         "sees_death", "fd_passing",   "zero_copy",
                                                   "priorities",         "types",      "many_senders", "many_receivers",
                                                   "outlives_processes", "power_safe", "crosses_hosts"};
  std::string text;
  for (std::size_t bit = 0; bit < all.size(); ++bit) {
    if ((bits_ >> bit & 1u) == 0) continue;
    if (!text.empty()) text += ", ";
    text += all[bit];
  }
  return text;
}

}  // namespace transom
