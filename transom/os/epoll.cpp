// transom/os/epoll.cpp - see epoll.hpp.
#include "transom/os/epoll.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <ctime>

#include "transom/base/ensure.hpp"
#include "transom/os/poll.hpp"
#include "transom/os/probe.hpp"
#include "transom/os/syscall.hpp"

namespace transom::os {

static_assert(interest::readable == EPOLLIN && interest::urgent == EPOLLPRI && interest::writable == EPOLLOUT &&
              interest::failed == EPOLLERR && interest::hangup == EPOLLHUP);

result<epoll> epoll::make() {
  auto made = checked("epoll_create1", [] { return place(); }, [] { return ::epoll_create1(EPOLL_CLOEXEC); });
  if (!made) return made.error();
  return epoll(transom::fd(*made));
}

result<void> epoll::control(int what, const char* operation, int fd, short want, std::uint64_t tag) const {
  epoll_event event{};
  event.events = static_cast<std::uint32_t>(want);
  event.data.u64 = tag;
  auto ok = done(operation, [&] { return fd_place(fd); }, [&] { return ::epoll_ctl(fd_.get(), what, fd, &event); });
  if (ok.failed_with(std::errc::no_space_on_device)) {
    return ok.error().with_detail("the user's limit: " + described_sysctl("fs/epoll/max_user_watches"));
  }
  return ok;
}

result<void> epoll::add(int fd, short want, std::uint64_t tag) const {
  return control(EPOLL_CTL_ADD, "epoll_ctl(EPOLL_CTL_ADD)", fd, want, tag);
}
result<void> epoll::modify(int fd, short want, std::uint64_t tag) const {
  return control(EPOLL_CTL_MOD, "epoll_ctl(EPOLL_CTL_MOD)", fd, want, tag);
}
result<void> epoll::remove(int fd) const { return control(EPOLL_CTL_DEL, "epoll_ctl(EPOLL_CTL_DEL)", fd, 0, 0); }

namespace {

// A time of less than a millisecond needs epoll_pwait2 (Linux 5.11); without it the wait is rounded up.
int wait_once(int number, epoll_event* into, int room, std::int64_t left_ns) noexcept {
  if (left_ns <= 0) return ::epoll_wait(number, into, room, static_cast<int>(left_ns));
  const timespec left{.tv_sec = left_ns / 1'000'000'000, .tv_nsec = left_ns % 1'000'000'000};
  const int ready = ::epoll_pwait2(number, into, room, &left, nullptr);
  if (ready != -1 || errno != ENOSYS) return ready;
  const std::int64_t ms = left_ns / 1'000'000 + 1;
  return ::epoll_wait(number, into, room, static_cast<int>(std::min<std::int64_t>(ms, INT_MAX)));
}

}  // namespace

result<std::size_t> epoll::wait(std::span<epoll_event_out> into, deadline until) const {
  transom::detail::ensure(!into.empty(), "there is room for at least one event");
  std::array<epoll_event, 64> events;
  const int room = static_cast<int>(std::min(events.size(), into.size()));
  for (;;) {
    const std::int64_t left_ns = until.is_never() ? -1 : until.left().count();
    const int ready = wait_once(fd_.get(), events.data(), room, left_ns);
    if (ready == -1) {
      const int number = errno;
      if (number == EINTR && left_ns != 0)
        continue;  // for the time that is left, which is why retried() does not serve
      if (number == EINTR) return std::size_t{0};
      return error::system(number, "epoll_wait", fd_place(fd_.get()));
    }
    for (std::size_t i = 0; i < static_cast<std::size_t>(ready); ++i) {
      into[i] = {events[i].events, events[i].data.u64};
    }
    if (ready > 0 || until.expired()) return static_cast<std::size_t>(ready);
  }
}

}  // namespace transom::os
