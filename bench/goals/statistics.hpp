// bench/goals/statistics.hpp - from many numbers to the few that are shown.
#pragma once
#include <cstdint>
#include <vector>

#include "bench/goals/task.hpp"

namespace goals {

/// The value below which `share` of the sorted values lie: the one at rank ceil(share * n).
double quantile(const std::vector<double>& sorted, double share);
/// The middle of any values; 0 of none.
double median(std::vector<double> values);

/// Median, best and spread of what the repetitions gave.
struct repeated {
  double middle = 0, best = 0, spread = 0;  ///< best: the smallest, or the largest where more is better
};
repeated summary(const std::vector<double>& values, bool more_is_better);

/// Percentiles of `samples` (in ticks, halved and converted on the way) into a result. Below 1,000 samples there is no
/// p99.9: it would be the maximum under another name.
void describe(std::vector<std::uint64_t>& samples, double ns_per_tick, double messages_per_sample, outcome& into);

}  // namespace goals
