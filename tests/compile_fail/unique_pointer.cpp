// expect: this type cannot travel && faulty
#include <memory>
#include "transom/channel/codec.hpp"
struct quote {
  std::unique_ptr<int> faulty;
};
const auto& schema = transom::detail::schema_of<quote>();
