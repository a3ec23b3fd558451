// tests/explore/search.hpp - all executions of a scenario within bounds, depth first; and one again from its schedule.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "tests/explore/world.hpp"

namespace transom::explore {

struct outcome {
  std::uint64_t executions = 0, steps = 0, states = 0;
  bool complete = false;  ///< nothing was left untried within the bounds
  int bound = 0;          ///< the largest one within which nothing was left untried
  std::string complaint;  ///< empty: none was bad
  std::string schedule;
  std::vector<std::string> trace;
  double seconds = 0, seconds_of_first = 0;  ///< the latter with bound 1
  bool bad() const { return !complaint.empty(); }
};

/// Seconds of processor time this process has used: limits are in them, so that a busy machine finds as much as an idle
/// one.
double processor_seconds();
/// Until one execution is bad, all were tried, or `seconds` have passed.
outcome search(const scenario& what, const mutant& changed, int bound, double seconds);
/// The same with growing bounds up to `bound`, so that what is easily found is found at once.
outcome search_growing(const scenario& what, const mutant& changed, int bound, double seconds);
/// One execution.
outcome replay(const scenario& what, const mutant& changed, int bound, const std::string& schedule);

}  // namespace transom::explore
