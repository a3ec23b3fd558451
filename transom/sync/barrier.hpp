// transom/sync/barrier.hpp - so many wait for each other, in any processes, and go on together; again and again. One
// that dies is not waited for: all are told.
//
// Layout
//     0  word    u64  bit 0: somebody may be asleep   1: broken   2..15: resets   16..31: phase
//                     32..63: who has arrived, one bit for each place
//     8  count   u32  places in use    12  broken_by  u32  participant that was found gone
//    16  places  32 x u64  participant in the upper half, resets in the lower; of another reset, or 0: free
//
// Invariants
//   I1  A bit of `word` is set by the one who stands in its place, and cleared by him when he gives up, or by the step
//   that
//       ends the phase or resets.
//   I2  The arrival that would set the last bit ends the phase instead: no bits, the next phase, all in one step. So a
//       phase ends once, and whoever gave up before was not counted.
//   I3  A place is its participant's until the next reset: so one that died is missed, whether it had arrived or not.
//
// Ordering
//   E1  arrive  what each did before it arrived  ->  all, when they go on
//   E2  break   who was found gone  ->  who sees that it is broken
//
// Death: before it took a place: nobody knew it. After: whoever waits in vain for longest_sleep, or is the last to
// come, finds it gone and breaks the barrier, for all, until reset(). Killed between the end of a phase, a break or a
// reset and the wake: who sleeps looks for itself at the bound.
#pragma once
#include <array>
#include <chrono>
#include <cstdint>
#include <stop_token>
#include <string_view>
#include <utility>

#include "transom/base/clock.hpp"
#include "transom/base/ensure.hpp"
#include "transom/base/error.hpp"
#include "transom/sync/atomic.hpp"

namespace transom::sync {

class membership;
struct standing;

/// Lets `count` arrivals go on together. They may be threads of one process or of many: a process has as many places as
/// it ever had threads here at once, and keeps them until reset(). Lies anywhere in memory that the processes share, or
/// in a program of its own threads. Thread safety: all calls, any thread, any process.
class barrier {
 public:
  static constexpr std::string_view shared_name = "barrier";

  /// The most that one barrier lets go on together.
  static constexpr std::uint32_t most = 32;

  // Not explicit: what lies in a shared<T> is taken apart by what can initialise its fields (channel/reflect.hpp).
  barrier(std::uint32_t count) : count_(count) {
    transom::detail::ensure(count >= 1 && count <= most, "a barrier is for 1 to 32");
  }
  barrier(const barrier&) = delete;
  barrier& operator=(const barrier&) = delete;

  /// Arrives, and waits until all have. peer_died: one that took part since the last reset() died or left, with its pid
  /// where that is known; so says every call until reset(). canceled: a stop is requested, or somebody resets; this
  /// arrival does not count. no_buffer_space: all places are others'. forked: the memory was our parent's.
  result<void> arrive_and_wait(std::stop_token stop = {}) { return arrive_as(patience::forever(std::move(stop))); }
  /// The same for at most `time`: timed_out, and this arrival does not count.
  template <typename Rep, typename Period>
  result<void> arrive_and_wait_for(std::chrono::duration<Rep, Period> time, std::stop_token stop = {}) {
    return arrive_as(patience::until_time(deadline::after(time), std::move(stop)));
  }
  /// The same until `when`, on any clock: timed_out.
  template <typename Clock, typename Duration>
  result<void> arrive_and_wait_until(std::chrono::time_point<Clock, Duration> when, std::stop_token stop = {}) {
    return arrive_as(patience::until_time(deadline::at(when), std::move(stop)));
  }
  /// Goes on if all others have arrived: would_block if not, and this arrival does not count.
  result<void> try_arrive() { return arrive_as(patience::none()); }
  /// What the others boil down to.
  result<void> arrive_as(const patience& how);

  /// Whole again, with all places free: for those who go on without the dead. Whoever waits just now gets canceled.
  void reset() noexcept;

  /// How many go on together.
  std::uint32_t count() const noexcept { return count_; }
  /// How many have arrived and wait. A hint: more may come.
  std::uint32_t arrived() const noexcept;
  /// One is dead, and nobody goes on before reset().
  bool is_broken() const noexcept { return (word_.load(relaxed) & broken) != 0; }

 private:
  static constexpr std::uint64_t somebody = 1, broken = 2, one_reset = 4, one_phase = 0x10000;
  static constexpr std::uint64_t resets_mask = 0xfffc, phase_mask = 0xffff0000, lower_half = 0xffffffff;

  result<std::uint32_t> arrive(const standing& me, std::uint64_t& word);
  result<void> wait(const standing& me, const patience& how, std::uint64_t word, std::uint32_t place);
  int find_place(std::uint32_t participant, std::uint64_t word) noexcept;
  bool breaks(const membership& in, std::uint64_t word) noexcept;
  error broken_error(const membership& in) const;

  atomic<std::uint64_t> word_;
  std::uint32_t count_;
  atomic<std::uint32_t> broken_by_;
  std::array<atomic<std::uint64_t>, most> places_;
};
static_assert(sizeof(barrier) == 16 + 8 * barrier::most);

}  // namespace transom::sync
