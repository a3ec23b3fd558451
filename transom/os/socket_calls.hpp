// transom/os/socket_calls.hpp - the system calls that every family of sockets is made with. Private to os.
#pragma once
#include "transom/os/poll.hpp"
#include "transom/os/socket.hpp"

namespace transom::os {

/// SOCK_STREAM and its like.
int native_kind(socket_kind kind) noexcept;

/// The same error with the limit to raise in its detail, if it says that descriptors ran out.
error naming_the_limit(error reason);

/// A new socket of address family `domain`, close-on-exec and non-blocking.
result<transom::fd> open_socket(int domain, socket_kind kind, const place& where);

/// Checks that `socket` is of one of the two families (the same twice for one) and makes it close-on-exec. Returns its
/// kind; unsupported for anything else.
result<socket_kind> adopt_socket(const transom::fd& socket, int domain, int other_domain, const place& where);

result<int> get_option(int socket, int level, int name, const char* operation, const place& where);
result<void> set_option(int socket, int level, int name, int value, const char* operation, const place& where);

result<void> bind_socket(int socket, const socket_address& to, const place& where);
result<socket_address> local_address(int socket, const place& where);
result<socket_address> peer_address(int socket, const place& where);

/// The next connection, close-on-exec and non-blocking; would_block when nobody waits. A connection that broke while
/// it waited is passed over.
result<transom::fd> try_accept_socket(int listener, const place& where);
result<transom::fd> accept_socket(int listener, const patience& how, const place& where);

/// Whether the reading side was shut down. A datagram socket is then "readable" for ever with nothing to read.
bool shut_down(int socket);

/// Calls `attempt` until it gives anything but would_block, waiting in between until `fd` is ready for `want`.
template <typename Attempt>
auto patiently(int fd, short want, const patience& how, const char* operation, const place& where, Attempt attempt)
    -> decltype(attempt()) {
  if (how.stop.stop_requested()) return error(errc::canceled, operation, where);
  for (bool was_ready = false;; was_ready = true) {
    auto outcome = attempt();
    if (outcome || outcome.error() != errc::would_block) return outcome;
    if (was_ready && want == interest::readable && shut_down(fd)) return error(errc::closed, operation, where);
    if (auto ready = wait_ready(fd, want, how, operation, where); !ready) return ready.error();
  }
}

}  // namespace transom::os
