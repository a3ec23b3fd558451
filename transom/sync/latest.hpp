// transom/sync/latest.hpp - the newest value of something, for any number of readers: whoever stores never waits for a
// reader, and a reader never for whoever stores, alive, stopped or dead.
//
// Layout
//     0  word   u64  bit 0: somebody may be asleep; above: the version, how many values were ever stored whole
//     8  begun  u64  the version that was begun last; word's version or one more
//    64  two copies, each a multiple of 16 bytes and aligned to 64. Version v is in copy v mod 2.
//
// Invariants
//   I1  While the version is v, copy v mod 2 is value v, whole, and nobody writes it. Value v + 1 grows in the other.
//   I2  `begun` says v + 2 before the first byte of value v is overwritten.
//
//     who stores                                    reader
//     begun = v + 1                                 v = word / 2
//     value v + 1 into copy (v + 1) mod 2           bytes out of copy v mod 2
//     word = (v + 1, quiet); wake if it said so     if begun > v + 1: again
//
// Forbidden: a reader keeps a mixture. A byte that it got of value v + 2 makes `begun` visible with it.
//
// A reader begins again only if a value was stored, and the next one begun, while it copied: it waits for nobody, and
// each time it repeats, somebody has made progress. Readers of a large T beside someone who stores without a pause
// repeat often: then use a channel, or a smaller T.
//
// Ordering
//   E1  publish   the value, and what was done before store()  ->  who sees its version
// `begun` is made visible with the bytes by the order that copy_in() and copy_out() keep
// (transom/sync/shared_copy.hpp).
//
// Death: killed in store(), before E1: readers keep the last value, and the next store() begins the same version again;
// after it: the value is stored, and who sleeps for it sees it at once or longest_sleep later.
#pragma once
#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <string_view>
#include <type_traits>
#include <utility>

#include "transom/base/clock.hpp"
#include "transom/base/error.hpp"
#include "transom/os/futex.hpp"
#include "transom/sync/atomic.hpp"
#include "transom/sync/shared_copy.hpp"

namespace transom::sync {

namespace detail {
/// latest<T>::wait and its like.
result<std::uint64_t> wait_for_version(atomic<std::uint64_t>& word, std::uint64_t seen, const patience& how);
}  // namespace detail

/// One value of a plain type, and how many there have been. One thread of one process stores at a time: two at once
/// would mix their values, so let them hold a sync::mutex, or give each a latest<T> of its own. A successor of someone
/// who died storing just stores. Everything else, any thread, any process, at any time. In a child of fork() the memory
/// is not there: reach it through shared<T>, which says so.
template <typename T>
class latest {
  static_assert(std::is_trivially_copyable_v<T> && std::default_initializable<T>,
                "latest<T> holds a plain T: it is copied byte by byte, and has no life of its own");

 public:
  static constexpr std::string_view shared_name = "latest";
  using value_type = T;

  latest() noexcept : latest(T()) {}
  /// The value of version 0.
  explicit latest(const T& initial) noexcept { copy_in(copies_[0].words.data(), &initial, sizeof(T)); }
  latest(const latest&) = delete;
  latest& operator=(const latest&) = delete;

  /// Replaces the value. Waits for nobody; a copy, one locked instruction, and a system call only if somebody sleeps.
  void store(const T& value) noexcept {
    const std::uint64_t next = word_.load(relaxed) / one + 1;
    begun_.store(next, relaxed);
    copy_in(copies_[next % 2].words.data(), &value, sizeof(T));
    if ((word_.exchange(next * one, release) & somebody) != 0)  // E1
      os::futex_wake_all(&word_);
  }

  /// The value stored last. No system call, nothing written. Waits for nobody.
  T load() const noexcept {
    T value;
    load(value);
    return value;
  }
  /// The same into the caller's own, which spares a large T a second copy; returns its version, for wait().
  std::uint64_t load(T& into) const noexcept {
    for (;;) {
      const std::uint64_t version = word_.load(acquire) / one;  // E1
      copy_out(&into, copies_[version % 2].words.data(), sizeof(T));
      if (begun_.load(relaxed) <= version + 1) [[likely]]
        return version;
    }
  }
  /// The value and its version: for wait().
  std::pair<T, std::uint64_t> load_with_version() const noexcept {
    std::pair<T, std::uint64_t> both;
    both.second = load(both.first);
    return both;
  }
  /// How many values were stored. Whoever sees a version sees what was done before it was stored.
  std::uint64_t version() const noexcept { return word_.load(acquire) / one; }  // E1

  /// Sleeps while version() is `seen`, and returns what it is then: at once if it is another already. canceled: a stop
  /// is requested, before or meanwhile. futex(2).
  result<std::uint64_t> wait(std::uint64_t seen, std::stop_token stop = {}) const {
    return detail::wait_for_version(word_, seen, patience::forever(std::move(stop)));
  }
  /// The same without waiting: would_block while version() is `seen`.
  result<std::uint64_t> try_wait(std::uint64_t seen) const {
    return detail::wait_for_version(word_, seen, patience::none());
  }
  /// The same for at most `time`: timed_out.
  template <typename Rep, typename Period>
  result<std::uint64_t> wait_for(std::uint64_t seen, std::chrono::duration<Rep, Period> time,
                                 std::stop_token stop = {}) const {
    return detail::wait_for_version(word_, seen, patience::until_time(deadline::after(time), std::move(stop)));
  }
  /// The same until `when`, on any clock: timed_out.
  template <typename Clock, typename Duration>
  result<std::uint64_t> wait_until(std::uint64_t seen, std::chrono::time_point<Clock, Duration> when,
                                   std::stop_token stop = {}) const {
    return detail::wait_for_version(word_, seen, patience::until_time(deadline::at(when), std::move(stop)));
  }

 private:
  static constexpr std::uint64_t somebody = 1, one = 2;
  struct alignas(64) copy {
    std::array<atomic<std::uint64_t>, words_for(sizeof(T))> words;
  };

  alignas(64) mutable atomic<std::uint64_t> word_;  // who waits changes no version
  atomic<std::uint64_t> begun_;
  std::array<copy, 2> copies_;
};

}  // namespace transom::sync
