// expect: a pointer cannot travel && faulty
#include "transom/channel/codec.hpp"
struct leg {
  int length;
  leg* faulty;
};
struct journey {
  std::string name;
  std::vector<leg> legs;
};
const auto& schema = transom::detail::schema_of<journey>();
