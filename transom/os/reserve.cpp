// transom/os/reserve.cpp - see reserve.hpp.
#include "transom/os/reserve.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <cstdint>
#include <limits>
#include <string>

#include "transom/os/syscall.hpp"

namespace transom::os {

namespace {

std::string name_of_file_system(std::uint64_t magic) {
  switch (magic) {
    case TMPFS_MAGIC: return "tmpfs";
    case EXT4_SUPER_MAGIC: return "ext4";
    case BTRFS_SUPER_MAGIC: return "btrfs";
    case HUGETLBFS_MAGIC: return "hugetlbfs";
    case OVERLAYFS_SUPER_MAGIC: return "overlayfs";
    case NFS_SUPER_MAGIC: return "nfs";
    case 0x58465342: return "xfs";
    default: return "the file system";
  }
}

// "1048576 bytes needed, 4096 free on tmpfs". A memfd's tmpfs knows no bounds but the machine's memory.
std::string shortage(int fd, std::uint64_t needed) {
  std::string text = std::to_string(needed) + " bytes needed";
  struct statfs system{};
  struct stat file{};
  if (::fstatfs(fd, &system) != 0 || ::fstat(fd, &file) != 0) return text;
  const auto has = static_cast<std::uint64_t>(file.st_blocks) * 512;
  if (has != 0) text += " (" + std::to_string(has) + " of them there)";
  const auto magic = static_cast<std::uint64_t>(system.f_type);
  if (system.f_blocks == 0) return text + ", more than " + name_of_file_system(magic) + " can give";
  const auto unit = static_cast<std::uint64_t>(system.f_bsize);
  return text + ", " + std::to_string(system.f_bavail * unit) + " free on " + name_of_file_system(magic);
}

}  // namespace

result<void> check_file_limit(std::uint64_t size, const char* operation, const place& where) {
  if (size > static_cast<std::uint64_t>(std::numeric_limits<off_t>::max())) {
    return error::system(EFBIG, operation, where);
  }
  rlimit files{};
  if (::getrlimit(RLIMIT_FSIZE, &files) == 0 && files.rlim_cur != RLIM_INFINITY && size > files.rlim_cur) {
    return error::system(EFBIG, operation, where)
        .with_detail(std::to_string(size) + " bytes needed; RLIMIT_FSIZE (ulimit -f) is " +
                     std::to_string(files.rlim_cur) + " bytes");
  }
  return {};
}

result<void> reserve(int fd, std::uint64_t size, const char* operation, const place& where) {
  return reserve_range(fd, 0, size, operation, where);
}

result<void> reserve_range(int fd, std::uint64_t offset, std::uint64_t length, const char* operation,
                           const place& where) {
  if (length == 0) return {};
  const bool wraps = offset > std::numeric_limits<std::uint64_t>::max() - length;
  const std::uint64_t end = wraps ? std::numeric_limits<std::uint64_t>::max() : offset + length;
  if (auto fits = check_file_limit(end, operation, where); !fits) return fits;
  int number = 0;
  do number = ::posix_fallocate(fd, static_cast<off_t>(offset), static_cast<off_t>(length));
  while (number == EINTR);
  if (number == 0) return {};
  const error failed = error::system(number, operation, where);
  if (number != ENOSPC && number != ENOMEM) return failed;
  return error::system(ENOSPC, operation, where).with_detail(shortage(fd, length));
}

result<void> set_mode(int fd, unsigned mode, const char* operation, const place& where) {
  struct stat now{};
  auto seen = done(operation, [&] { return where; }, [&] { return ::fstat(fd, &now); });
  if (!seen) return seen;
  if ((now.st_mode & 07777) == mode) return {};
  return done(operation, [&] { return where; }, [&] { return ::fchmod(fd, mode); });
}

}  // namespace transom::os
