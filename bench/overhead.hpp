// bench/overhead.hpp - what one comparison is, and how it is shown.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

/// One question: Transom against the same loop of raw system calls.
struct comparison {
  std::string mechanism, pattern;  // pattern: round_trip, stream, batch
  std::size_t size = 0;
  std::vector<double> raw, ours;  // seconds per message (round_trip: per round trip), one per round
  double goal = 0;                // ratio; for round_trip at most, else at least
  double ratio() const;   // round_trip: ours / raw in time; else ours / raw in rate. Median of the rounds' ratios
  double spread() const;  // largest minus smallest ratio over the rounds
  bool holds() const;
  bool is_in(std::string_view only) const;  // "", "pipe", "pipe/stream" or "pipe/stream/64"
};

/// The table; and transom.bench/1 to `json_file` unless it is empty. Returns how many goals do not hold.
int report(const std::vector<comparison>& all, const std::string& json_file, int rounds);

}  // namespace bench
