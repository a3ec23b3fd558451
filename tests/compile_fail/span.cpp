// expect: this type cannot travel && faulty
#include "transom/channel/codec.hpp"
#include <span>
struct quote { std::span<const int> faulty; };
const auto& schema = transom::detail::schema_of<quote>();
