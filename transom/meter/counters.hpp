// transom/meter/counters.hpp - what one participant counts about itself, where every tool may read it.
//
// Each counter has one writer, the participant in whose row it stands, on cache lines of that row alone: counting is
// a plain load and a plain store, no locked instruction and no line shared with the other side. They start at 0 when
// the row is claimed, only grow, and wrap after 2^64; tools compute rates. A participant with several threads counts
// under whatever serialises them, or loses counts, never more than that.
#pragma once
#include <cstddef>
#include <cstdint>

#include "transom/sync/atomic.hpp"

namespace transom::meter {

/// A number that one thread writes and anybody reads.
class counter {
 public:
  void add(std::uint64_t n = 1) noexcept { value_.store(value_.load(sync::relaxed) + n, sync::relaxed); }
  /// For values that are not sums, like a time or a largest depth.
  void set(std::uint64_t value) noexcept { value_.store(value, sync::relaxed); }
  void raise_to(std::uint64_t value) noexcept {
    if (value > value_.load(sync::relaxed)) set(value);
  }
  std::uint64_t value() const noexcept { return value_.load(sync::relaxed); }

 private:
  sync::atomic<std::uint64_t> value_;
};

/// The counters of one participant: 128 bytes, the second half of its row (docs/formats/record.md).
struct counters {
  counter messages;          ///< sent, or received
  counter bytes;             ///< payload of those
  counter drops;             ///< given up because of an overflow policy
  counter torn;              ///< frames that stopped half way
  counter redelivered;       ///< handed out a second time after a death
  counter times_full;        ///< a send found no room
  counter times_empty;       ///< a receive found nothing
  counter sleeps;            ///< waits that reached the kernel
  counter wakes_sent;        ///< rings that found somebody asleep
  counter wakes_received;    ///< sleeps ended by a ring
  counter largest_depth;     ///< most messages ever seen waiting
  counter last_progress_ns;  ///< steady clock, of the last message
  counter errors;            ///< calls that failed with anything but would_block and timed_out
  counter reserved[3];
};
static_assert(sizeof(counters) == 128 && offsetof(counters, largest_depth) == 80);

}  // namespace transom::meter
