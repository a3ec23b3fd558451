// transom/transport/shared_object.hpp - one object in shared memory, known by its URL: constructed once, before anybody
// can see it, and gone with the last process that uses it. What transom::shared<T> is without the T.
//
//     shm:                      the object lies in the record's file
//     posix-shm:, sysv-shm:     it lies in the segment of that name, and the record beside it
//
// The record (transom/meter/record.hpp) has a row for each handle, and in its body (docs/formats/locks.md):
//     0     header: version, size and place of the object, one count of notes for each row
//     4096  the object, if it lies here
//     then  the notes of each row, 4096 bytes each (transom/sync/membership.hpp)
//
// Invariants
//   O1  Everything that decides which object a name means happens under the lock of the name: making, joining,
//       replacing what dead ones left, removing. The object is filled before it has a name, or, System V, before the
//       lock is released.
//   O2  Who opens it settles the notes of all who are gone before it writes a note of its own, under the same lock
//       under which rows of the dead become free.
//
// Death: of the maker, at any instruction: nothing, or a leftover of which every participant is dead; the next one to
// open the name replaces that by a new one. Of any other: its row is used again, and what its notes say is given back.
// The last one to leave removes the object; if it is killed instead, the next opener does.
//
// Trust: whoever can open it may write all of it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "transom/base/error.hpp"
#include "transom/base/url.hpp"

namespace transom::transport {

/// What all who share an object must agree on.
struct shared_terms {
  std::uint64_t schema_hash = 0;
  std::string_view schema_text{};
  std::size_t size = 0;  ///< bytes; a multiple of the alignment, which is at most 4096
};

/// One process's handle. Moves, does not copy; the object stays where it is. Thread safety: get() and where(), any.
class shared_object {
 public:
  /// Opens `where`; `construct` makes the object in zeros if this is the first process. What it throws is thrown, and
  /// nothing stays behind. Fails with type_mismatch (both descriptions in the detail), address_in_use (a channel has
  /// the name), unsupported (no shared memory, or keep=true), bad_url, no_space_on_device, no_buffer_space when all
  /// places are taken, timed_out when somebody holds the name's lock too long, and errors of the system.
  static result<shared_object> open(const url& where, const shared_terms& agreed,
                                    const std::function<void(void*)>& construct);
  shared_object(shared_object&& other) noexcept;
  shared_object& operator=(shared_object&& other) noexcept;
  /// Leaves; the last one removes the object. In a child of fork() it touches nothing.
  ~shared_object();

  void* get() const noexcept { return object_; }
  const url& where() const noexcept;
  /// Whether this handle constructed it.
  bool made_it() const noexcept;

 private:
  struct state;
  explicit shared_object(std::unique_ptr<state> from) noexcept;
  std::unique_ptr<state> state_;
  void* object_ = nullptr;
};

}  // namespace transom::transport
