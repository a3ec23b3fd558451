// expect: this type cannot travel && faulty
#include "transom/channel/codec.hpp"
#include <memory>
struct quote { std::unique_ptr<int> faulty; };
const auto& schema = transom::detail::schema_of<quote>();
