// transom/os/pipe.hpp - the anonymous pipe: bytes from one end to the other, in order, through a kernel buffer.
//
// Invariants
//   I1  Both descriptors are close-on-exec and non-blocking from birth. Blocking calls of these classes wait in
//       poll(2), so that a deadline or a stop token can end them; `inherit_as_stdio()` makes an end blocking again,
//       for a program that knows nothing of us.
//   I2  A write of at most `atomic_size` bytes happens whole or not at all and never interleaves with another
//       writer's. A longer one may be cut by a deadline, and its pieces may interleave.
//
// Death: the reader of a pipe whose last writer was killed reads what was written and then 0, exactly as if it
// had closed; a writer without readers gets std::errc::broken_pipe. SIGPIPE is never raised.
#pragma once
#include <cstddef>
#include <span>

#include "transom/base/clock.hpp"
#include "transom/base/error.hpp"
#include "transom/os/fd.hpp"

namespace transom::os {

/// PIPE_BUF: the largest write that no other writer can interleave with. pipe(7).
inline constexpr std::size_t atomic_size = 4096;

/// What both ends of a pipe or FIFO have in common. Thread safety: one end, one thread at a time.
class pipe_end {
 public:
  int fd() const noexcept { return fd_.get(); }
  transom::fd release() && noexcept { return std::move(fd_); }
  const place& where() const noexcept { return where_; }
  /// Bytes the kernel's buffer can hold: F_GETPIPE_SZ, 64 KiB unless changed. fcntl(2).
  result<std::size_t> capacity() const;
  /// Asks for room for `bytes`; the kernel rounds up to a power of two of pages and the result is what it gave.
  /// Fails with EPERM above /proc/sys/fs/pipe-max-size, EBUSY when more than that is in the pipe just now.
  result<std::size_t> set_capacity(std::size_t bytes);
  /// Bytes written and not yet read: FIONREAD. ioctl(2).
  result<std::size_t> pending() const;
  /// Makes the end blocking, as programs expect of their standard streams. Only try_ calls are sure to return
  /// at once afterwards.
  result<void> inherit_as_stdio();

 protected:
  pipe_end(transom::fd owned, place where) noexcept : fd_(std::move(owned)), where_(std::move(where)) {}
  transom::fd fd_;
  place where_;
};

/// The end that reads. read(2), pipe(7).
class pipe_reader : public pipe_end {
 public:
  /// Takes over an open descriptor of the reading end.
  explicit pipe_reader(transom::fd owned, place where = {}) noexcept : pipe_end(std::move(owned), std::move(where)) {}
  /// Reads what is there, at most `into.size()` bytes; waits while there is nothing. 0: every writer has gone.
  result<std::size_t> read(std::span<std::byte> into, const patience& how = {}) const;
  /// The same without waiting: would_block when there is nothing.
  result<std::size_t> try_read(std::span<std::byte> into) const;
};

/// The end that writes. write(2), pipe(7).
class pipe_writer : public pipe_end {
 public:
  /// Takes over an open descriptor of the writing end.
  explicit pipe_writer(transom::fd owned, place where = {}) noexcept : pipe_end(std::move(owned), std::move(where)) {}
  /// Writes some of `from` and returns how much: all of it if at most atomic_size. Waits while there is no room.
  result<std::size_t> write(std::span<const std::byte> from, const patience& how = {}) const;
  /// The same without waiting: would_block when there is no room.
  result<std::size_t> try_write(std::span<const std::byte> from) const;
  /// Writes all of `from`. If `how` ends first, a prefix may have been written; the error says which end it was.
  result<void> write_all(std::span<const std::byte> from, const patience& how = {}) const;
};

/// Both ends of a new pipe.
struct pipe {
  pipe_reader reader;
  pipe_writer writer;
  struct options {
    std::size_t capacity = 0;  ///< bytes; 0: the kernel's default
  };
  /// Fails with EMFILE or ENFILE when descriptors run out, EPERM for a capacity above the limit. pipe2(2).
  static result<pipe> make(options how);
  static result<pipe> make() { return make(options{}); }
};

/// One buffer of a scattered read or write. Same layout as struct iovec.
struct buffer {
  const void* data = nullptr;
  std::size_t size = 0;
};

/// Writes the buffers one after the other in one system call, without ever raising SIGPIPE, and returns how many
/// bytes went. would_block when none could. The way every pipe and FIFO of this library is written to.
result<std::size_t> try_write_pipe(int fd, std::span<const buffer> from, const place& where);

}  // namespace transom::os
