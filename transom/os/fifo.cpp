// transom/os/fifo.cpp - see fifo.hpp.
#include "transom/os/fifo.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <optional>

#include "transom/os/pacing.hpp"
#include "transom/os/syscall.hpp"

namespace transom::os {

namespace {

const char* kind_of(mode_t mode) noexcept {
  if (S_ISREG(mode)) return "it is a regular file";
  if (S_ISDIR(mode)) return "it is a directory";
  if (S_ISSOCK(mode)) return "it is a socket";
  if (S_ISLNK(mode)) return "it is a symbolic link, which is not followed";
  if (S_ISFIFO(mode)) return "it is a FIFO";
  return "it is a device";
}

std::string descriptor_path(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

// The inode at `path`, pinned but not opened: looking at a device or a stranger's file this way has no effect on it.
// Fails with EINVAL unless it is a FIFO.
result<transom::fd> pin(const std::string& path, const char* operation, const place& where) {
  const auto at = [&] { return where; };
  auto opened = checked(operation, at, [&] { return ::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC); });
  if (!opened) return opened.error();
  transom::fd inode(*opened);
  struct stat found{};
  if (auto seen = done(operation, at, [&] { return ::fstat(inode.get(), &found); }); !seen) return seen.error();
  if (S_ISFIFO(found.st_mode)) return inode;
  return error::system(EINVAL, operation, where).with_detail("not a FIFO: " + std::string(kind_of(found.st_mode)));
}

// Opens what is pinned, or, where there is no /proc, the path again: O_NOFOLLOW and O_NONBLOCK keep that harmless, and
// the kind is checked once more.
result<transom::fd> open_pinned(const transom::fd& inode, const std::string& path, int flags, const place& where) {
  const auto at = [&] { return where; };
  flags |= O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
  auto opened = checked("open", at, [&] { return ::open(descriptor_path(inode.get()).c_str(), flags); });
  if (opened.failed_with(std::errc::no_such_file_or_directory)) {
    opened = checked("open", at, [&] { return ::open(path.c_str(), flags | O_NOFOLLOW); });
  }
  if (!opened) return opened.error();
  transom::fd end(*opened);
  struct stat found{};
  if (auto seen = done("fstat", at, [&] { return ::fstat(end.get(), &found); }); !seen) return seen.error();
  if (S_ISFIFO(found.st_mode)) return end;
  return error::system(EINVAL, "open", where).with_detail("not a FIFO: " + std::string(kind_of(found.st_mode)));
}

// One attempt; would_block while it makes sense to look again.
result<transom::fd> try_open(const std::string& path, int flags, bool may_wait, const place& where) {
  auto inode = pin(path, "open", where);
  auto end = inode ? open_pinned(*inode, path, flags, where) : result<transom::fd>(inode.error());
  if (end.failed_with(std::errc::no_such_device_or_address)) {
    return error(errc::would_block, "open", place(path, "nobody reads the FIFO"));
  }
  if (may_wait && end.failed_with(std::errc::no_such_file_or_directory)) {
    return error(errc::would_block, "open", place(path, "there is no such FIFO"));
  }
  return end;
}

result<transom::fd> open_patiently(const std::string& path, int flags, const patience& how, const place& where) {
  return paced(how, "open", where, [&] { return try_open(path, flags, !how.nonblocking, where); });
}

}  // namespace

result<bool> fifo::create(const std::string& path, unsigned mode) {
  const place where(path);
  auto made = done("mkfifo", [&] { return where; }, [&] { return ::mkfifo(path.c_str(), mode); });
  if (made.failed_with(std::errc::file_exists)) {
    auto there = pin(path, "mkfifo", where);
    if (there) return false;
    if (!there.failed_with(std::errc::invalid_argument)) return there.error();
    return made.error().with_detail(there.error().detail());
  }
  if (!made) return made.error();
  auto inode = pin(path, "mkfifo", where);
  if (!inode) return inode.error();
  struct stat found{};
  auto seen = done("fstat", [&] { return where; }, [&] { return ::fstat(inode->get(), &found); });
  if (!seen) return seen.error();
  if ((found.st_mode & 07777) == mode) return true;
  // What the umask took is given back, on the inode and not on the path, which somebody may have changed.
  auto exact =
      done("chmod", [&] { return where; }, [&] { return ::chmod(descriptor_path(inode->get()).c_str(), mode); });
  if (!exact) return exact.error();
  return true;
}

result<void> fifo::remove(const std::string& path) {
  const place where(path);
  if (auto inode = pin(path, "unlink", where); !inode) return inode.error();
  return done("unlink", [&] { return where; }, [&] { return ::unlink(path.c_str()); });
}

result<pipe_reader> fifo::open_reader(const std::string& path, const patience& how) {
  const place where(path);
  auto end = open_patiently(path, O_RDONLY, how, where);
  if (!end) return end.error();
  return pipe_reader(std::move(*end), where);
}

result<pipe_writer> fifo::open_writer(const std::string& path, const patience& how) {
  const place where(path);
  auto end = open_patiently(path, O_WRONLY, how, where);
  if (!end) return end.error();
  return pipe_writer(std::move(*end), where);
}

// poll(2) sees bytes, and writers that have left; a writer that is there and silent shows only in how an attempt to
// take bytes fails: EAGAIN rather than end of file. tee(2) attempts that without taking any.
result<void> fifo::await_writer(const pipe_reader& reader, const patience& how) {
  std::optional<pipe> scratch;
  return paced(how, "open", reader.where(), [&]() -> result<void> {
    poll_item item{reader.fd(), interest::readable, 0};
    if (auto ready = poll({&item, 1}, deadline::passed()); !ready) return ready.error();
    if (item.got != 0) return {};
    if (!scratch) {
      auto made = pipe::make();
      if (!made) return made.error();
      scratch.emplace(std::move(*made));
    }
    auto seen = attempted(
        "tee", [&] { return reader.where(); },
        [&] { return ::tee(reader.fd(), scratch->writer.fd(), 1, SPLICE_F_NONBLOCK); });
    if (seen && *seen == 0)
      return error(errc::would_block, "open", place(reader.where().url(), "nobody writes to the FIFO"));
    if (!seen && !(seen.error() == errc::would_block)) return seen.error();
    return {};
  });
}

result<pipe_reader> fifo::reopen_reader(const pipe_reader& reader) {
  const std::string path = descriptor_path(reader.fd());
  auto opened = checked(
      "open", [&] { return reader.where(); }, [&] { return ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC); });
  if (!opened) return opened.error();
  return pipe_reader(transom::fd(*opened), reader.where());
}

}  // namespace transom::os
