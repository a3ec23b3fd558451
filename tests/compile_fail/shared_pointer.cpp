// expect: a pointer cannot be shared && faulty
#include "transom/channel/shared.hpp"
struct bank {
  int number;
  int* faulty;
};
transom::shared<bank> one{"shm://bank"};
