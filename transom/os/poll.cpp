// transom/os/poll.cpp - ppoll(2) with a deadline, and a wake-up through an eventfd.
#include "transom/os/poll.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "transom/os/syscall.hpp"

namespace transom::os {

static_assert(sizeof(poll_item) == sizeof(pollfd) && offsetof(poll_item, fd) == offsetof(pollfd, fd) &&
              offsetof(poll_item, want) == offsetof(pollfd, events) &&
              offsetof(poll_item, got) == offsetof(pollfd, revents));
static_assert(interest::readable == POLLIN && interest::writable == POLLOUT && interest::urgent == POLLPRI &&
              interest::failed == POLLERR && interest::hangup == POLLHUP && interest::invalid == POLLNVAL);

result<int> poll(std::span<poll_item> items, deadline until) {
  for (;;) {
    timespec left{};
    if (!until.is_never()) {
      const auto ns = until.left().count();
      left = {.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000};
    }
    const int ready =
        ::ppoll(reinterpret_cast<pollfd*>(items.data()), items.size(), until.is_never() ? nullptr : &left, nullptr);
    if (ready >= 0) return ready;
    if (const int number = errno; number != EINTR) return error::system(number, "ppoll");
    // Interrupted: go on with the time that is left, which is why retried() does not serve here.
  }
}

result<waker> waker::make() {
  auto made = checked("eventfd", [] { return place(); }, [] { return ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); });
  if (!made) return made.error();
  return waker(transom::fd(*made));
}

void waker::ring() const noexcept {
  const std::uint64_t one = 1;
  // Fails only with EAGAIN, when it rings already.
  [[maybe_unused]] const auto n = retried([&] { return ::write(fd_.get(), &one, sizeof one); });
}

void waker::clear() const noexcept {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto n = retried([&] { return ::read(fd_.get(), &count, sizeof count); });
}

result<void> wait_ready(int fd, short want, const patience& how, const char* operation, const place& where) {
  if (how.stop.stop_requested()) return error(errc::canceled, operation, where);
  std::array<poll_item, 2> items{poll_item{fd, want, 0}, poll_item{}};
  std::optional<waker> alarm;
  if (how.stop.stop_possible() && !how.until.expired()) {
    auto made = waker::make();
    if (!made) return made.error();
    alarm.emplace(std::move(*made));
    items[1] = {alarm->fd(), interest::readable, 0};
  }
  auto ring = [&] { alarm->ring(); };
  std::optional<std::stop_callback<decltype(ring)>> on_stop;
  if (alarm) on_stop.emplace(how.stop, ring);

  auto ready = poll(items, how.until);
  if (!ready) return ready.error().at(where);
  if (items[1].got != 0) return error(errc::canceled, operation, where);
  if (*ready == 0) return error(how.nonblocking ? errc::would_block : errc::timed_out, operation, where);
  return {};
}

}  // namespace transom::os
