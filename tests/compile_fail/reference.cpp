// expect: a reference, const or mutable field cannot travel && quote
#include "transom/channel/codec.hpp"
struct quote {
  int& id;
};
const auto& schema = transom::detail::schema_of<quote>();
