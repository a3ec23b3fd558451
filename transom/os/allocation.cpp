// transom/os/allocation.cpp - see allocation.hpp.
#include "transom/os/allocation.hpp"

#include <unistd.h>

#include "transom/os/reserve.hpp"
#include "transom/os/syscall.hpp"

namespace transom::os {

result<void> set_size(int fd, std::uint64_t size, const place& where) {
  if (auto fits = check_file_limit(size, "ftruncate", where); !fits) return fits;
  return done("ftruncate", [&] { return where; }, [&] { return ::ftruncate(fd, static_cast<off_t>(size)); });
}

result<void> allocate(int fd, std::uint64_t offset, std::uint64_t length, const place& where) {
  return reserve_range(fd, offset, length, "posix_fallocate", where);
}

}  // namespace transom::os
