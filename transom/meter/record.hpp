// transom/meter/record.hpp - the record beside every named channel object: who owns it, what type it carries, who
// takes part and what they count. A small file in /dev/shm/transom-<uid>/ that makes close and death visible on
// mechanisms that know neither.
//
// Layout: docs/formats/record.md (format 1); the code's side of that contract, its invariants R1 to R6 and its ordering
// E1 to E3 are in transom/meter/record_layout.hpp. A mechanism may have a body of its own in the same file.
//
// Death: an owner's death leaves the file. join() says owner_died, senders learn it from any_owner_alive(), the next
// own() replaces it by a new one and wakes the old one's sleepers. A sender's death leaves its row LIVE
// until one next_casualty() takes it. A death while leaving is a death, or a completed leave; a death between
// owners_closed and unlink leaves a closed record, which join() calls closed and own() replaces. With `adopt`, own()
// replaces nothing that a dead owner left: it continues there, with the rows and the body as they are.
//
// fork: the child has neither mapping nor lock. Only forked(), leave() (which does nothing there), the destructor and
// move are allowed in it; calls that return a result say errc::forked.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "transom/base/error.hpp"
#include "transom/meter/counters.hpp"
#include "transom/meter/record_shape.hpp"
#include "transom/meter/record_terms.hpp"
#include "transom/shm/directory.hpp"
#include "transom/shm/participants.hpp"
#include "transom/sync/atomic.hpp"
#include "transom/sync/doorbell.hpp"

namespace transom::meter {

using shm::casualty;
using shm::name_guard;
using shm::row_state;

/// One handle's membership in the record of one named object. Moves, does not copy; the destructor leaves in good
/// order. Thread safety: everything but leave() may be called from any thread, and mine() has one writer.
class record {
 public:
  struct ownership;

  /// Receiver side: becomes owner of the record of `identity` (see url::identity()). None there, a closed one, or a
  /// leftover whose owners are all dead: makes a complete new one of that shape. A leftover of dead owners with
  /// `adopt`, and a kept one in any case: continues with that one (the terms must agree, the shape may be another). A
  /// living owner: joins it if `many_owners`, else fails with std::errc::address_in_use, naming that owner. The name
  /// stays locked until ownership::guard goes, so that the caller can create the kernel object without a rival. Also
  /// fails with type_mismatch (where it would not be alone, or first), protocol_error for a file that is no record or
  /// of another version, timed_out when somebody holds the name's lock too long, no_space_on_device, no_buffer_space
  /// for one participant too many, and whatever shm::directory::open says.
  static result<ownership> own(std::string_view identity, const record_terms& terms, bool many_owners,
                               const record_shape& shape = {}, bool adopt = false);
  /// Sender side; `directory` as in record_shape. Fails with no_peer (there is no record), closed (its owners left,
  /// it is about to vanish), owner_died (a leftover), type_mismatch (detail() has both descriptions), no_buffer_space,
  /// protocol_error.
  static result<record> join(std::string_view identity, const record_terms& terms, const std::string& directory = {});

  record(record&& other) noexcept;
  record& operator=(record&& other) noexcept;
  ~record();

  /// Ends this membership in good order; the rest of the handle stays readable until it is destroyed. The last owner
  /// marks the record closed, wakes both bells and unlinks the file. Remove the kernel object before: an object
  /// without a record looks like a stranger's. With many owners it takes the lock of the name, waiting a bounded time.
  void leave() noexcept;
  /// The same by an owner that holds the lock of the name already, having asked last_owner() under it.
  void leave(const name_guard& held) noexcept;
  /// Owner: the same, but a last one leaves the record in place for whoever owns the name next: senders may join
  /// meanwhile, nothing is closed.
  void leave_keeping() noexcept;
  /// Sender: leaves in good order, and its row stays PARTED until somebody's free_row(). Touch nothing of the row or
  /// of what stands under it afterwards; destroying the handle lets the row's lock go.
  void part() noexcept;
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
  /// The same question with all its answers; certain even while owners come and go.
  result<owner_standing> owners() const;
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
  /// The index of this membership's row, and the table of all.
  unsigned row() const noexcept;
  shm::participants rows() const noexcept;
  counters& mine() noexcept { return *mine_; }
  /// What the mechanism has in this file, at a multiple of 4096 in memory; empty: nothing.
  std::span<std::byte> body() const noexcept { return body_; }
  /// Makes a range of the body truly there, before anybody touches it. Any thread. Fails with no_space_on_device:
  /// what is needed, what is free, in which file system; forked.
  result<void> allocate_body(std::size_t offset, std::size_t length) const;
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
  static result<std::unique_ptr<state>> settle_as_owner(std::unique_ptr<state>, int other_pid);
  static result<std::unique_ptr<state>> begin(std::unique_ptr<state>, bool replacing);
  enum class manner { closing, keeping };
  void leave(bool name_is_held, manner how) noexcept;
  void go() noexcept;

  std::unique_ptr<state> state_;
  // Into the mapping, so that the calls made per message are one load away. They stay valid until the destructor.
  const sync::atomic<std::uint32_t>* owners_closed_ = nullptr;
  const sync::atomic<std::uint32_t>* ever_joined_ = nullptr;
  sync::doorbell* receivers_bell_ = nullptr;
  sync::doorbell* senders_bell_ = nullptr;
  counters* mine_ = nullptr;
  std::span<std::byte> body_;
  std::uint32_t id_ = 0;
};

}  // namespace transom::meter

#include "transom/meter/record_ownership.hpp"
