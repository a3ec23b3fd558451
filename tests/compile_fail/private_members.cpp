// expect: this type cannot travel && faulty
#include "transom/channel/codec.hpp"
class secret {
  int id = 0;
  std::string name;
};
struct person {
  int id;
  secret faulty;
};
const auto& schema = transom::detail::schema_of<person>();
