// transom/shm/directory.hpp - the one directory of a user in which named shared objects stand, and the lock of a name.
//
// /dev/shm/transom-<uid>/, mode 0700; the variable TRANSOM_DIR, an absolute path, moves it. It comes with the first
// object and goes with the last one.
//
// Trust: nobody but this user (and root) can make, replace or open anything in the directory, which is verified each
// time it is opened: a directory and not a symbolic link, owned by us, closed to everybody else. Anything else is
// refused, because whoever can write there could hand us memory of his.
//
// Names: one lock byte per name, in the file `lock` of the directory (its offset is the hash of the name; two names
// that share a byte only wait for each other). The lock is held by a mapping, which a child of fork() does not get, so
// that only the death or the will of the holder ends it. The protocols hold without it where they must: it makes
// birth, replacement and removal of one name happen one after the other.
//
// Invariants
//   D1  Who holds the lock of a name holds byte 2^62 as well, shared, and took it before seeing that the file still
//       had its name: while any name is locked, neither the file nor the directory goes.
//   D2  Who removes the file holds that byte exclusively, which needs that nobody holds a name, and has seen `lock`
//       there and nothing else. Who waited for a byte of the removed file finds it nameless and starts over.
//   D3  Objects are named under the lock of their name. Whoever enters the directory without, finds it or not: a
//       missing directory has no objects.
//
// Death: a kill between the removal of the last object and that of the directory leaves a directory with at most an
// empty file, until the next last one goes. A stop in between, while the byte is held, makes those who want a name wait
// as if that name were locked.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "transom/base/clock.hpp"
#include "transom/base/error.hpp"
#include "transom/os/mapping.hpp"

namespace transom::shm {

/// A stable 64-bit hash (FNV-1a, finished by a mixer): part of file names and formats, the same in every version.
std::uint64_t stable_hash(std::string_view text) noexcept;

/// The name of the file that belongs to `identity`: what can be read of it, then its hash, then `.suffix`.
std::string file_name(std::string_view identity, std::string_view suffix);

/// A mapping whose descriptor is closed, so that a byte lock lives and dies with this address space: a child of fork()
/// has neither. Moves, does not copy. In a forked child the destructor forgets instead of unmapping.
class private_hold {
 public:
  private_hold() noexcept = default;
  private_hold(os::mapping held, std::uint32_t epoch) noexcept : held_(std::move(held)), epoch_(epoch) {}
  private_hold(private_hold&&) noexcept = default;
  private_hold& operator=(private_hold&& other) noexcept;
  ~private_hold() { reset(); }

  /// Maps all of what `fd` has open: shared, not for children, not in core dumps.
  static result<private_hold> map(int fd, std::size_t length, const place& where,
                                  os::access how = os::access::read_write);
  /// The same for what is mapped already.
  static result<private_hold> keep(os::mapping mapped, const place& where);
  std::span<std::byte> bytes() const noexcept { return held_.bytes(); }
  explicit operator bool() const noexcept { return static_cast<bool>(held_); }
  /// True in a child of the process that made it: there is no memory behind bytes().
  bool forked() const noexcept;
  void reset() noexcept;

 private:
  os::mapping held_;
  std::uint32_t epoch_ = 0;
};

class name_guard;

/// The verified directory. A value: the path, and the knowledge that it was safe when it was opened.
class directory {
 public:
  /// The user's directory, made if it is missing. Fails with operation_not_permitted when it is unsafe: the detail says
  /// what is wrong with it and what to do; invalid_argument when TRANSOM_DIR is not an absolute path.
  static result<directory> open();
  /// The same for the directory `path`.
  static result<directory> open(std::string path);
  /// The same for one that is there. Fails with no_such_file_or_directory: there are no objects either.
  static result<directory> find(std::string path);
  /// Where open() will look.
  static std::string usual_path();

  const std::string& path() const noexcept { return path_; }
  std::string path_of(std::string_view file) const;
  /// Takes the lock of `name`, waiting at most `limit`: whoever holds it does so for a few system calls, unless it is
  /// stopped. A directory that went meanwhile is made again. Fails with timed_out, and as open().
  result<name_guard> lock_name(std::string_view name, deadline limit) const;
  /// Who has removed an object and holds no name: removes the file of the locks, if nothing else is there and nobody
  /// holds a name, and the directory, if it is called as this library calls it, transom-<uid>; another name was given
  /// by somebody who wants it. Whoever cannot leaves that to those who hold a name: a guard does the same when it goes.
  void tidy() const noexcept;

 private:
  explicit directory(std::string path) noexcept : path_(std::move(path)) {}
  result<name_guard> try_lock_name(std::string_view name, deadline limit) const;
  std::string path_;
};

/// Holds the lock of one name until it is destroyed, and then tidies up; a child of fork() does not hold it.
class name_guard {
 public:
  name_guard() noexcept = default;
  name_guard(private_hold hold, directory in) noexcept : hold_(std::move(hold)), in_(std::move(in)) {}
  name_guard(name_guard&&) noexcept = default;
  name_guard& operator=(name_guard&& other) noexcept;
  ~name_guard() { release(); }
  explicit operator bool() const noexcept { return static_cast<bool>(hold_); }
  void release() noexcept;

 private:
  private_hold hold_;
  std::optional<directory> in_;
};

}  // namespace transom::shm
