// transom/os/socket_calls.cpp - see socket_calls.hpp.
#include "transom/os/socket_calls.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include "transom/os/poll.hpp"
#include "transom/os/syscall.hpp"

namespace transom::os {

int native_kind(socket_kind kind) noexcept {
  switch (kind) {
    case socket_kind::stream: return SOCK_STREAM;
    case socket_kind::datagram: return SOCK_DGRAM;
    case socket_kind::seqpacket: return SOCK_SEQPACKET;
  }
  return -1;
}

error naming_the_limit(error reason) {
  if (reason == std::errc::too_many_files_open) return reason.with_detail("raise RLIMIT_NOFILE (ulimit -n)");
  if (reason == std::errc::too_many_files_open_in_system) return reason.with_detail("raise /proc/sys/fs/file-max");
  return reason;
}

result<transom::fd> open_socket(int domain, socket_kind kind, const place& where) {
  auto made = checked(
      "socket", [&] { return where; },
      [&] { return ::socket(domain, native_kind(kind) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0); });
  if (!made) return naming_the_limit(made.error());
  return transom::fd(*made);
}

result<socket_kind> adopt_socket(const transom::fd& socket, int domain, int other_domain, const place& where) {
  auto family = get_option(socket.get(), SOL_SOCKET, SO_DOMAIN, "getsockopt(SO_DOMAIN)", where);
  if (!family) return family.error();
  auto type = get_option(socket.get(), SOL_SOCKET, SO_TYPE, "getsockopt(SO_TYPE)", where);
  if (!type) return type.error();
  if (*family != domain && *family != other_domain) {
    return error(errc::unsupported, "adopt", where).with_detail("a socket of another family");
  }
  auto marked =
      done("fcntl(F_SETFD)", [&] { return where; }, [&] { return ::fcntl(socket.get(), F_SETFD, FD_CLOEXEC); });
  if (!marked) return marked.error();
  switch (*type) {
    case SOCK_STREAM: return socket_kind::stream;
    case SOCK_DGRAM: return socket_kind::datagram;
    case SOCK_SEQPACKET: return socket_kind::seqpacket;
    default: return error(errc::unsupported, "adopt", where).with_detail("a socket of another kind");
  }
}

result<int> get_option(int socket, int level, int name, const char* operation, const place& where) {
  int value = 0;
  socklen_t size = sizeof value;
  auto asked = done(operation, [&] { return where; }, [&] { return ::getsockopt(socket, level, name, &value, &size); });
  if (!asked) return asked.error();
  return value;
}

result<void> set_option(int socket, int level, int name, int value, const char* operation, const place& where) {
  return done(
      operation, [&] { return where; }, [&] { return ::setsockopt(socket, level, name, &value, sizeof value); });
}

result<void> bind_socket(int socket, const socket_address& to, const place& where) {
  return done(
      "bind", [&] { return where; },
      [&] { return ::bind(socket, static_cast<const sockaddr*>(to.data()), static_cast<socklen_t>(to.size())); });
}

result<socket_address> local_address(int socket, const place& where) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  auto asked = done(
      "getsockname", [&] { return where; },
      [&] { return ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size); });
  if (!asked) return asked.error();
  return socket_address(&address, size);
}

result<socket_address> peer_address(int socket, const place& where) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  auto asked = done(
      "getpeername", [&] { return where; },
      [&] { return ::getpeername(socket, reinterpret_cast<sockaddr*>(&address), &size); });
  if (!asked) return asked.error();
  return socket_address(&address, size);
}

namespace {

// accept(2): Linux hands over the network errors of the connection that waited. They are not the listener's.
bool of_the_connection(int number) noexcept {
  switch (number) {
    case ECONNABORTED:
    case EPROTO:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case ENETUNREACH: return true;
    default: return false;
  }
}

}  // namespace

result<transom::fd> try_accept_socket(int listener, const place& where) {
  auto accepted = attempted(
      "accept", [&] { return where; },
      [&] {
        int number = -1;
        do {
          number = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
        } while (number == -1 && of_the_connection(errno));
        return number;
      });
  if (!accepted) return naming_the_limit(accepted.error());
  return transom::fd(*accepted);
}

result<transom::fd> accept_socket(int listener, const patience& how, const place& where) {
  if (how.stop.stop_requested()) return error(errc::canceled, "accept", where);
  for (;;) {
    auto accepted = try_accept_socket(listener, where);
    if (accepted || accepted.error() != errc::would_block) return accepted;
    if (auto ready = wait_ready(listener, interest::readable, how, "accept", where); !ready) return ready.error();
  }
}

bool shut_down(int socket) {
  constexpr short peer_finished = 0x2000;
  static_assert(peer_finished == POLLRDHUP);
  poll_item item{socket, peer_finished, 0};
  const auto ready = poll({&item, 1}, deadline::passed());
  return ready && (item.got & peer_finished) != 0;
}

}  // namespace transom::os
