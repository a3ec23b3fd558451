// transom/os/udp_socket.cpp - see udp_socket.hpp.
#include "transom/os/udp_socket.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <string>

#include "transom/os/socket_calls.hpp"
#include "transom/os/syscall.hpp"

namespace transom::os {
namespace {

struct made_socket {
  transom::fd socket;
  place where;
};

result<made_socket> make_one(const socket_address& address, address_use use) {
  place where("udp://" + address.text());
  const int family = static_cast<const sockaddr*>(address.data())->sa_family;
  auto made = open_socket(family, socket_kind::datagram, where);
  if (!made) return made.error();
  if (use == address_use::connect) {
    auto connected = done(
        "connect", [&] { return where; },
        [&] {
          return ::connect(made->get(), static_cast<const sockaddr*>(address.data()),
                           static_cast<socklen_t>(address.size()));
        });
    if (!connected) return connected.error();
    return made_socket{std::move(*made), std::move(where)};
  }
  if (family == AF_INET6) {
    auto set = set_option(made->get(), IPPROTO_IPV6, IPV6_V6ONLY, 0, "setsockopt(IPV6_V6ONLY)", where);
    if (!set) return set.error();
  }
  if (auto bound = bind_socket(made->get(), address, where); !bound) return bound.error();
  auto local = local_address(made->get(), where);
  if (!local) return local.error();
  return made_socket{std::move(*made), place("udp://" + local->text())};
}

result<made_socket> make_first(std::string_view host, std::uint16_t port, address_use use) {
  auto addresses = resolve(host, port, use);
  if (!addresses) return addresses.error();
  for (std::size_t i = 0;; ++i) {
    auto made = make_one((*addresses)[i], use);
    if (made || i + 1 == addresses->size()) return made;
    if (host == "*" && made.error() == std::errc::address_in_use) return made;
  }
}

}  // namespace

result<udp_socket> udp_socket::bind(std::string_view host, std::uint16_t port) {
  auto made = make_first(host, port, address_use::listen);
  if (!made) return made.error();
  return udp_socket(std::move(made->socket), std::move(made->where));
}

result<udp_socket> udp_socket::connect(std::string_view host, std::uint16_t port) {
  auto made = make_first(host, port, address_use::connect);
  if (!made) return made.error();
  return udp_socket(std::move(made->socket), std::move(made->where));
}

result<udp_socket> udp_socket::adopt(transom::fd owned) {
  place where = fd_place(owned.get());
  auto kind = adopt_socket(owned, AF_INET, AF_INET6, where);
  if (!kind) return kind.error();
  if (*kind != socket_kind::datagram) return error(errc::unsupported, "adopt", where).with_detail("not datagrams");
  return udp_socket(std::move(owned), std::move(where));
}

}  // namespace transom::os
