// tools/tour_routes.hpp - one journey of the tour: how producer and consumer meet over one mechanism, and what each
// of the two does. The producer is a process of its own (for inproc a thread, which is what that mechanism is for).
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "transom/transom.hpp"

namespace tools {

/// What came of a journey, at the consumer.
struct arrival {
  transom::bytes data;
  std::uint64_t messages = 0;
  double seconds = 0;       ///< from the first piece to the end
  std::int64_t p50_ns = 0;  ///< one way, 64 bytes: half the median round trip
  std::string note;
};

/// The schemes of the tour, in the order in which they are shown.
const std::vector<std::string>& tour_schemes();

/// Moves `file`, of `size` bytes, over `scheme` from a new process to this one.
transom::result<arrival> travel(const std::string& scheme, const std::string& file, std::size_t size,
                                const std::stop_token& stop);

/// The producer's whole life, in its own process: `out` and `back` are URLs, or empty for ends that were given.
int produce(const std::string& out, const std::string& back, const std::string& file);

}  // namespace tools
