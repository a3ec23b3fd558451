// tests/step/report.hpp - the results of a proof for people and, as transom.proof/1, for programs.
#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tests/step/campaign.hpp"

namespace transom::step {

struct report {
  proof of = proof::step;
  std::uint64_t seed = 0;
  bool full = false;
  double seconds = 0;
  std::vector<std::pair<const entry*, outcome>> rows;

  bool passed() const noexcept;
  /// One line per row as soon as it is there, with what was found wrong below it.
  static void print_row(const entry& row, const outcome& out, proof of);
  void print_summary() const;
  std::string json() const;
};

const char* name_of(proof of) noexcept;
/// "gcc 12.2 -O2".
std::string build_text();

}  // namespace transom::step
