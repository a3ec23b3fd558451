// expect: a pointer cannot travel && faulty
#include "transom/channel/codec.hpp"
struct quote {
  int id;
  const char* faulty;
};
const auto& schema = transom::detail::schema_of<quote>();
