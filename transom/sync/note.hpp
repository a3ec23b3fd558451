// transom/sync/note.hpp - what a thread tells others about itself, in shared memory: what it waits for and what it
// holds, so that others can name it and, after its death, give it back (settle.hpp).
//
// Layout (docs/formats/locks.md), 32 bytes, some of them for each participant (membership.hpp):
//     0   about   u64  participant in the upper half, note_kind in the lower; 0: free
//     8   object  u64  where in the range the lock or semaphore lies, in bytes
//     16  thread  u32  its thread's number
//     20  own     u32, 24 more u64: as the kind likes
//
// Invariants
//   M1  A note that is not free names its incarnation. Whoever settles the notes of the dead changes none but those
//       that name them, each by one compare-and-swap of `about`; so many may do it, late ones do nothing.
//   M2  Which of its notes a process uses is its private knowledge, and dies with it.
//   M3  No participant uses notes in which something of a predecessor in its row still stands: whoever joins settles
//       the notes of the dead first.
//
// Ordering
//   E1  note   what a note says  ->  whoever reads `about`
#pragma once
#include <cstddef>
#include <cstdint>

#include "transom/sync/atomic.hpp"

namespace transom::sync {

/// What a note is about. Numbers are part of the format (docs/formats/locks.md).
enum class note_kind : std::uint32_t {
  none = 0,
  waits_for_mutex = 1,   ///< object: the mutex
  waits_to_write = 2,    ///< object: the rwlock
  waits_to_read = 3,     ///< object: the rwlock
  reads = 4,             ///< object: the rwlock, held for reading
  waits_for_permit = 5,  ///< object: the semaphore
  holds_permit = 6,      ///< object: the semaphore
  arrived = 7,           ///< object: the barrier
};

/// A note in shared memory; see above.
struct note {
  atomic<std::uint64_t> about;
  atomic<std::uint64_t> object;
  atomic<std::uint32_t> thread, own;
  atomic<std::uint64_t> more;

  /// What `about` is; the rest is read after it.
  std::uint64_t says() const noexcept { return about.load(acquire); }  // E1
  /// Says it, or with 0 nothing any more.
  void say(std::uint64_t what) noexcept { about.store(what, release); }  // E1

  static constexpr std::uint64_t pack(std::uint32_t participant, note_kind kind) noexcept {
    return std::uint64_t{participant} << 32 | static_cast<std::uint32_t>(kind);
  }
  static constexpr std::uint32_t participant_of(std::uint64_t about) noexcept {
    return static_cast<std::uint32_t>(about >> 32);
  }
  static constexpr note_kind kind_of(std::uint64_t about) noexcept {
    return static_cast<note_kind>(about & 0xffffffff);
  }
};
static_assert(sizeof(note) == 32);

/// As many notes as one participant has.
inline constexpr unsigned notes_each = 128;

}  // namespace transom::sync
