// transom/os/fd_passing.hpp - descriptors and credentials that travel with a message over a Unix socket.
//
// Invariants
//   I1  Whatever arrives is close-on-exec from birth and owned by a transom::fd before anything can fail.
//   I2  All descriptors of a message arrive, or none stays open: when the kernel could not hand over all of them
//       (our table is full, or there were more than `max_fds`), those that came are closed and the call fails. The
//       message is consumed then.
//
// On a stream, descriptors travel with the first byte of the write they were sent with, and a read stops before
// the next byte that carries some. A message that is received by socket::recv loses its descriptors: the kernel
// closes them.
#pragma once
#include <array>
#include <cstddef>
#include <optional>
#include <span>

#include "transom/os/unix_socket.hpp"

namespace transom::os {

/// Descriptors that one message may carry. (The kernel allows 253.)
inline constexpr std::size_t max_fds = 16;

/// A message and what came with it.
struct received_with_fds {
  received data;
  std::size_t fd_count = 0;
  std::array<transom::fd, max_fds> fds;
  /// Who sent it, when pass_credentials(true) was said: proved by the kernel.
  std::optional<credentials> sender;
};

/// Sends the parts as one message (or some bytes of a stream, at least one) and copies of `fds`, at most max_fds; the
/// caller's descriptors stay open. `as`: credentials to attach; those of another process need privileges.
/// Fails with ETOOMANYREFS when more descriptors are in flight than RLIMIT_NOFILE. unix(7), cmsg(3).
result<std::size_t> try_send_fds(const unix_socket& to, std::span<const buffer> parts, std::span<const int> fds,
                                 const credentials* as = nullptr);
/// The same, waiting for room. A stream may take only some of the bytes; the descriptors have gone with them.
result<std::size_t> send_fds(const unix_socket& to, std::span<const std::byte> from, std::span<const int> fds,
                             const patience& how = {}, const credentials* as = nullptr);

/// Receives as socket::try_recv does, with what came along. Fails with too_many_files_open when our table cannot
/// hold the descriptors, protocol_error when the peer sent more than max_fds; no descriptor stays open then.
result<received_with_fds> try_recv_fds(const unix_socket& from, std::span<const mutable_buffer> into);
/// The same, waiting for a message.
result<received_with_fds> recv_fds(const unix_socket& from, std::span<std::byte> into, const patience& how = {});

}  // namespace transom::os
