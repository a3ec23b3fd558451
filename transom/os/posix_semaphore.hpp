// transom/os/posix_semaphore.hpp - the POSIX semaphore, named or in memory of the caller's.
//
// For talking to programs that use these semaphores already. Between programs of one's own take sync::semaphore.
//
// Death: there is no owner. Whatever a killed process had acquired stays acquired, and one killed inside glibc's
// own code may leave a waiter asleep although the value is positive (measured: 14 of 45 kill points). So it is never
// a lock between processes that may crash, and every wait should have a deadline. A named one outlives everyone until
// unlink(); an unnamed one lives as long as its memory.
#pragma once
#include <cstddef>
#include <string>
#include <utility>

#include "transom/base/clock.hpp"
#include "transom/base/error.hpp"

namespace transom::os {

/// One semaphore: an open named one, closed by the destructor; one made in the caller's memory, destroyed by it; or
/// one that is merely used there. Any thread may call any const member at any time. sem_overview(7).
class posix_semaphore {
 public:
  /// What make_in() and use_in() need: sizeof and alignof of sem_t on Linux (checked in the source).
  static constexpr std::size_t storage_size = 2 * sizeof(void*) + 16, storage_align = alignof(long);
  struct options {
    unsigned initial = 0;
    unsigned mode = 0600;    ///< narrowed by the umask
    bool exclusive = false;  ///< EEXIST rather than opening one that exists
  };

  /// Makes the semaphore `name` ("/" and then no other), or opens the one there is, whose value then counts.
  /// sem_open(3).
  static result<posix_semaphore> create(const std::string& name, options how);
  /// Opens the semaphore `name`. Fails with ENOENT, EACCES.
  static result<posix_semaphore> open(const std::string& name);
  /// Removes the name; those who have it open keep it. Fails with ENOENT. sem_unlink(3).
  static result<void> unlink(const std::string& name);
  /// Makes one in `memory`, which outlives it. `between_processes`: the memory is shared and others will use_in() it.
  /// The destructor destroys it, so nobody may be waiting then. sem_init(3).
  static result<posix_semaphore> make_in(void* memory, unsigned initial, bool between_processes);
  /// Uses the one that somebody made in `memory`.
  static posix_semaphore use_in(void* memory) noexcept { return posix_semaphore(memory, held::borrowed, place()); }

  posix_semaphore(posix_semaphore&& other) noexcept
      : semaphore_(std::exchange(other.semaphore_, nullptr)), held_(other.held_), where_(std::move(other.where_)) {}
  posix_semaphore& operator=(posix_semaphore&& other) noexcept {
    reset();
    semaphore_ = std::exchange(other.semaphore_, nullptr);
    held_ = other.held_;
    where_ = std::move(other.where_);
    return *this;
  }
  ~posix_semaphore() { reset(); }

  /// Takes one; waits while there is none. timed_out, would_block or canceled as `how` says; with a stop token it wakes
  /// every 10 ms to look. sem_clockwait(3).
  result<void> acquire(const patience& how = {}) const;
  /// The same without waiting.
  result<void> try_acquire() const;
  /// Gives one back. EOVERFLOW beyond 2^31 - 1. Safe in a signal handler.
  result<void> release() const;
  /// How many there are just now.
  result<int> value() const;

 private:
  enum class held { named, owned, borrowed };
  posix_semaphore(void* semaphore, held how, place where) noexcept
      : semaphore_(semaphore), held_(how), where_(std::move(where)) {}
  void reset() noexcept;
  void* semaphore_;
  held held_;
  place where_;
};

}  // namespace transom::os
