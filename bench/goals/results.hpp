// bench/goals/results.hpp - what came of a plan: every answer of every round, and the goals judged by them.
#pragma once
#include <string>
#include <vector>

#include "bench/goals/conductor.hpp"
#include "bench/goals/plan.hpp"
#include "bench/goals/statistics.hpp"

namespace goals {

/// All rounds of one entrant.
struct record {
  std::vector<answer> rounds;
  bool measured() const;                                   ///< in every round
  const answer* trouble() const;                           ///< the first round without numbers
  std::vector<double> each(double outcome::* part) const;  ///< one value for each round
  double middle(double outcome::* part) const { return median(each(part)); }
};

struct judgement {
  std::string goal, title, reference;
  figure what;
  double limit = 0, ours = 0;  ///< time in ns, messages a second, or bytes; as the figure says
  double ratio = 0;            ///< or the value itself where there is no reference
  double bound = 0;
  bool known = false, met = false;
  std::string words;  ///< why it is not known
};

struct contest_result {
  const contest* row = nullptr;
  std::vector<record> records;  ///< as contest::entrants
  /// entrant / reference of the same round, the median of the rounds; in time, or rate for a stream. 0: not known.
  double ratio(std::size_t entrant) const;
  std::vector<judgement> judge() const;
};

struct run_result {
  std::vector<contest_result> rows;
  int rounds = 0, disturbed = 0, repeated = 0;
  std::string scheme;                ///< what Transom ran over
  std::vector<std::string> remarks;  ///< what was not as it should be during the run
};

}  // namespace goals
