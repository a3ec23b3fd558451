// transom/shm/participants.hpp - the table of who takes part in a segment, and the proof of who died.
//
// Layout: row_count rows of 256 bytes (docs/formats/record.md). A participant is one handle of one process.
//
// The row lock. Byte `row` of the file is locked by the mapping of whoever stands in the row (segment.hpp, S2): the
// kernel frees it when that address space is gone, and at no other time. A stopped process holds it; a child of
// fork() never does. Nothing else is evidence of death: not a pid, not a time.
//
// Invariants
//   P1  A row is changed by whoever holds its lock. Only four steps are anybody's, each a compare-and-swap that
//       names the incarnation. After the lock of the row was seen free: LIVE -> DEAD, DEAD -> FREE, and JOINING or
//       LEFT -> FREE. With the lock held or free: PARTED -> FREE.
//   P2  The identity in a row that says LIVE(g) is that of incarnation g: it is written before LIVE and not again
//       before generation g + 1, which needs the row to be FREE, LEFT or JOINING without a holder first.
//   P3  Generations of a row only grow, by one for each claim: an incarnation never comes twice (until 2^24 lives).
//   P4  LIVE with a free lock, seen again as the same LIVE after the question, is a death. LIVE, then LEFT, then a
//       free lock is a departure: the word changes before the lock goes.
//   P5  PARTED is the last word of its incarnation: who said it writes nothing more into the row and lets the lock go
//       with its mapping. Neither PARTED nor DEAD is claimed: what stands in the object under the index of the row
//       (a lane) waits for whoever takes care of it, and for his free_row().
//
// Ordering
//   E1  arrive/leave   what a participant wrote before its word changed  ->  who reads the word; and the range of rows
//                      in use, raised before the first word beyond it changes  ->  who scans the rows
//
// Death, step by step: in claim(), before JOINING: nothing happened. JOINING: nobody knew it; the row is reusable.
// LIVE: a casualty, reported once by whoever wins LIVE -> DEAD; the reporter's death after that is a report made. DEAD:
// row waits for recycle() or free_row(). LEFT: it had left. PARTED: it had left, the row waits for free_row(). No step
// leaves a row that nobody can use again.
// A verdict may come late, because a claimer holds the lock of a row for a moment before it looks again; never early.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "transom/base/error.hpp"
#include "transom/os/process.hpp"
#include "transom/shm/segment.hpp"
#include "transom/sync/atomic.hpp"

namespace transom::shm {

/// "parted": left in good order, and what it leaves behind is not yet taken care of.
enum class row_state : std::uint32_t { free, joining, live, left, dead, parted };
/// What a participant is there for. An owner keeps the object; the others come and go.
enum class role : std::uint32_t { none, owner, sender };

/// Someone who died without leaving.
struct casualty {
  int pid = 0;
  std::uint32_t id = 0;
};

/// One row. The word is state in bits 0..7, role in 8..15, generation in 32..63.
struct participant_row {
  sync::atomic<std::uint64_t> word;
  sync::atomic<std::uint32_t> pid, uid;
  sync::atomic<std::uint64_t> start_time, pid_namespace, pidfs_inode, joined_ns;
  std::array<sync::atomic<std::uint64_t>, 2> comm;
  std::array<sync::atomic<std::uint64_t>, 8> reserved;
  std::array<sync::atomic<std::uint64_t>, 16> own_words;  ///< the participant's alone; 0 when it arrives
};
static_assert(offsetof(participant_row, pid) == 8 && offsetof(participant_row, start_time) == 16);
static_assert(offsetof(participant_row, joined_ns) == 40 && offsetof(participant_row, comm) == 48);
static_assert(offsetof(participant_row, own_words) == 128 && sizeof(participant_row) == 256);

/// What a row's word says.
struct row_word {
  row_state state = row_state::free;
  shm::role role = shm::role::none;
  std::uint32_t generation = 0;

