// transom/os/sysv_semaphore.hpp - a set of System V semaphores, on which several steps happen together or not at all.
//
// Invariants
//   I1  All operations of one op() take effect at one moment; while one of them cannot, none has.
//   I2  A set made by create() can be seen before its values are set. await_ready() waits for that; create() does it
//       for those who come second.
//
// Death: what a killed process did without `undo` stays done: whoever waits for it waits on. With `undo` the kernel
// takes the change back, and nobody learns that what the semaphore guards may be torn. Undo needs both directions:
// if only the acquiring side has it, a release by another process and a death admit one too many. set() by anybody
// drops the undo of everybody. As a lock that tells of a death use sync::mutex. The set outlives everyone until
// remove(); whoever waits then gets std::errc::identifier_removed.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "transom/base/clock.hpp"
#include "transom/base/error.hpp"

namespace transom::os {

/// One step: adds `change` to a semaphore if the value stays >= 0, or waits until the value is 0 if `change` is 0.
/// Same layout as struct sembuf (checked in the source).
struct sem_op {
  static constexpr std::int16_t undo = 0x1000;  ///< taken back when the process that did it ends
  std::uint16_t index = 0;
  std::int16_t change = 0;
  std::int16_t flags = 0;  ///< 0 or undo
};

/// One set, by its number. It moves; the destructor removes nothing, because the object belongs to the system.
/// Any thread may call any member at any time. sysvipc(7).
class sysv_semaphore {
 public:
  sysv_semaphore(sysv_semaphore&&) noexcept = default;
  sysv_semaphore& operator=(sysv_semaphore&&) noexcept = default;

  struct options {
    unsigned mode = 0600;
    bool exclusive = false;  ///< EEXIST rather than opening one that exists
  };

  /// Makes a set with one semaphore per element of `initial`, 0 to 32767 each, for the key of `path` and `id`
  /// (sysv_key.hpp), or opens the one there is, which has at least as many, once it is ready: timed_out after `how`
  /// ends. Fails with ENOSPC beyond the limits of kernel.sem, EINVAL beyond its semaphores per set; the detail names
  /// it. EACCES if the mode of an existing one refuses. semget(2).
  static result<sysv_semaphore> create(const std::string& path, int id, std::span<const std::uint16_t> initial,
                                       options with, const patience& how = {});
  static result<sysv_semaphore> create(const std::string& path, int id, std::span<const std::uint16_t> initial) {
    return create(path, id, initial, options{});
  }
  /// Opens the set of that key, ready or not. Fails with ENOENT, EACCES.
  static result<sysv_semaphore> open(const std::string& path, int id);
  /// A set without a key, for children and for those who are told its number.
  static result<sysv_semaphore> make_private(std::span<const std::uint16_t> initial, unsigned mode = 0600);
  /// The set with that number. Fails with EINVAL if there is none.
  static result<sysv_semaphore> from_number(int number);

  /// Does all steps at one moment; waits until it can. timed_out, would_block or canceled as `how` says; with a stop
  /// token it wakes every 10 ms to look. ERANGE: a value would pass 32767; EFBIG: no such index; E2BIG: more steps than
  /// kernel.sem allows; EIDRM: the set is removed. semtimedop(2).
  result<void> op(std::span<const sem_op> steps, const patience& how = {}) const;
  /// The same without waiting.
  result<void> try_op(std::span<const sem_op> steps) const { return op(steps, patience::none()); }
  /// One step each: takes `count` from or adds it to one semaphore.
  result<void> acquire(std::uint16_t index, std::int16_t count = 1, std::int16_t flags = 0,
                       const patience& how = {}) const;
  result<void> release(std::uint16_t index, std::int16_t count = 1, std::int16_t flags = 0) const;

  result<int> get(std::uint16_t index) const;
  result<std::vector<std::uint16_t>> get_all() const;
  /// Sets a value and drops every process's undo for it. ERANGE beyond 32767.
  result<void> set(std::uint16_t index, int value) const;
  result<int> last_pid(std::uint16_t index) const;          ///< of the last op() or set(); 0: none
  result<int> waiters(std::uint16_t index) const;           ///< who wait for a larger value
  result<int> waiters_for_zero(std::uint16_t index) const;  ///< who wait for 0
  result<std::size_t> count() const;                        ///< semaphores in the set
  /// Waits until the maker has set the values. A maker that died before leaves a set that is never ready.
  result<void> await_ready(const patience& how = {}) const;
  /// Removes the set now, for everyone.
  result<void> remove() const;

  int number() const noexcept { return number_; }
  bool created() const noexcept { return created_; }  ///< this call of create() made it
  const place& where() const noexcept { return where_; }

 private:
  sysv_semaphore(int number, place where, bool created) noexcept
      : number_(number), created_(created), where_(std::move(where)) {}
  static result<sysv_semaphore> make(int key, std::span<const std::uint16_t> initial, int flags, place where);
  result<int> ask(int command, const char* operation, std::uint16_t index) const;
  int number_;
  bool created_ = false;
  place where_;
};

}  // namespace transom::os
