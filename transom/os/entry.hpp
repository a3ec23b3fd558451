// transom/os/entry.hpp - entries of a directory: what is there, open it, remove it. Symbolic links are never followed
// at the last step: what is looked at, opened or removed is the entry itself.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "transom/base/error.hpp"
#include "transom/os/fd.hpp"

namespace transom::os {

/// What an entry is, and whose.
struct entry {
  enum class kind { file, directory, symbolic_link, fifo, socket, other };
  entry::kind what = kind::other;
  std::uint32_t owner = 0;   ///< uid
  unsigned mode = 0;         ///< permission bits, 07777
  std::uint64_t device = 0;  ///< with inode: the same object or another
  std::uint64_t inode = 0;
  std::uint64_t links = 0;  ///< names it has; 0: removed, and open somewhere
  std::uint64_t size = 0;   ///< bytes

  bool same_object(const entry& other) const noexcept { return device == other.device && inode == other.inode; }

  /// The entry `path` itself, even if it is a symbolic link. Fails with no_such_file_or_directory. lstat(2).
  static result<entry> look(const std::string& path);
  /// What the descriptor has open. fstat(2).
  static result<entry> look(int fd);
};

/// Opens an existing file, close-on-exec, for reading, or for reading and writing. A symbolic link is refused with
/// too_many_symbolic_link_levels (ELOOP), and opening never waits for the other end of a FIFO. open(2).
result<transom::fd> open_file(const std::string& path, bool writable = false);
/// Removes a name that is no directory. Fails with no_such_file_or_directory. unlink(2).
result<void> remove_file(const std::string& path);
/// Gives the file `from` the name `to` in one step: whoever looks finds the old file there or the new one. rename(2).
result<void> replace_file(const std::string& from, const std::string& to);
/// Fails with file_exists. mkdir(2).
result<void> make_directory(const std::string& path, unsigned mode = 0700);
/// Removes a directory that is empty; fails with directory_not_empty otherwise. rmdir(2).
result<void> remove_directory(const std::string& path);
/// At most `most` names of what the directory `path` holds, in no order. Fails with no_such_file_or_directory.
/// getdents64(2).
result<std::vector<std::string>> names_in(const std::string& path, std::size_t most);
/// The user id that permissions are checked against: geteuid(2).
std::uint32_t effective_user() noexcept;

}  // namespace transom::os
