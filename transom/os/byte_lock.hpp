// transom/os/byte_lock.hpp - a lock on one byte of a file, owned by an open file description.
//
// Invariants
//   I1  The lock belongs to the description, not to the process or thread: duplicates and forked copies of the
//       descriptor hold it together, a second open() of the same file is a stranger.
//   I2  The byte need not exist: locks may lie beyond the end of the file.
//
// Death: the kernel releases the lock when the last descriptor or mapping of the description is gone, whatever
// killed the holder; at no earlier time. (POSIX locks are not used: closing any other descriptor of the file would
// release them.)
#pragma once
#include <cstdint>

#include "transom/base/clock.hpp"
#include "transom/base/error.hpp"

namespace transom::os {

/// Open file description locks: fcntl(2), F_OFD_SETLK. Calls on one description from several threads are safe, and
/// all the same owner: they do not exclude each other.
struct byte_lock {
  enum class kind {
    shared,    ///< any number may hold it at once; needs a descriptor open for reading
    exclusive  ///< one at a time; needs a descriptor open for writing
  };

  /// Takes the byte at `offset` and says whether that worked; false: another description has it. What this one has
  /// already is converted to `how` (a conversion that fails leaves the old lock). Fails with EBADF when the
  /// descriptor is not open for what the kind needs, ENOLCK when the kernel is out of locks.
  static result<bool> try_lock(int fd, std::uint64_t offset, kind how);
  /// Takes the byte at `offset`, as patient as `patient`: timed_out, would_block or canceled. Without deadline and
  /// stop token it sleeps in the kernel and wakes at once; otherwise it looks at most 1 ms apart. The kernel
  /// promises no order between those who wait.
  static result<void> lock(int fd, std::uint64_t offset, kind how, const patience& patient = {});
  /// The same until `when`.
  static result<void> lock_until(int fd, std::uint64_t offset, kind how, deadline when) {
    return lock(fd, offset, how, patience::until_time(when));
  }
  /// Gives the byte back; fine if it was not held.
  static result<void> unlock(int fd, std::uint64_t offset);
  /// Does any other description hold the byte, in either kind? Own locks do not count. Takes nothing.
  static result<bool> is_held(int fd, std::uint64_t offset);
};

}  // namespace transom::os