  static row_word unpack(std::uint64_t word) noexcept {
    return {static_cast<row_state>(word & 255), static_cast<shm::role>((word >> 8) & 255),
            static_cast<std::uint32_t>(word >> 32)};
  }
  std::uint64_t pack() const noexcept {
    return std::uint64_t{generation} << 32 | std::uint64_t{static_cast<std::uint32_t>(role)} << 8 |
           static_cast<std::uint32_t>(state);
  }
  row_word as(row_state other) const noexcept { return {other, role, generation}; }
  bool present() const noexcept { return state == row_state::live || state == row_state::joining; }
};

/// What the row locks say about the participants of one role.
enum class fate {
  alive,  ///< at least one lives
  dead,   ///< none lives, and at least one died without leaving
  gone    ///< all have left, or none ever came
};

/// The rows of a segment: a view, without a state of its own. Thread safety: all calls, any thread.
class participants {
 public:
  explicit participants(const segment& of) noexcept : segment_(&of) {}

  unsigned size() const noexcept { return segment_->header().row_count; }
  participant_row& row(unsigned index) const noexcept;
  row_word word(unsigned index) const noexcept { return row_word::unpack(row(index).word.load(sync::acquire)); }  // E1
  std::string comm(unsigned index) const;

  /// Takes a free row: locks it, says JOINING, writes who we are. Before the segment is settled. Row 0 is for owners:
  /// a successor finds it, however many others are there. Fails with no_buffer_space when all rows are taken.
  result<unsigned> claim(role as) const;
  /// JOINING -> LIVE: from now on our death is somebody's business.
  void arrive(unsigned index) const noexcept;
  /// To LEFT; finish_leaving() makes the row free for others once we no longer use what it stands for.
  void leave(unsigned index) const noexcept;
  void finish_leaving(unsigned index) const noexcept;
  /// LIVE -> PARTED: leaves, and keeps the row until somebody's free_row(). All that we wrote before is visible to
  /// who sees it.
  void part(unsigned index) const noexcept;

  /// What happened to the participants of a role. `not_counting`: a row that is left out, ours. Fails as fcntl(2).
  result<fate> fate_of(role whom, std::optional<unsigned> not_counting = {}) const;
  /// Some living participant of the role, if the rows and locks know one.
  std::optional<unsigned> find_alive(role whom) const;
  /// How many rows of the role say joining or live. No system call.
  unsigned present(role whom, std::optional<unsigned> not_counting = {}) const noexcept;
  /// Finds one of the role that died and says DEAD in its row: each is found by one caller, once. On the way, frees
  /// the rows of those who died while joining or leaving. Not the rows of those who parted.
  std::optional<casualty> declare_one_dead(role whom) const;
  /// DEAD -> FREE for all of the role, after whatever they owned has been given back. Any caller, any time after.
  void recycle(role whom) const noexcept;
  /// The same question about one row, whatever its role: if it is LIVE and nobody holds its lock, LIVE -> DEAD. To
  /// one caller, once.
  std::optional<casualty> declare_dead(unsigned index) const;
  /// PARTED or DEAD -> FREE, if the row is still that of `generation`. True for one caller.
  bool free_row(unsigned index, std::uint32_t generation) const noexcept;
  /// Whether the incarnation of that id can never write again: it died, or it left. Asks at most one row lock.
  bool is_gone(std::uint32_t id) const noexcept;
  /// Never 0; the row and its incarnation.
  std::uint32_t id(unsigned index) const noexcept { return id_of(index, word(index).generation); }

 private:
  static std::uint32_t id_of(unsigned index, std::uint32_t generation) noexcept { return generation << 8 | index; }
  unsigned used() const noexcept;
  result<bool> take(unsigned index, role as) const;
  void introduce(participant_row& self) const noexcept;
  std::optional<casualty> bury(unsigned index, row_word seen) const;
  const segment* segment_;
};

}  // namespace transom::shm
