// expect: an aggregate with a base cannot be taken apart: use TRANSOM_FIELDS
#include "transom/channel/codec.hpp"
struct base {
  int id;
};
struct derived : base {
  std::string name;
};
const auto& schema = transom::detail::schema_of<derived>();
