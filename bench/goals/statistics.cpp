// bench/goals/statistics.cpp - see statistics.hpp.
#include "bench/goals/statistics.hpp"

#include <algorithm>
#include <cmath>

namespace goals {

double quantile(const std::vector<double>& sorted, double share) {
  if (sorted.empty()) return 0;
  const double rank = std::ceil(share * static_cast<double>(sorted.size()));
  return sorted[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return quantile(values, 0.5);
}

repeated summary(const std::vector<double>& values, bool more_is_better) {
  if (values.empty()) return {};
  const auto [least, most] = std::ranges::minmax(values);
  return {median(values), more_is_better ? most : least, most - least};
}

void describe(std::vector<std::uint64_t>& samples, double ns_per_tick, double messages_per_sample, outcome& into) {
  std::ranges::sort(samples);
  std::vector<double> ns;
  ns.reserve(samples.size());
  for (const std::uint64_t t : samples) ns.push_back(static_cast<double>(t) * ns_per_tick / messages_per_sample);
  into.samples = ns.size();
  if (ns.empty()) return;
  into.best = ns.front();
  into.p50 = quantile(ns, 0.5);
  into.p90 = quantile(ns, 0.9);
  into.p99 = quantile(ns, 0.99);
  into.p999 = ns.size() < 1'000 ? 0 : quantile(ns, 0.999);
  into.max = ns.back();
}

}  // namespace goals
