// expect: this type cannot travel && faulty
#include <span>
#include "transom/channel/codec.hpp"
struct quote {
  std::span<const int> faulty;
};
const auto& schema = transom::detail::schema_of<quote>();
