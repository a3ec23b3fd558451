// tools/machine.hpp - what machine a number was measured on. A result without it is not a result.
#pragma once
#include <string>

#include <nlohmann/json_fwd.hpp>

namespace tools {

struct machine {
  std::string cpu, kernel, system;
  unsigned cores = 0;
  double memory_gib = 0;
  std::string sentence() const;  ///< one line for people
  nlohmann::json json() const;
};
machine this_machine();

}  // namespace tools
