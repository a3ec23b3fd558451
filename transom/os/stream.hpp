// transom/os/stream.hpp - bytes in and out of whatever descriptor carries a stream: pipe, FIFO, socket, or one that
// was handed to us and is shared with programs that must not notice us.
//
// Invariants
//   I1  No call here but read_stream() sleeps, and none raises SIGPIPE or shows EINTR. "Not now" is errc::would_block.
//   I2  A descriptor of kind `foreign` may be a blocking one; its flags are never changed, because they belong to
//       everybody who shares it. Readiness is asked for first, and at most atomic_size bytes are written at once.
//   I3  Received descriptors are close-on-exec. If the kernel dropped some, all are closed and the read fails.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "transom/base/error.hpp"
#include "transom/os/fd.hpp"
#include "transom/os/pipe.hpp"

namespace transom::os {

enum class stream_kind : std::uint8_t { pipe, unix_socket, inet_socket, foreign };

/// Memory for one piece of a scattered read. Same layout as struct iovec.
struct space {
  void* data = nullptr;
  std::size_t size = 0;
};

/// Descriptors that came with a read, at most 16 of them.
struct received_descriptors {
  std::array<fd, 16> list;
  std::size_t count = 0;
};

/// Fills `into` with what is there, in one system call, and returns how much came; 0 is the end of the stream.
/// Descriptors are taken only where `descriptors` is given (unix_socket). readv(2), recvmsg(2), unix(7).
result<std::size_t> try_read_stream(int from, stream_kind kind, std::span<const space> into, const place& where,
                                    received_descriptors* descriptors = nullptr);
/// The same, but sleeps until something comes: sockets for which let_block() said true. A socket that another thread
/// shuts with end_reading() meanwhile answers 0.
result<std::size_t> read_stream(int from, std::span<const space> into, const place& where,
                                received_descriptors* descriptors = nullptr);
/// Makes a socket's blocking calls block; calls that name try_ do not care. False: read_stream() is not for this one.
bool let_block(int number, stream_kind kind) noexcept;
/// Ends the reading half of a socket, also for whoever sleeps in it. shutdown(2).
void end_reading(int number) noexcept;
/// Writes what fits of `from`, in one system call, and returns how much went. `descriptors` go with the first byte.
/// A reader that has gone is std::errc::broken_pipe or connection_reset. writev(2), sendmsg(2).
result<std::size_t> try_write_stream(int to, stream_kind kind, std::span<const buffer> from, const place& where,
                                     std::span<const int> descriptors = {});

/// Sends each of `packets`, at most 64, as one message of a connected datagram or seqpacket socket, in one system call,
/// and returns how many went; fails only if not even the first did. sendmmsg(2).
result<std::size_t> try_write_packets(int to, std::span<const std::span<const buffer>> packets, const place& where);

/// Can `size` more bytes be written without waiting? Errs to the side of no. Nothing is written.
result<bool> stream_has_room(int to, stream_kind kind, std::size_t size, const place& where);
/// The largest write for which stream_has_room() can ever say yes.
result<std::size_t> stream_buffer_size(int to, stream_kind kind, const place& where);
/// Asks the kernel for a buffer that takes frames of `size` bytes whole. What it gives is what it gives.
void enlarge_stream_buffer(int of, stream_kind kind, std::size_t size) noexcept;
/// Makes a little room in a full buffer, for a last word of up to atomic_size bytes. May fail silently.
void make_room_for_a_last_word(int to, stream_kind kind) noexcept;

/// Which kind an open descriptor is; unsupported if no bytes flow through it.
result<stream_kind> kind_of_stream(int number, const place& where);
/// Whether it is a socket that keeps the boundaries of messages.
bool keeps_boundaries(int number) noexcept;
/// Half-closes a socket for writing, so that the peer reads its end after everything sent. Nothing on a pipe.
void finish_writing(int to, stream_kind kind) noexcept;

}  // namespace transom::os
