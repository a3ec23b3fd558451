// tests/step/campaign.hpp - one operation, many deaths: the points of a proof, run by stages under a watchdog.
//
// A stage is a process of its own. It takes the next point, makes fresh state, ends the victim there and judges. If it
// does not come back in time, it is ended with all it started, the point is tried once more alone with five times the
// patience, and if that fails too it counts as bad: "hangs". A stage that crashes is bad likewise.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/step/operation.hpp"
#include "tests/step/stepper.hpp"

namespace transom::step {

/// Where the one that is ended stands and, in a pair, where the other one does.
struct point {
  std::uint64_t first = 0, second = 0;
  bool swapped = false;       ///< the partner is ended, the victim runs on
  bool second_first = false;  ///< the survivor takes its place before the other one does
  bool exact = false;         ///< whoever comes second is stepped, and not awaited at a breakpoint
  std::string text(proof of) const;
};

struct traces {
  trace victim, partner;
};

struct campaign {
  proof of = proof::step;
  std::uint64_t seed = 1;
  std::uint64_t most_points = 0;  ///< 0: every one (steps, stops)
  double seconds = 0;             ///< no more points after this time; 0: all of them
  unsigned stages = 1;            ///< at a time
  std::vector<point> only;        ///< instead of all others
};

struct finding {
  point where;
  std::string what;
};

/// A row and the way through it, measured once.
struct prepared {
  const entry* row = nullptr;
  traces known;
  std::string fault;  ///< it cannot be measured
  double seconds = 0;
};
prepared prepare(const entry& row, proof of);

/// What came out for one row.
struct outcome {
  std::uint64_t instructions = 0, partner_instructions = 0;
  std::uint64_t points = 0, bad = 0, hung = 0;
  std::uint64_t drifted = 0;  ///< points at which the victim did not stand where the measured one stood
  std::map<std::string, std::uint64_t> histogram;
  std::vector<finding> findings;  ///< the first few
  std::string fault;              ///< the campaign itself failed
  double seconds = 0;

  /// Both histories occurred: the deaths fell on both sides of the commit. Not asked of stops, nor of pairs, whose
  /// survivor may make up for the dead one.
  bool crossed() const noexcept;
  bool passed(const entry& row, proof of) const noexcept;
};

outcome run(const prepared& row, const campaign& how);

// stage.cpp: what happens inside a stage. warm_up() before all else: the first times the heap is another, and so is the
// way through it.
void warm_up(operation& what, proof of);
traces measure(operation& what, proof of);
verdict run_at(operation& what, proof of, const traces& known, const point& where, bool& drifted);
/// The points of a campaign, by its seed.
std::vector<point> choose(const campaign& how, const traces& known);

}  // namespace transom::step
