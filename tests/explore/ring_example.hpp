// tests/explore/ring_example.hpp - the ring of the house's style guide, on two slots: the explorer's own touchstone.
// Each of its edges, and its order against death, must be missed when it is gone.
//
//   E1  publish   producer's writes to the slot  ->  consumer's reads of it
//   E2  reclaim   consumer's reads of the slot   ->  producer's next writes
//   K1  taken is stored before the message is shown
#pragma once
#include <array>
#include <cstdint>

#include "tests/explore/steps.hpp"
#include "transom/sync/atomic.hpp"

namespace transom::explore {

struct ring_slot {
  sync::atomic<std::uint64_t> sequence;
  plain<std::uint64_t> payload;
};
struct ring {
  sync::atomic<std::uint64_t> head, taken;
  std::array<ring_slot, 2> slots;
};

inline void publish(ring_slot& slot, std::uint64_t n) { slot.sequence.store(n + 1, sync::release); }  // E1
inline bool published(const ring_slot& slot, std::uint64_t n) {
  return slot.sequence.load(sync::acquire) == n + 1;  // E1
}
inline void acknowledge(ring& r, std::uint64_t n) { r.head.store(n + 1, sync::release); }  // E2
inline std::uint64_t acknowledged(const ring& r) { return r.head.load(sync::acquire); }    // E2
inline void about_to_show(ring& r, std::uint64_t n) {
  r.taken.store(n + 1, sync::relaxed);
  sync::kill_fence();  // K1
}

}  // namespace transom::explore
