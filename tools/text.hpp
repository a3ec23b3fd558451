// tools/text.hpp - numbers as people read them, and a line of progress.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace tools {

std::string human_bytes(double bytes);                  ///< "1.50 GB", powers of ten
std::string human_time(std::chrono::nanoseconds time);  ///< "12.3 us"

/// A line on stderr that renews itself, on a terminal only, and only once the work has lasted longer than a second.
class progress {
 public:
  /// `total` 0: unknown.
  progress(std::string_view what, std::uint64_t total, bool quiet);
  ~progress();
  void advance(std::uint64_t bytes);

 private:
  using clock = std::chrono::steady_clock;
  std::string what_;
  std::uint64_t total_, done_ = 0;
  clock::time_point begun_ = clock::now(), shown_ = begun_;
  bool on_;
  bool written_ = false;
};

/// May stderr / stdout carry colour?
bool may_colour(int descriptor);

}  // namespace tools
