// transom/os/entry.cpp - see entry.hpp.
#include "transom/os/entry.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdio>
#include <string_view>

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

result<void> remove_directory(const std::string& path) {
  return done("rmdir", [&] { return place(path); }, [&] { return ::rmdir(path.c_str()); });
}

result<std::vector<std::string>> names_in(const std::string& path, std::size_t most) {
  const auto where = [&] { return place(path); };
  auto opened = checked("open", where, [&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
  if (!opened) return opened.error();
  const transom::fd all(*opened);
  std::vector<std::string> names;
  alignas(dirent64) std::array<std::byte, 4096> some;
  while (names.size() < most) {
    auto got = checked("getdents64", where, [&] { return ::getdents64(all.get(), some.data(), some.size()); });
    if (!got) return got.error();
    if (*got == 0) break;
    for (std::size_t at = 0; at < static_cast<std::size_t>(*got) && names.size() < most;) {
      const auto* one = reinterpret_cast<const dirent64*>(some.data() + at);
      const std::string_view name = one->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
      at += one->d_reclen;
    }
  }
  return names;
}

std::uint32_t effective_user() noexcept { return ::geteuid(); }

}  // namespace transom::os
