// transom/sync/semaphore.hpp - a count of what there is, between any threads of any processes: take one or wait, give
// some. And permits: taken like the rest, but given back by whoever finds their holder dead.
//
// One word of 64 bits, so that whatever happens to the count happens at one instant:
//     bit 0       somebody may be asleep
//     bits 1..31  the count
//     bits 32..63 tag: which permit was taken or given back last; 0: none was
//                     32 given back, not taken   33..39 note   40..47 row   48..63 claim of that note
//
// Sleeping. Whoever finds nothing sets the bit in the very word it has seen, and sleeps on the lower half. Whoever
// gives n clears the bit in the same step, and wakes n. Those who have slept know that others may sleep still, and
// clear the bit for nobody:
//   S1  who has slept and takes one sets the bit, and wakes one more if any are left;
//   S2  who has slept and gives up does the same. (Woken for nothing, it might have been the only one.)
//
// Permits. A permit is a note of its holder (membership.hpp): `more` says idle, claimed, held or returned. The note and
// the count cannot change in one step, so the count's step names the note:
//
//     hold                                          give back
//     more: claimed                                 help the tag that stands there
//     help the tag that stands there                word: count + 1, tag = (note, given back)
//     word: count - 1, tag = (note, taken)          more: returned
//     more: held                                    free the note
//
// To help is to write into the note what its tag says: claimed becomes held, held becomes returned. Nobody replaces a
// tag before that is done. So of a dead holder's note it can always be told:
//   S3  claimed, and the tag does not name it, and still claimed: nothing was taken
//   S4  held, and the tag does not say that it was given back, and still held: it was not
// and whoever settles it goes on where the dead one stopped, by the same steps.
//
// Ordering
//   E1  give   what was done before release(), or by a permit's holder  ->  who takes it
//   E2  help   what a note was helped, or settled, to say  ->  who finds another tag, or no note
//   E3  note   where its semaphore lies  ->  who reads what has become of it
//
// Death: what a plain acquire() took stays taken. A permit comes back: at once if somebody joins the memory, else when
// somebody has waited in vain for longest_sleep, or tried in vain. Killed between the count and the wake: who sleeps
// looks for itself at the bound. Woken and killed: the others do so.
// Limits: 2^31 - 1 in the count; 128 permits of one process in one memory (its notes). A tag comes again after 2^16
// claims of its note: someone stopped within hold() for exactly so many, or a multiple, could replace a tag unhelped.
#pragma once
#include <chrono>
#include <cstdint>
#include <stop_token>
#include <string_view>
#include <utility>

#include "transom/base/clock.hpp"
#include "transom/base/ensure.hpp"
#include "transom/base/error.hpp"
#include "transom/sync/atomic.hpp"
#include "transom/sync/permit.hpp"

namespace transom::sync {

class membership;
void settle_permit(const membership& in, note& left, std::uint64_t about) noexcept;

/// Between those who make and those who use, acquire() and release() count what there is; to limit how many do
/// something at once, hold(). Both may be mixed. Lies anywhere in memory that the processes share, or in a program of
/// its own threads. Thread safety: all calls, any thread, any process. Who waits longest is not served first.
class semaphore {
 public:
  static constexpr std::string_view shared_name = "semaphore";

  /// The largest count.
  static constexpr std::uint32_t most = 0x7fffffff;

  // Not explicit: what lies in a shared<T> is taken apart by what can initialise its fields (channel/reflect.hpp).
  semaphore(std::uint32_t initial = 0) : word_(std::uint64_t{initial} * one) {
    transom::detail::ensure(initial <= most, "a semaphore counts at most 2147483647");
  }
  semaphore(const semaphore&) = delete;
  semaphore& operator=(const semaphore&) = delete;

  /// How many there are just now.
  std::uint32_t value() const noexcept { return count_of(word_.load(sync::acquire)); }  // E1

  /// Takes one; waits while there is none. canceled: a stop is requested, before or meanwhile. forked: the memory was
  /// our parent's.
  result<void> acquire(std::stop_token stop = {}) { return acquire_as(patience::forever(std::move(stop))); }
  /// The same without waiting: would_block. Before that it looks once whether a permit's holder has died.
  result<void> try_acquire() { return acquire_as(patience::none()); }
  /// The same for at most `time`: timed_out.
  template <typename Rep, typename Period>
  result<void> acquire_for(std::chrono::duration<Rep, Period> time, std::stop_token stop = {}) {
    return acquire_as(patience::until_time(deadline::after(time), std::move(stop)));
  }
  /// The same until `when`, on any clock: timed_out.
  template <typename Clock, typename Duration>
  result<void> acquire_until(std::chrono::time_point<Clock, Duration> when, std::stop_token stop = {}) {
    return acquire_as(patience::until_time(deadline::at(when), std::move(stop)));
  }

  /// Gives `count`, and wakes as many of those who wait; no system call if nobody may be asleep. std::errc::
  /// value_too_large: there would be more than `most`, and nothing was given. forked: the memory was our parent's.
  release_result release(std::uint32_t count = 1);

  /// As acquire(), but what is taken comes back when this process dies. no_buffer_space: this process has 128 permits
  /// and waits in this memory already.
  result<permit> hold(std::stop_token stop = {}) { return hold_as(patience::forever(std::move(stop))); }
  result<permit> try_hold() { return hold_as(patience::none()); }
  template <typename Rep, typename Period>
  result<permit> hold_for(std::chrono::duration<Rep, Period> time, std::stop_token stop = {}) {
    return hold_as(patience::until_time(deadline::after(time), std::move(stop)));
  }
  template <typename Clock, typename Duration>
  result<permit> hold_until(std::chrono::time_point<Clock, Duration> when, std::stop_token stop = {}) {
    return hold_as(patience::until_time(deadline::at(when), std::move(stop)));
  }

  /// What the others boil down to.
  result<void> acquire_as(const patience& how);
  result<permit> hold_as(const patience& how);

 private:
  friend class permit;
  friend void settle_permit(const membership&, note&, std::uint64_t) noexcept;

  static constexpr std::uint64_t somebody = 1, one = 2, lower_half = 0xffffffff;
  static constexpr std::uint32_t count_of(std::uint64_t word) noexcept {
    return static_cast<std::uint32_t>((word & lower_half) >> 1);
  }
  template <typename Take>
  result<void> wait_and_take(const membership& in, const patience& how, const char* operation, Take take);
  void wake_others() noexcept;
  bool take_plainly(std::uint64_t& word, std::uint64_t bit) noexcept;
  bool take_for(const membership& in, note& mine, std::uint64_t& word, std::uint64_t bit) noexcept;
  void give_back(const membership& in, note& taken, std::uint32_t participant) noexcept;
  void help(const membership& in, std::uint64_t word) noexcept;

  atomic<std::uint64_t> word_;
};
static_assert(sizeof(semaphore) == 8);

}  // namespace transom::sync
