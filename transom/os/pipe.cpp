// transom/os/pipe.cpp - pipes without their traps: SIGPIPE, EINTR and a forgotten O_CLOEXEC.
#include "transom/os/pipe.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <climits>
#include <ctime>

#include "transom/os/poll.hpp"
#include "transom/os/syscall.hpp"

namespace transom::os {

static_assert(atomic_size == PIPE_BUF);
static_assert(sizeof(buffer) == sizeof(iovec) && offsetof(buffer, size) == offsetof(iovec, iov_len));

namespace {

// Linux 6.18: write without SIGPIPE, asked for per call. Debian 12's headers do not know it yet.
constexpr int rwf_nosignal = 0x00000100;

// For older kernels: hold SIGPIPE back in this thread, write, and swallow the one the write itself caused.
// A SIGPIPE that was pending before is somebody else's and stays.
ssize_t write_guarded(int fd, const iovec* from, int count) noexcept {
  sigset_t only_pipe, before, pending;
  ::sigemptyset(&only_pipe);
  ::sigaddset(&only_pipe, SIGPIPE);
  ::sigpending(&pending);
  const bool was_pending = ::sigismember(&pending, SIGPIPE) == 1;
  ::pthread_sigmask(SIG_BLOCK, &only_pipe, &before);
  const ssize_t n = retried([&] { return ::writev(fd, from, count); });
  const int number = errno;
  if (n == -1 && number == EPIPE && !was_pending) {
    const timespec at_once{};
    (void)retried([&] { return ::sigtimedwait(&only_pipe, nullptr, &at_once); });
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = number;
  return n;
}

ssize_t write_without_signal(int fd, const iovec* from, int count) noexcept {
  static std::atomic<bool> kernel_can{true};  // until it says EOPNOTSUPP
  if (kernel_can.load(std::memory_order_relaxed)) {
    const ssize_t n = retried([&] { return ::pwritev2(fd, from, count, -1, rwf_nosignal); });
    if (n >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL)) return n;
    if (errno != EINVAL) kernel_can.store(false, std::memory_order_relaxed);
  }
  return write_guarded(fd, from, count);
}

}  // namespace

result<std::size_t> try_write_pipe(int fd, std::span<const buffer> from, const place& where) {
  const auto* vec = reinterpret_cast<const iovec*>(from.data());
  auto n = attempted(
      "write", [&] { return where; }, [&] { return write_without_signal(fd, vec, static_cast<int>(from.size())); });
  if (!n) return n.error();
  return static_cast<std::size_t>(*n);
}

result<std::size_t> pipe_end::capacity() const {
  auto size = checked("fcntl(F_GETPIPE_SZ)", [&] { return where_; }, [&] { return ::fcntl(fd_.get(), F_GETPIPE_SZ); });
  if (!size) return size.error();
  return static_cast<std::size_t>(*size);
}

result<std::size_t> pipe_end::set_capacity(std::size_t bytes) {
  if (bytes > INT_MAX) return error::system(EPERM, "fcntl(F_SETPIPE_SZ)", where_);
  auto size = checked(
      "fcntl(F_SETPIPE_SZ)", [&] { return where_; },
      [&] { return ::fcntl(fd_.get(), F_SETPIPE_SZ, static_cast<int>(bytes)); });
  if (!size) {
    if (size.error() != std::errc::operation_not_permitted) return size.error();
    return size.error().with_detail("the limit for unprivileged users is /proc/sys/fs/pipe-max-size");
  }
  return static_cast<std::size_t>(*size);
}

result<std::size_t> pipe_end::pending() const {
  int count = 0;
  auto ok = done("ioctl(FIONREAD)", [&] { return where_; }, [&] { return ::ioctl(fd_.get(), FIONREAD, &count); });
  if (!ok) return ok.error();
  return static_cast<std::size_t>(count);
}

result<void> pipe_end::inherit_as_stdio() {
  auto flags = checked("fcntl(F_GETFL)", [&] { return where_; }, [&] { return ::fcntl(fd_.get(), F_GETFL); });
  if (!flags) return flags.error();
  return done(
      "fcntl(F_SETFL)", [&] { return where_; }, [&] { return ::fcntl(fd_.get(), F_SETFL, *flags & ~O_NONBLOCK); });
}

result<std::size_t> pipe_reader::try_read(std::span<std::byte> into) const {
  auto n = attempted("read", [&] { return where_; }, [&] { return ::read(fd_.get(), into.data(), into.size()); });
  if (!n) return n.error();
  return static_cast<std::size_t>(*n);
}

result<std::size_t> pipe_reader::read(std::span<std::byte> into, const patience& how) const {
  if (how.stop.stop_requested()) return error(errc::canceled, "read", where_);
  for (;;) {
    auto n = try_read(into);
    if (n || n.error() != errc::would_block) return n;
    if (auto ready = wait_ready(fd_.get(), interest::readable, how, "read", where_); !ready) return ready.error();
  }
}

result<std::size_t> pipe_writer::try_write(std::span<const std::byte> from) const {
  const buffer one{from.data(), from.size()};
  return try_write_pipe(fd_.get(), {&one, 1}, where_);
}

result<std::size_t> pipe_writer::write(std::span<const std::byte> from, const patience& how) const {
  if (how.stop.stop_requested()) return error(errc::canceled, "write", where_);
  for (;;) {
    auto n = try_write(from);
    if (n || n.error() != errc::would_block) return n;
    if (auto ready = wait_ready(fd_.get(), interest::writable, how, "write", where_); !ready) return ready.error();
  }
}

result<void> pipe_writer::write_all(std::span<const std::byte> from, const patience& how) const {
  while (!from.empty()) {
    auto n = write(from, how);
    if (!n) return n.error();
    from = from.subspan(*n);
  }
  return {};
}

result<pipe> pipe::make(options how) {
  std::array<int, 2> ends{};
  auto made =
      done("pipe2", [] { return place("pipe:"); }, [&] { return ::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK); });
  if (!made) return made.error();
  pipe both{pipe_reader(fd(ends[0]), place("pipe:")), pipe_writer(fd(ends[1]), place("pipe:"))};
  if (how.capacity != 0) {
    if (auto size = both.writer.set_capacity(how.capacity); !size) return size.error();
  }
  return both;
}

}  // namespace transom::os
