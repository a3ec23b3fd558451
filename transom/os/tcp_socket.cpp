// transom/os/tcp_socket.cpp - connecting within a deadline, and listening on v6 and v4 at once.
#include "transom/os/tcp_socket.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "transom/os/poll.hpp"
#include "transom/os/socket_calls.hpp"
#include "transom/os/syscall.hpp"

namespace transom::os {
namespace {

int family_of(const socket_address& address) noexcept {
  return static_cast<const sockaddr*>(address.data())->sa_family;
}

place url_of(const socket_address& address) { return place("tcp://" + address.text()); }

result<void> no_delay(int socket, bool on, const place& where) {
  return set_option(socket, IPPROTO_TCP, TCP_NODELAY, on ? 1 : 0, "setsockopt(TCP_NODELAY)", where);
}

// A port nobody listens on, in the range the kernel takes local ports from, can connect to itself. That is nobody.
bool connected_to_itself(int socket, const place& where) {
  const auto here = local_address(socket, where);
  const auto there = peer_address(socket, where);
  return here && there && *here == *there;
}

result<transom::fd> connect_one(const socket_address& to, const patience& how) {
  const place where = url_of(to);
  auto made = open_socket(family_of(to), socket_kind::stream, where);
  if (!made) return made.error();
  auto begun = done(
      "connect", [&] { return where; },
      [&] {
        const int answer =
            ::connect(made->get(), static_cast<const sockaddr*>(to.data()), static_cast<socklen_t>(to.size()));
        // Interrupted or not, a connection that has begun goes on; calling again would say EALREADY.
        return answer == -1 && (errno == EINPROGRESS || errno == EINTR) ? 1 : answer;
      });
  if (!begun) return begun.error();
  if (auto ready = wait_ready(made->get(), interest::writable, how, "connect", where); !ready) return ready.error();
  auto outcome = get_option(made->get(), SOL_SOCKET, SO_ERROR, "getsockopt(SO_ERROR)", where);
  if (!outcome) return outcome.error();
  if (*outcome != 0) return error::system(*outcome, "connect", where);
  if (connected_to_itself(made->get(), where)) return error::system(ECONNREFUSED, "connect", where);
  if (auto set = no_delay(made->get(), true, where); !set) return set.error();
  return made;
}

result<std::pair<transom::fd, socket_address>> listen_one(const socket_address& at, tcp_listener::options how) {
  const place where = url_of(at);
  auto made = open_socket(family_of(at), socket_kind::stream, where);
  if (!made) return made.error();
  if (how.reuse_address) {
    auto set = set_option(made->get(), SOL_SOCKET, SO_REUSEADDR, 1, "setsockopt(SO_REUSEADDR)", where);
    if (!set) return set.error();
  }
  if (family_of(at) == AF_INET6) {
    auto set = set_option(made->get(), IPPROTO_IPV6, IPV6_V6ONLY, how.v6_only, "setsockopt(IPV6_V6ONLY)", where);
    if (!set) return set.error();
  }
  if (auto bound = bind_socket(made->get(), at, where); !bound) return bound.error();
  auto listening = done("listen", [&] { return where; }, [&] { return ::listen(made->get(), how.backlog); });
  if (!listening) return listening.error();
  auto local = local_address(made->get(), where);
  if (!local) return local.error();
  return std::pair(std::move(*made), *local);
}

// The errors of all addresses but the last, which speaks for itself.
error with_history(const error& last, const std::string& history) {
  return history.empty() ? last : last.with_detail("before that, " + history);
}

}  // namespace

result<tcp_socket> tcp_socket::connect(std::string_view host, std::uint16_t port, const patience& how) {
  if (how.stop.stop_requested()) return error(errc::canceled, "connect", place("tcp://" + std::string(host)));
  auto addresses = resolve(host, port, address_use::connect);
  if (!addresses) return addresses.error();
  std::string history;
  for (std::size_t i = 0;; ++i) {
    auto connected = connect_one((*addresses)[i], how);
    if (connected) return tcp_socket(std::move(*connected), url_of((*addresses)[i]));
    const error& reason = connected.error();
    const bool given_up = reason == errc::canceled || reason == errc::timed_out;
    if (given_up || i + 1 == addresses->size()) return with_history(reason, history);
    history += (history.empty() ? "" : "; ") + reason.message();
  }
}

result<tcp_socket> tcp_socket::adopt(transom::fd owned) {
  place where = fd_place(owned.get());
  auto kind = adopt_socket(owned, AF_INET, AF_INET6, where);
  if (!kind) return kind.error();
  if (*kind != socket_kind::stream) return error(errc::unsupported, "adopt", where).with_detail("not a stream");
  return tcp_socket(std::move(owned), std::move(where));
}

result<void> tcp_socket::set_nodelay(bool on) const { return no_delay(fd_.get(), on, where_); }

result<void> tcp_socket::set_keepalive(keepalive how) const {
  auto set = set_option(fd_.get(), SOL_SOCKET, SO_KEEPALIVE, 1, "setsockopt(SO_KEEPALIVE)", where_);
  if (set) set = set_option(fd_.get(), IPPROTO_TCP, TCP_KEEPIDLE, how.idle_s, "setsockopt(TCP_KEEPIDLE)", where_);
  if (set) set = set_option(fd_.get(), IPPROTO_TCP, TCP_KEEPINTVL, how.interval_s, "setsockopt(TCP_KEEPINTVL)", where_);
  if (set) set = set_option(fd_.get(), IPPROTO_TCP, TCP_KEEPCNT, how.count, "setsockopt(TCP_KEEPCNT)", where_);
  return set;
}

result<tcp_listener> tcp_listener::listen(std::string_view host, std::uint16_t port, options how) {
  auto addresses = resolve(host, port, address_use::listen);
  if (!addresses) return addresses.error();
  if (host == "*" && how.v6_only) addresses->resize(1);
  std::string history;
  for (std::size_t i = 0;; ++i) {
    auto listening = listen_one((*addresses)[i], how);
    if (listening) return tcp_listener(std::move(listening->first), listening->second);
    // "*" falls back to v4 where there is no v6; a port that is taken is taken.
    const error& reason = listening.error();
    const bool taken = host == "*" && reason == std::errc::address_in_use;
    if (taken || i + 1 == addresses->size()) return with_history(reason, history);
    history += (history.empty() ? "" : "; ") + reason.message();
  }
}

result<tcp_socket> tcp_listener::try_accept() const {
  auto accepted = try_accept_socket(fd_.get(), where_);
  if (!accepted) return accepted.error();
  if (auto set = no_delay(accepted->get(), true, where_); !set) return set.error();
  return tcp_socket(std::move(*accepted), where_);
}

result<tcp_socket> tcp_listener::accept(const patience& how) const {
  auto accepted = accept_socket(fd_.get(), how, where_);
  if (!accepted) return accepted.error();
  if (auto set = no_delay(accepted->get(), true, where_); !set) return set.error();
  return tcp_socket(std::move(*accepted), where_);
}

}  // namespace transom::os
