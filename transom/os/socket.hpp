// transom/os/socket.hpp - what sockets of every family have in common.
//
// Invariants
//   I1  Every socket is close-on-exec and non-blocking from birth. try_ calls say MSG_DONTWAIT besides, so that an
//       adopted descriptor does not block them either; calls with a patience wait in poll(2).
//   I2  No call raises SIGPIPE; a peer that has gone is std::errc::broken_pipe or connection_reset.
//   I3  A message of a datagram or seqpacket socket is sent whole or not at all. A stream may take or give less.
//
// Death: the kernel closes the sockets of a killed process, so its peer sees what it would see of an orderly close:
// the end (size 0), or connection_reset when something it had sent was never read.
#pragma once
#include <cstddef>
#include <span>
#include <string>

#include "transom/base/clock.hpp"
#include "transom/base/error.hpp"
#include "transom/os/fd.hpp"
#include "transom/os/pipe.hpp"
#include "transom/os/socket_address.hpp"

namespace transom::os {

enum class socket_kind { stream, datagram, seqpacket };
/// The direction that shutdown() ends.
enum class half { read, write, both };

/// One buffer of a scattered receive. Same layout as struct iovec.
struct mutable_buffer {
  void* data = nullptr;
  std::size_t size = 0;
};

/// What a receive found. On a stream and a seqpacket socket `size` 0 is the end; a peer that sends an empty
/// seqpacket message cannot be told from one that has closed.
struct received {
  std::size_t size = 0;          ///< bytes stored
  std::size_t message_size = 0;  ///< bytes the message had; more than `size` when the buffer was too small
  /// The rest of the message is lost. Never on a stream.
  bool truncated() const noexcept { return message_size > size; }
};

/// One message of a batch to send.
struct outgoing {
  std::span<const buffer> parts;
  const socket_address* to = nullptr;  ///< null: the connected peer
};
/// One message of a batch to receive.
struct incoming {
  std::span<const mutable_buffer> into;
  received got = {};
  socket_address* from = nullptr;  ///< filled in unless null
};

/// Owns one socket. Moves, does not copy. Thread safety: one thread may send while another receives; the rest one
/// thread at a time.
class socket {
 public:
  int fd() const noexcept { return fd_.get(); }
  transom::fd release() && noexcept { return std::move(fd_); }
  const place& where() const noexcept { return where_; }
  socket_kind kind() const noexcept { return kind_; }

  /// Sends some of a stream's bytes, or one message, and returns the bytes taken; the parts go one after the other
  /// as one. Waits while there is no room. Fails with message_too_large for a message beyond the limit, which the
  /// detail names. At most 1024 parts in a message. send(2).
  result<std::size_t> send(std::span<const std::byte> from, const patience& how = {}) const;
  result<std::size_t> send(std::span<const buffer> parts, const patience& how = {}) const;
  /// The same without waiting: would_block when there is no room.
  result<std::size_t> try_send(std::span<const std::byte> from) const;
  result<std::size_t> try_send(std::span<const buffer> parts) const;
  /// Streams: sends all. If `how` ends first, a prefix may have been sent.
  result<void> send_all(std::span<const std::byte> from, const patience& how = {}) const;
  /// Sends one message to `to`. Nobody is woken when the receiver's queue has room again, so while it is full the
  /// call looks again every millisecond; connect where that matters.
  result<std::size_t> send_to(const socket_address& to, std::span<const std::byte> from,
                              const patience& how = {}) const;
  result<std::size_t> try_send_to(const socket_address& to, std::span<const std::byte> from) const;

  /// Takes what is there of a stream, or one message; waits while there is nothing. A datagram socket has no end
  /// of its own, and answers closed only after shutdown(read). recv(2).
  result<received> recv(std::span<std::byte> into, const patience& how = {}) const;
  result<received> recv(std::span<const mutable_buffer> into, const patience& how = {}) const;
  /// The same without waiting: would_block when there is nothing.
  result<received> try_recv(std::span<std::byte> into) const;
  result<received> try_recv(std::span<const mutable_buffer> into) const;
  /// The same, with the sender's address (empty if the sender has none, or on a connection).
  result<received> recv_from(std::span<std::byte> into, socket_address& from, const patience& how = {}) const;
  result<received> try_recv_from(std::span<std::byte> into, socket_address& from) const;

  /// Sends a batch of messages in order and returns how many went; fails only if not even the first did. One
  /// system call per 64 messages, no allocation. sendmmsg(2).
  result<std::size_t> try_send_many(std::span<const outgoing> messages) const;
  /// Takes up to `messages.size()` messages and returns how many; would_block when there is none. At the end of a
  /// seqpacket connection the rest of the batch has size 0. recvmmsg(2).
  result<std::size_t> try_recv_many(std::span<incoming> messages) const;

  /// Ends one direction or both; the peer reads the end. Every handle on the socket is concerned. shutdown(2).
  result<void> shutdown(half what) const;
  /// The kernel's buffer for what was sent and not yet taken, in bytes of memory: it counts its own overhead.
  /// Setting asks for room for `bytes`; the kernel doubles that and cuts it at net.core.wmem_max (rmem_max)
  /// without a word, and the result is what it gave. socket(7).
  result<std::size_t> send_buffer() const;
  result<std::size_t> set_send_buffer(std::size_t bytes) const;
  result<std::size_t> receive_buffer() const;
  result<std::size_t> set_receive_buffer(std::size_t bytes) const;
  /// Bytes that wait to be received; on a datagram socket those of the first message. FIONREAD.
  result<std::size_t> pending() const;
  /// Bytes sent and not yet taken by the peer (tcp: not yet acknowledged; Unix: with overhead). SIOCOUTQ.
  result<std::size_t> unsent() const;
  /// Takes the error that waits on the socket: success when there is none. SO_ERROR.
  result<void> take_error() const;
  /// The address of this end, and of the other. Fails with not_connected. getsockname(2), getpeername(2).
  result<socket_address> local() const;
  result<socket_address> peer() const;

 protected:
  socket(transom::fd owned, socket_kind kind, place where) noexcept
      : fd_(std::move(owned)), kind_(kind), where_(std::move(where)) {}
  transom::fd fd_;
  socket_kind kind_;
  place where_;
};

}  // namespace transom::os
