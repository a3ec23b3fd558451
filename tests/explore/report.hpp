// tests/explore/report.hpp - the results for people and, as transom.proof/1, for programs.
#pragma once
#include <string>
#include <vector>

#include "tests/explore/search.hpp"

namespace transom::explore {

enum class verdict { good, bad, found, missed, explained };

struct row {
  std::string name;
  verdict judged = verdict::good;
  outcome out{};
  std::string remark{};
  bool is_control() const { return judged != verdict::good && judged != verdict::bad; }
};

class report {
 public:
  void add(row one);
  void print_summary() const;
  bool passed() const;
  std::string json() const;

  bool full = false;
  int bound = 0;
  double seconds = 0;
  std::vector<row> rows;
};

}  // namespace transom::explore
