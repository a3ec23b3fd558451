// expect: string_view cannot travel: use std::string && faulty
#include "transom/channel/codec.hpp"
struct quote {
  int id;
  std::string_view faulty;
};
const auto& schema = transom::detail::schema_of<quote>();
