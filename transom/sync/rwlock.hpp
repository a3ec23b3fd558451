// transom/sync/rwlock.hpp - many who read or one who writes, threads of any processes; a dead reader is forgotten.
//
// A writer holds a mutex, the gate, and then waits until nobody reads. A reader says so in a note of its own process
// (membership.hpp), and then looks whether the gate is free. So no count has to be right after a death: who reads is
// written, by name, where only the reader writes.
//
//     reader                                  writer
//     note: reads                             gate: held by me
//     fence F1      <----- paired ----->      fence F2
//     gate held? yes: note: waits; sleep      a living note that reads? sleep until it goes
//
// Forbidden: both go in. One fence comes first, and the other side sees what stands before it.
//
// Layout (docs/formats/locks.md), 48 bytes:
//     0   gate  mutex
//     32  left  u32  counts readers who left while somebody held the gate; the writer sleeps on it
//     36  reserved u32, u64
//
// Ordering
//   E1  mutex's      a writer's writes  ->  whoever comes in next, reader or writer
//   E2  left         a reader's reads   ->  the writer that finds its note gone
//
// Death: of a writer, from the moment it has the gate: the lock is dirty, as a mutex. Of a reader: its note names an
// incarnation that is gone, which whoever waits for it learns at once or at the bound. Writers come first: a reader
// that comes while a writer waits, waits.
#pragma once
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <string_view>
#include <utility>

#include "transom/sync/mutex.hpp"

namespace transom::sync {

class rwlock;
class patient_sleep;

/// Holds a rwlock for reading until it is destroyed. Moves, does not copy. In a child of fork() it does nothing.
class [[nodiscard]] shared_guard {
 public:
  shared_guard() noexcept = default;
  shared_guard(shared_guard&& other) noexcept
      : of_(std::exchange(other.of_, nullptr)), in_(other.in_), note_(other.note_), epoch_(other.epoch_) {}
  shared_guard& operator=(shared_guard&& other) noexcept {
    shared_guard old(std::move(*this));
    of_ = std::exchange(other.of_, nullptr);
    in_ = other.in_;
    note_ = other.note_;
    epoch_ = other.epoch_;
    return *this;
  }
  ~shared_guard() {
    if (of_ != nullptr) unlock();
  }
  void unlock() noexcept;
  explicit operator bool() const noexcept { return of_ != nullptr; }

 private:
  friend class rwlock;
  shared_guard(rwlock& of, membership& in, note& says, std::uint32_t epoch) noexcept
      : of_(&of), in_(&in), note_(&says), epoch_(epoch) {}
  rwlock* of_ = nullptr;
  membership* in_ = nullptr;
  note* note_ = nullptr;
  std::uint32_t epoch_ = 0;
};

/// A lock for readers and writers. Fails as mutex does, readers too: owner_died while a writer's death is not repaired;
/// would_deadlock for a thread that reads and wants to write, or reads and wants to read while a writer waits, or
/// writes already; no_buffer_space when 128 threads of this process read or wait already. Thread safety: all calls, any
/// thread.
class rwlock {
 public:
  static constexpr std::string_view shared_name = "rwlock";

  rwlock() noexcept = default;
  explicit rwlock(report_deadlocks how) noexcept : gate_(how) {}
  rwlock(const rwlock&) = delete;
  rwlock& operator=(const rwlock&) = delete;

  /// To write: waits until nobody else writes or reads.
  result<guard> lock(std::stop_token stop = {}) { return enter(patience::forever(std::move(stop)), use); }
  result<guard> try_lock() { return enter(patience::none(), use); }
  template <typename Rep, typename Period>
  result<guard> lock_for(std::chrono::duration<Rep, Period> time, std::stop_token stop = {}) {
    return enter(patience::until_time(deadline::after(time), std::move(stop)), use);
  }
  template <typename Clock, typename Duration>
  result<guard> lock_until(std::chrono::time_point<Clock, Duration> when, std::stop_token stop = {}) {
    return enter(patience::until_time(deadline::at(when), std::move(stop)), use);
  }
  /// See mutex::lock_or_recover().
  template <std::invocable Repair>
  result<guard> lock_or_recover(Repair&& repair, std::stop_token stop = {}) {
    auto held = enter(patience::forever(std::move(stop)), mutex::entry::to_repair);
    if (!held) return held;
    return gate_.repaired(std::move(*held), std::forward<Repair>(repair));
  }

  /// To read: waits until nobody writes or wants to.
  result<shared_guard> lock_shared(std::stop_token stop = {}) {
    return enter_shared(patience::forever(std::move(stop)));
  }
  result<shared_guard> try_lock_shared() { return enter_shared(patience::none()); }
  template <typename Rep, typename Period>
  result<shared_guard> lock_shared_for(std::chrono::duration<Rep, Period> time, std::stop_token stop = {}) {
    return enter_shared(patience::until_time(deadline::after(time), std::move(stop)));
  }
  template <typename Clock, typename Duration>
  result<shared_guard> lock_shared_until(std::chrono::time_point<Clock, Duration> when, std::stop_token stop = {}) {
    return enter_shared(patience::until_time(deadline::at(when), std::move(stop)));
  }

  bool is_dirty() const noexcept { return gate_.is_dirty(); }
  std::string name() const { return gate_.name(); }

 private:
  friend class shared_guard;
  friend void settle_reader(const membership& in, note& left, std::uint64_t about) noexcept;
  static constexpr mutex::entry use = mutex::entry::to_use;

  result<guard> enter(const patience& how, mutex::entry why);
  result<shared_guard> enter_shared(const patience& how);
  /// What stands between a reader with that note and the lock; a deadlock, a death, the end of its patience. Nothing:
  /// it has waited, and looks again.
  result<void> wait_for_writer(const standing& me, note& mine, patient_sleep& waiting, bool& ask_for_the_dead);
  void leave_shared(membership& in, note& mine) noexcept;
  void say_left() noexcept {
    left_.fetch_add(1, release);  // E2
    os::futex_wake_all(&left_);
  }

  mutex gate_;
  atomic<std::uint32_t> left_{0};
  [[maybe_unused]] std::uint32_t reserved_ = 0;
  [[maybe_unused]] std::uint64_t reserved_too_ = 0;
};
static_assert(sizeof(rwlock) == 48);

/// For settle.cpp: the note of a dead reader.
void settle_reader(const membership& in, note& left, std::uint64_t about) noexcept;

}  // namespace transom::sync
