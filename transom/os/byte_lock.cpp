// transom/os/byte_lock.cpp - see byte_lock.hpp.
#include "transom/os/byte_lock.hpp"

#include <fcntl.h>

#include "transom/os/pacing.hpp"
#include "transom/os/syscall.hpp"

namespace transom::os {

namespace {

struct flock one_byte(std::uint64_t offset, short type) noexcept {
  struct flock lock{};  // l_pid stays 0, as open file description locks demand
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = static_cast<off_t>(offset);
  lock.l_len = 1;
  return lock;
}

short type_of(byte_lock::kind how) noexcept { return how == byte_lock::kind::shared ? F_RDLCK : F_WRLCK; }

error explained(const error& failed, byte_lock::kind how) {
  if (!(failed == std::errc::bad_file_descriptor)) return failed;
  return failed.with_detail(how == byte_lock::kind::shared
                                ? "a shared lock needs a descriptor that is open for reading"
                                : "an exclusive lock needs a descriptor that is open for writing");
}

}  // namespace

result<bool> byte_lock::try_lock(int fd, std::uint64_t offset, kind how) {
  auto lock = one_byte(offset, type_of(how));
  auto taken =
      done("fcntl(F_OFD_SETLK)", [&] { return fd_place(fd); }, [&] { return ::fcntl(fd, F_OFD_SETLK, &lock); });
  if (taken) return true;
  if (taken.failed_with(std::errc::resource_unavailable_try_again) || taken.failed_with(std::errc::permission_denied)) {
    return false;
  }
  return explained(taken.error(), how);
}

result<void> byte_lock::lock(int fd, std::uint64_t offset, kind how, const patience& patient) {
  constexpr const char* operation = "fcntl(F_OFD_SETLKW)";
  const bool for_ever = patient.until.is_never() && !patient.stop.stop_possible() && !patient.nonblocking;
  if (for_ever) {
    auto lock = one_byte(offset, type_of(how));
    auto taken = done(operation, [&] { return fd_place(fd); }, [&] { return ::fcntl(fd, F_OFD_SETLKW, &lock); });
    if (!taken) return explained(taken.error(), how);
    return {};
  }
  const place where = fd_place(fd);
  return paced(patient, operation, where, [&]() -> result<void> {
    auto taken = try_lock(fd, offset, how);
    if (!taken) return taken.error();
    if (!*taken) return error(errc::would_block, operation, where);
    return {};
  });
}

result<void> byte_lock::unlock(int fd, std::uint64_t offset) {
  auto lock = one_byte(offset, F_UNLCK);
  return done("fcntl(F_OFD_SETLK)", [&] { return fd_place(fd); }, [&] { return ::fcntl(fd, F_OFD_SETLK, &lock); });
}

result<bool> byte_lock::is_held(int fd, std::uint64_t offset) {
  auto lock = one_byte(offset, F_WRLCK);
  auto seen = done("fcntl(F_OFD_GETLK)", [&] { return fd_place(fd); }, [&] { return ::fcntl(fd, F_OFD_GETLK, &lock); });
  if (!seen) return seen.error();
  return lock.l_type != F_UNLCK;
}

}  // namespace transom::os
