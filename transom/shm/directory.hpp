// transom/shm/directory.hpp - the one directory of a user in which named shared objects stand, and the lock of a name.
//
// /dev/shm/transom-<uid>/, mode 0700; the variable TRANSOM_DIR, an absolute path, moves it.
//
// Trust: nobody but this user (and root) can make, replace or open anything in the directory, which is verified each
// time it is opened: a directory and not a symbolic link, owned by us, closed to everybody else. Anything else is
// refused, because whoever can write there could hand us memory of his.
//
// Names: one lock byte per name, in the file `lock` of the directory (its offset is the hash of the name; two names
// that share a byte only wait for each other). The lock is held by a mapping, which a child of fork() does not get, so
// that only the death or the will of the holder ends it. The protocols hold without it where they must: it makes
// birth, replacement and removal of one name happen one after the other.
#pragma once
#include <cstdint>
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

/// Holds the lock of one name until it is destroyed; a child of fork() does not hold it.
class name_guard {
 public:
  name_guard() noexcept = default;
  explicit name_guard(private_hold hold) noexcept : hold_(std::move(hold)) {}
  explicit operator bool() const noexcept { return static_cast<bool>(hold_); }
  void release() noexcept { hold_.reset(); }

 private:
  private_hold hold_;
};

/// The verified directory. A value: the path, and the knowledge that it was safe when it was opened.
class directory {
 public:
  /// The user's directory, made if it is missing. Fails with operation_not_permitted when it is unsafe: the detail says
  /// what is wrong with it and what to do; invalid_argument when TRANSOM_DIR is not an absolute path.
  static result<directory> open();
  /// The same for the directory `path`.
  static result<directory> open(std::string path);
  /// Where open() will look.
  static std::string usual_path();

  const std::string& path() const noexcept { return path_; }
  std::string path_of(std::string_view file) const;
  /// Takes the lock of `name`, waiting at most `limit`: whoever holds it does so for a few system calls, unless it is
  /// stopped. Fails with timed_out.
  result<name_guard> lock_name(std::string_view name, deadline limit) const;

 private:
  explicit directory(std::string path) noexcept : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace transom::shm
