// bench/goals/plan.hpp - the goals, as data: who is measured at what, and what must come of it.
#pragma once
#include <string>
#include <vector>

#include "bench/goals/contender.hpp"
#include "bench/goals/task.hpp"

namespace goals {

/// One contender with its task in one contest.
struct entrant {
  const contender* who;
  task how;
  std::string label;  ///< how it stands in the table
};

/// What a goal is about.
enum class figure {
  time,      ///< the median time of a message
  tail99,    ///< p99 / p50 of Transom itself
  tail999,   ///< p99.9 / p50 of Transom itself
  rate,      ///< messages a second
  absolute,  ///< the median time itself, in nanoseconds
  interval,  ///< nanoseconds from one message of a stream to the next
  late,      ///< p99 itself, in nanoseconds
  bytes      ///< bytes itself
};

struct aim {
  std::string goal;  ///< P1, P2, ...
  figure what;
  double bound;  ///< at most, or at least for a rate
};

/// One row: entrants measured next to each other, in a new order each round.
struct contest {
  std::string title;
  std::vector<entrant> entrants;  ///< first the reference, unless `has_reference` is false; then Transom; then others
  std::vector<aim> aims;
  bool has_reference = true;
  std::size_t ours() const { return has_reference ? 1 : 0; }
};

/// `smoke`: a few messages each, and the peers only where a goal meets them first.
std::vector<contest> make_plan(bool smoke);

/// The largest value a figure may have, or the smallest.
inline bool at_most(figure f) { return f != figure::rate; }
/// Figures that are a ratio to the reference.
inline bool is_ratio(figure f) { return f == figure::time || f == figure::rate; }

}  // namespace goals
