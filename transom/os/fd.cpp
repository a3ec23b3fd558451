// transom/os/fd.cpp - see fd.hpp.
#include "transom/os/fd.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "transom/os/syscall.hpp"

namespace transom {

void fd::reset(int number) noexcept {
  const int old = std::exchange(number_, number);
  // close() is never retried: on Linux the number is free even after EINTR, so a second close could hit a
  // descriptor that another thread has just opened.
  if (old >= 0) ::close(old);
}

result<fd> fd::duplicate() const {
  auto copy = os::checked(
      "fcntl(F_DUPFD_CLOEXEC)", [&] { return os::fd_place(number_); },
      [&] { return ::fcntl(number_, F_DUPFD_CLOEXEC, 3); });
  if (!copy) return copy.error();
  return fd(*copy);
}

}  // namespace transom
