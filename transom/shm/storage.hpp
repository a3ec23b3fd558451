// transom/shm/storage.hpp - the memory behind a channel whose body does not stand in a file of our directory: a POSIX
// segment, a System V segment, or sealed memory without a name.
//
//              born                           until the maker has filled it     goes
//   POSIX      nameless, filled, then named   nobody sees it                    remove(), and the last mapping
//   System V   named at once, zeros           others see zeros                  remove(), and the last mapping
//   memfd      nameless for ever              nobody sees it                    the last descriptor and mapping
//
// Trust: the record beside the object says that this user keeps one here, not that this is it: anybody can make
// an object of a name that is free. So open() and adopt() take nothing that belongs to another user, that is no
// segment, that is smaller than it must be, or, without a name, that anybody could still shrink. What the bytes say is
// for the caller to check: a peer of this user may have written them.
//
// Death: a maker killed on the way leaves nothing (POSIX, memfd), or a System V segment of zeros, which is removed by
// whoever comes next and knows that nobody else can have made it. Afterwards the object outlives everyone.
//
// fork: a child has the descriptor but not the memory; calls say errc::forked, and destruction is harmless.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "transom/base/error.hpp"
#include "transom/os/fd.hpp"
#include "transom/os/mapping.hpp"
#include "transom/os/memfd.hpp"
#include "transom/os/sysv_shm.hpp"
#include "transom/shm/directory.hpp"

namespace transom::shm {

/// Where a named storage stands.
struct storage_name {
  enum class kind : std::uint8_t { posix, system_v };
  storage_name::kind what = kind::posix;
  std::string path{};  ///< posix: "/name"; system_v: the path of an existing file, which with `id` makes the key
  int id = 0;          ///< system_v: 1 to 255

  static storage_name posix(std::string name) { return {kind::posix, std::move(name), 0}; }
  static storage_name system_v(std::string path, int id) { return {kind::system_v, std::move(path), id}; }
};

/// What a new storage is like.
struct storage_shape {
  std::size_t size = 0;                              ///< bytes, zeros
  std::size_t allocated = 0;                         ///< so many of them, from the first, are truly there at birth
  unsigned mode = 0600;                              ///< permissions of a named one, whatever the umask
  std::function<void(std::span<std::byte>)> fill{};  ///< writes the first words; see the table above for who sees what
};

/// One mapping of one storage. Moves, does not copy; the destructor unmaps and removes nothing. Thread safety: all but
/// moving and destroying, from any thread.
class storage {
 public:
  /// Makes the object and maps it. Fails with file_exists (the detail says whose it is), no_space_on_device and the
  /// like with the limit that was met, invalid_argument for an impossible name.
  static result<storage> create(const storage_name& name, const storage_shape& shape);
  /// Maps an object that has at least `least` bytes. Fails with no_such_file_or_directory, operation_not_permitted
  /// when it is another user's or a symbolic link, protocol_error when it is no segment or too small.
  static result<storage> open(const storage_name& name, std::size_t least);
  /// Removes the object of that name, whatever it holds. False: there is none. Fails with operation_not_permitted when
  /// it is another user's or no segment.
  static result<bool> remove(const storage_name& name);

  /// Memory without a name: of its size for ever, and nobody can change that. `label` shows in /proc.
  static result<storage> make_memfd(const std::string& label, const storage_shape& shape);
  /// The same, made by a peer who passed the descriptor. Fails with protocol_error when it is no memfd, not sealed
  /// against shrinking, growing and seals, or smaller than `least` bytes; nothing is mapped before that is verified.
  static result<storage> adopt_memfd(transom::fd passed, os::access how, std::size_t least);

  std::span<std::byte> bytes() const noexcept { return hold_.bytes(); }
  /// Makes a range truly there, before anybody touches it. Fails with no_space_on_device (POSIX, memfd) or
  /// not_enough_memory (System V, whose size the kernel has accounted for at birth), and forked.
  result<void> allocate(std::size_t offset, std::size_t length) const;
  /// Removes the name if it still leads to this very object. A memfd has none.
  result<void> remove() const;
  /// A new descriptor of a memfd, to be passed to a peer; a read-only one lets him map it for reading only. Needs
  /// /proc then.
  result<transom::fd> descriptor(os::access how) const;
  bool forked() const noexcept { return hold_.forked(); }
  const place& where() const noexcept { return where_; }

 private:
  storage(private_hold hold, place where) noexcept : hold_(std::move(hold)), where_(std::move(where)) {}
  static result<storage> create_posix(const std::string& name, const storage_shape& shape);
  static result<storage> open_posix(const std::string& name, std::size_t least);
  static result<storage> create_system_v(const storage_name& name, const storage_shape& shape);
  static result<storage> open_system_v(const storage_name& name, std::size_t least);
  result<void> is_here() const;

  private_hold hold_;
  std::optional<os::memfd> memory_;      // one of these three says what it is
  std::optional<os::sysv_shm> segment_;  //
  transom::fd file_;                     // POSIX, with the path of the file that the name is
  std::string path_;
  place where_;
};

}  // namespace transom::shm
