// expect: a C array cannot travel: use std::array && field_number<quote, 1>
#include "transom/channel/codec.hpp"
struct quote {
  int id;
  char name[16];
  int more;
};
const auto& schema = transom::detail::schema_of<quote>();
