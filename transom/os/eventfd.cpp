// transom/os/eventfd.cpp - see eventfd.hpp.
#include "transom/os/eventfd.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include "transom/os/poll.hpp"
#include "transom/os/syscall.hpp"

namespace transom::os {

result<eventfd> eventfd::make(options how) {
  const int flags = EFD_CLOEXEC | EFD_NONBLOCK | (how.semaphore ? EFD_SEMAPHORE : 0);
  auto made = checked("eventfd", [] { return place(); }, [&] { return ::eventfd(how.initial, flags); });
  if (!made) return made.error();
  return eventfd(transom::fd(*made));
}

result<void> eventfd::add(std::uint64_t count) const {
  auto n =
      attempted("write(eventfd)", [] { return place(); }, [&] { return ::write(fd_.get(), &count, sizeof count); });
  if (!n) return n.error();
  return {};
}

result<std::uint64_t> eventfd::try_take() const {
  std::uint64_t count = 0;
  auto n = attempted("read(eventfd)", [] { return place(); }, [&] { return ::read(fd_.get(), &count, sizeof count); });
  if (!n) return n.error();
  return count;
}

result<std::uint64_t> eventfd::take(const patience& how) const {
  for (;;) {
    if (how.stop.stop_requested()) return error(errc::canceled, "read(eventfd)");
    auto taken = try_take();
    if (taken || taken.error() != errc::would_block) return taken;
    auto ready = wait_ready(fd_.get(), interest::readable, how, "read(eventfd)", place());
    if (!ready) return ready.error();
  }
}

}  // namespace transom::os
