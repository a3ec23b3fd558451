// tests/soak/soak_report.hpp - what a soak found, for people and, as transom.proof/1, for programs.
#pragma once
#include <string>
#include <vector>

#include "tests/soak/lane_round.hpp"

namespace transom::soak {

/// One kind of run: the lanes themselves, or a scheme through the public API.
struct soak_row {
  std::string name;
  soak_totals totals;
};
struct soak_control {
  std::string name;
  std::uint64_t kills = 0, bad = 0;
  std::string found;
};

soak_control control_of(std::string name, const soak_totals& totals);

struct soak_report {
  std::uint64_t seed = 0;
  double seconds = 0;
  std::vector<soak_row> rows;
  std::vector<soak_control> controls;

  bool passed() const;
  void print() const;
  std::string json() const;
};

}  // namespace transom::soak
