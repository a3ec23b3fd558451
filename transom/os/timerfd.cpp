// transom/os/timerfd.cpp - see timerfd.hpp.
#include "transom/os/timerfd.hpp"

#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "transom/base/ensure.hpp"
#include "transom/os/poll.hpp"
#include "transom/os/syscall.hpp"

namespace transom::os {

namespace {

constexpr std::int64_t second = 1'000'000'000;

timespec from_ns(std::int64_t ns) noexcept { return {.tv_sec = ns / second, .tv_nsec = ns % second}; }

}  // namespace

result<timerfd> timerfd::make() {
  auto made = checked(
      "timerfd_create", [] { return place(); },
      [] { return ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK); });
  if (!made) return made.error();
  return timerfd(transom::fd(*made));
}

result<void> timerfd::arm(std::int64_t first_ns, std::int64_t period_ns) const {
  const itimerspec when{.it_interval = from_ns(period_ns), .it_value = from_ns(first_ns)};
  return done(
      "timerfd_settime", [&] { return fd_place(fd_.get()); },
      [&] { return ::timerfd_settime(fd_.get(), 0, &when, nullptr); });
}

// The kernel takes a first expiration after 0 ns for "never", hence the 1.
result<void> timerfd::once(std::chrono::nanoseconds after) const {
  return arm(std::max<std::int64_t>(after.count(), 1), 0);
}

result<void> timerfd::once(deadline when) const {
  if (when.is_never()) return disarm();
  return once(when.left());
}

result<void> timerfd::every(std::chrono::nanoseconds first, std::chrono::nanoseconds period) const {
  transom::detail::ensure(period.count() > 0, "the period of a timer is positive");
  return arm(std::max<std::int64_t>(first.count(), 1), period.count());
}

result<void> timerfd::disarm() const { return arm(0, 0); }

result<std::chrono::nanoseconds> timerfd::left() const {
  itimerspec now{};
  auto ok =
      done("timerfd_gettime", [&] { return fd_place(fd_.get()); }, [&] { return ::timerfd_gettime(fd_.get(), &now); });
  if (!ok) return ok.error();
  return std::chrono::nanoseconds(now.it_value.tv_sec * second + now.it_value.tv_nsec);
}

result<std::uint64_t> timerfd::try_take() const {
  std::uint64_t count = 0;
  auto n = attempted("read(timerfd)", [] { return place(); }, [&] { return ::read(fd_.get(), &count, sizeof count); });
  if (!n) return n.error();
  return count;
}

result<std::uint64_t> timerfd::take(const patience& how) const {
  for (;;) {
    if (how.stop.stop_requested()) return error(errc::canceled, "read(timerfd)");
    auto taken = try_take();
    if (taken || taken.error() != errc::would_block) return taken;
    auto ready = wait_ready(fd_.get(), interest::readable, how, "read(timerfd)", place());
    if (!ready) return ready.error();
  }
}

}  // namespace transom::os
