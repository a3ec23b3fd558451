// transom/sync/lock_word.hpp - the one word of a lock: who holds it, whether anybody waits, whether what it protects
// may be torn. Part of mutex.hpp.
//
//     bit  0        waiters: somebody may sleep; the holder wakes one when it lets go
//     bit  1        dirty: a holder died, and no repair has been completed since
//     bit  2        crowd: the holder wakes all of them (rwlock.hpp)
//     bits 8..31    the thread that holds it, by the kernel's number in its own namespace; 0: nobody
//     bits 32..63   its participant: row and incarnation (membership.hpp)
//
// The lower half is the futex. Who holds the lock is in the word that says that it is held: no death, at no
// instruction, leaves it held by nobody knows whom. The thread's number tells a thread from others of its process only;
// two processes whose threads have the same number are still two participants.
#pragma once
#include <cstdint>

#include "transom/sync/membership.hpp"

namespace transom::sync {

/// What the word of a lock says.
struct lock_word {
  static constexpr std::uint64_t waiters = 1, dirty = 2, crowd = 4, flags = 255;

  static std::uint64_t held_by(const standing& who) noexcept {
    return std::uint64_t{who.participant} << 32 | std::uint64_t{who.thread & 0xffffff} << 8;
  }
  static bool is_held(std::uint64_t word) noexcept { return (word & ~flags) != 0; }
  static std::uint32_t participant_of(std::uint64_t word) noexcept { return static_cast<std::uint32_t>(word >> 32); }
  static std::uint32_t thread_of(std::uint64_t word) noexcept {
    return static_cast<std::uint32_t>(word >> 8) & 0xffffff;
  }
  static std::uint32_t futex_half(std::uint64_t word) noexcept { return static_cast<std::uint32_t>(word); }
};

}  // namespace transom::sync
