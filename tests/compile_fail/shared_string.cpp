// expect: this type cannot be shared && faulty
#include <string>

#include "transom/channel/shared.hpp"
struct account {
  long balance;
  std::string faulty;
};
struct bank {
  int number;
  account first;
};
transom::shared<bank> one{"shm://bank"};
