// transom/os/tmpfile.cpp - see tmpfile.hpp.
#include "transom/os/tmpfile.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "transom/os/allocation.hpp"
#include "transom/os/reserve.hpp"
#include "transom/os/syscall.hpp"

namespace transom::os {

result<transom::fd> make_unnamed(const std::string& directory, unsigned mode, std::size_t size,
                                 std::optional<std::size_t> allocated) {
  const place where(directory);
  auto made = checked(
      "open(O_TMPFILE)", [&] { return where; },
      [&] { return ::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, mode); });
  if (!made) return made.error();
  transom::fd file(*made);
  if (auto exact = set_mode(file.get(), mode, "fchmod", where); !exact) return exact.error();
  auto complete = reserve(file.get(), allocated.value_or(size), "posix_fallocate", where);
  if (complete && allocated && *allocated < size) complete = set_size(file.get(), size, where);
  if (!complete) return complete.error();
  return file;
}

result<void> give_name(int fd, const std::string& path) {
  const std::string source = "/proc/self/fd/" + std::to_string(fd);
  const auto where = [&] { return place(path); };
  auto linked = done("linkat", where,
                     [&] { return ::linkat(AT_FDCWD, source.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW); });
  // Without /proc the descriptor itself can be linked by those who may; ENOENT may also mean that the directory of
  // `path` is missing, and is then the answer again.
  if (linked.failed_with(std::errc::no_such_file_or_directory) && ::access("/proc/self/fd", F_OK) != 0) {
    return done("linkat", where, [&] { return ::linkat(fd, "", AT_FDCWD, path.c_str(), AT_EMPTY_PATH); });
  }
  return linked;
}

}  // namespace transom::os
