// transom/meter/record.hpp - the record beside every named channel object: who owns it, what type it carries, who
// takes part and what they count. A small file in /dev/shm/transom-<uid>/ that makes close and death visible on
// mechanisms that know neither.
//
// Layout: docs/formats/record.md (format 1); the code's side of that contract is transom/meter/record_layout.hpp.
//
// Invariants
//   R1  A record that has a name is complete: made nameless, written whole, its creator's row locked and LIVE, and only
//       then linked. A creator that dies before leaves nothing.
//   R2  A name changes hands only under the lock of the name, from one complete record to the next in one step: from
//   the
//       first own() to the last leave() there is a record. A record whose only owner leaves is unlinked by that owner
//       while its row is still LIVE, so that nobody else may touch the name.
//   R3  Who takes part is decided by row locks, which the kernel releases at death (transom/shm/participants.hpp).
//       A LIVE row whose lock is free is somebody who died.
//   R4  owners_closed goes from 0 to 1 once, by the last living owner, before its row says LEFT (with many owners:
//       under the lock of the name, so that none can come meanwhile).
//   R5  ever_joined goes from 0 to 1 once, right after the first sender became LIVE, or when its death is reported.
//
// Death: an owner's death leaves the file. join() says owner_died, senders learn it from any_owner_alive(), the next
// own() replaces it by a new one and wakes the old one's sleepers. A sender's death leaves its row LIVE
// until one next_casualty() takes it. A death while leaving is a death, or a completed leave; a death between
// owners_closed and unlink leaves a closed record, which join() calls closed and own() replaces.
//
// Ordering
//   E1  close   all that an owner did before owners_closed  ->  a sender that sees it
//   E2  join    rows_used and the row of the first sender   ->  a receiver that sees ever_joined
//
// fork: the child has neither mapping nor lock. Only forked(), leave() (which does nothing there), the destructor and
// move are allowed in it; calls that return a result say errc::forked.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "transom/base/error.hpp"
#include "transom/meter/counters.hpp"
#include "transom/meter/record_terms.hpp"
#include "transom/shm/directory.hpp"
#include "transom/shm/participants.hpp"
#include "transom/sync/atomic.hpp"
#include "transom/sync/doorbell.hpp"

namespace transom::meter {

using shm::casualty;
using shm::name_guard;
using shm::row_state;

/// The largest number of handles, owners and senders together, that one record has room for.
inline constexpr unsigned record_participants = 256;

/// One handle's membership in the record of one named object. Moves, does not copy; the destructor leaves in good
/// order. Thread safety: everything but leave() may be called from any thread, and mine() has one writer.
class record {
 public:
  struct ownership;

  /// Receiver side: becomes owner of the record of `identity` (see url::identity()). None there, a closed one, or a
  /// leftover whose owners are all dead: makes a complete new one. A living owner: joins it if `many_owners`, else
  /// fails with std::errc::address_in_use, naming that owner. The name stays locked until ownership::guard goes, so
  /// that the caller can create the kernel object without a rival. Also fails with type_mismatch (many_owners only),
  /// protocol_error for a file that is no record or of another version, timed_out when somebody holds the name's lock
  /// too long, no_space_on_device, no_buffer_space for participant 257, and whatever shm::directory::open says.
  static result<ownership> own(std::string_view identity, const record_terms& terms, bool many_owners);
  /// Sender side. Fails with no_peer (there is no record), closed (its owners left, it is about to vanish),
  /// owner_died (a leftover), type_mismatch (detail() has both descriptions), no_buffer_space, protocol_error.
  static result<record> join(std::string_view identity, const record_terms& terms);

  record(record&& other) noexcept;
  record& operator=(record&& other) noexcept;
  ~record();

  /// Ends this membership in good order; the rest of the handle stays readable until it is destroyed. The last owner
  /// marks the record closed, wakes both bells and unlinks the file. Remove the kernel object before: an object
  /// without a record looks like a stranger's. With many owners it takes the lock of the name, waiting a bounded time.
  void leave() noexcept;
  /// The same by an owner that holds the lock of the name already, having asked last_owner() under it.
  void leave(const name_guard& held) noexcept;
  /// The lock of this record's name, for a decision that needs it. Fails with timed_out.
  result<name_guard> lock_name() const;
  /// Whether no other owner lives: asks the row locks. Certain with a sole owner, or under lock_name().
  bool last_owner() const;
  /// Owner: written into the record before the kernel object is made ("made"; "found" instead when it turns out to
  /// exist and to be a stranger's), so that whoever replaces a leftover knows whether the object may be removed.
  void say_origin(object_origin origin) noexcept;
  object_origin origin() const noexcept;

  /// Every owner has left in good order. One load.
  bool owners_closed() const noexcept { return owners_closed_->load(sync::acquire) != 0; }  // E1
  /// Whether at least one owner lives: asks the row locks, 0.2 us each. A stopped owner lives.
  result<bool> any_owner_alive() const;
  /// Some owner, for messages: a living one if the rows say so. 0: none was ever there.
  int owner_pid() const noexcept;
  /// At least one sender has become live at some time.
  bool ever_joined() const noexcept { return ever_joined_->load(sync::acquire) != 0; }  // E2
  /// Sender rows that say joining or live; no system call. 0 and ever_joined() and no casualty: all have left, and
  /// what they sent before is visible: look into the channel once more, then it is over.
  unsigned live_senders() const noexcept;
  /// A sender that died without leaving: each is reported by exactly one caller, once, and its row is used again.
  std::optional<casualty> next_casualty();
  /// Another owner's row says live; no system call.
  bool other_receivers() const noexcept;

  /// Names this membership among all of this record's life: row and incarnation. Never 0.
  std::uint32_t id() const noexcept { return id_; }
  counters& mine() noexcept { return *mine_; }
  /// What the creator declared.
  const record_terms& terms() const noexcept;
  /// Rung by senders after a send, and when one leaves.
  sync::doorbell& receivers_bell() noexcept { return *receivers_bell_; }
  /// Rung by receivers after a receive, and when one leaves.
  sync::doorbell& senders_bell() noexcept { return *senders_bell_; }
  /// True in a child of the process that made this handle.
  bool forked() const noexcept;
  /// The file, for tools and messages.
  std::string file() const;

 private:
  struct state;
  explicit record(std::unique_ptr<state> from) noexcept;
  static result<std::unique_ptr<state>> join_owners(std::unique_ptr<state>, bool many_owners);
  static result<std::unique_ptr<state>> begin(std::unique_ptr<state>, bool many_owners, object_origin before,
                                              bool replacing);
  void leave(bool name_is_held) noexcept;

  std::unique_ptr<state> state_;
  // Into the mapping, so that the calls made per message are one load away. They stay valid until the destructor.
  const sync::atomic<std::uint32_t>* owners_closed_ = nullptr;
  const sync::atomic<std::uint32_t>* ever_joined_ = nullptr;
  sync::doorbell* receivers_bell_ = nullptr;
  sync::doorbell* senders_bell_ = nullptr;
  counters* mine_ = nullptr;
  std::uint32_t id_ = 0;
};

/// What own() achieved.
struct record::ownership {
  record self;
  bool replaced_leftover = false;  ///< there was a record of a dead or closed owner
  /// What the leftover's owner said of the object at this name: made: it was ours, and may be removed.
  object_origin origin_before = object_origin::unsaid;
  bool joined_others = false;  ///< there are other living owners, and the object exists
  name_guard guard;            ///< the name stays ours to arrange until this goes
};

}  // namespace transom::meter
