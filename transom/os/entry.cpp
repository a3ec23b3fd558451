// transom/os/entry.cpp - see entry.hpp.
#include "transom/os/entry.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

#include "transom/os/syscall.hpp"

namespace transom::os {
namespace {

entry described(const struct stat& from) noexcept {
  auto kind = entry::kind::other;
  if (S_ISREG(from.st_mode)) kind = entry::kind::file;
  if (S_ISDIR(from.st_mode)) kind = entry::kind::directory;
  if (S_ISLNK(from.st_mode)) kind = entry::kind::symbolic_link;
  if (S_ISFIFO(from.st_mode)) kind = entry::kind::fifo;
  if (S_ISSOCK(from.st_mode)) kind = entry::kind::socket;
  return {.what = kind,
          .owner = from.st_uid,
          .mode = from.st_mode & 07777,
          .device = from.st_dev,
          .inode = from.st_ino,
          .links = from.st_nlink,
          .size = static_cast<std::uint64_t>(from.st_size)};
}

}  // namespace

result<entry> entry::look(const std::string& path) {
  struct stat found;
  auto ok = done("lstat", [&] { return place(path); }, [&] { return ::lstat(path.c_str(), &found); });
  if (!ok) return ok.error();
  return described(found);
}

result<entry> entry::look(int fd) {
  struct stat found;
  auto ok = done("fstat", [&] { return fd_place(fd); }, [&] { return ::fstat(fd, &found); });
  if (!ok) return ok.error();
  return described(found);
}

result<transom::fd> open_file(const std::string& path, bool writable) {
  const int flags = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | (writable ? O_RDWR : O_RDONLY);
  auto opened = checked("open", [&] { return place(path); }, [&] { return ::open(path.c_str(), flags); });
  if (!opened) return opened.error();
  return transom::fd(*opened);
}

result<void> remove_file(const std::string& path) {
  return done("unlink", [&] { return place(path); }, [&] { return ::unlink(path.c_str()); });
}

result<void> replace_file(const std::string& from, const std::string& to) {
  return done("rename", [&] { return place(from); }, [&] { return ::rename(from.c_str(), to.c_str()); });
}

result<void> make_directory(const std::string& path, unsigned mode) {
  return done("mkdir", [&] { return place(path); }, [&] { return ::mkdir(path.c_str(), mode); });
}

std::uint32_t effective_user() noexcept { return ::geteuid(); }

}  // namespace transom::os
