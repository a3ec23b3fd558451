// transom/os/socket_address.cpp - reading the kernel's addresses, and asking the resolver for them.
#include "transom/os/socket_address.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <memory>

#include "transom/base/ensure.hpp"

namespace transom::os {

static_assert(sizeof(sockaddr_storage) <= socket_address::capacity);

namespace {

template <typename Address>
Address as(const socket_address& from) noexcept {
  Address address{};
  std::memcpy(&address, from.data(), std::min(sizeof address, from.size()));
  return address;
}

std::string unix_text(const socket_address& from) {
  const auto address = as<sockaddr_un>(from);
  if (from.size() <= offsetof(sockaddr_un, sun_path)) return "unix:";
  const std::size_t length = std::min(from.size() - offsetof(sockaddr_un, sun_path), sizeof address.sun_path);
  if (address.sun_path[0] == '\0') return "unix:@" + std::string(address.sun_path + 1, length - 1);
  return "unix:" + std::string(address.sun_path, ::strnlen(address.sun_path, length));
}

std::string internet_text(const socket_address& from, int family) {
  char host[NI_MAXHOST] = {};
  if (::getnameinfo(static_cast<const sockaddr*>(from.data()), static_cast<socklen_t>(from.size()), host, sizeof host,
                    nullptr, 0, NI_NUMERICHOST) != 0) {
    return {};
  }
  const std::string port = std::to_string(from.port());
  return family == AF_INET6 ? "[" + std::string(host) + "]:" + port : std::string(host) + ":" + port;
}

template <typename Address>
socket_address any_address(Address address) {
  return {&address, sizeof address};
}

// The resolver has a vocabulary of its own; these are the words of errno that a caller can act on.
error resolver_error(int code, int number, const place& where) {
  if (code == EAI_SYSTEM) return error::system(number, "getaddrinfo", where);
  const int meaning = code == EAI_MEMORY ? ENOMEM : code == EAI_AGAIN ? EHOSTUNREACH : EADDRNOTAVAIL;
  return error::system(meaning, "getaddrinfo", where).with_detail(::gai_strerror(code));
}

}  // namespace

socket_address::socket_address(const void* data, std::size_t size) : size_(static_cast<std::uint32_t>(size)) {
  detail::ensure(size <= capacity, "a socket address has at most 128 bytes");
  std::memcpy(bytes_.data(), data, size);
}

bool operator==(const socket_address& a, const socket_address& b) noexcept {
  return a.size_ == b.size_ && std::memcmp(a.bytes_.data(), b.bytes_.data(), a.size_) == 0;
}

std::string socket_address::text() const {
  if (size_ < sizeof(sa_family_t)) return {};
  const int family = as<sockaddr>(*this).sa_family;
  if (family == AF_UNIX) return unix_text(*this);
  if (family == AF_INET || family == AF_INET6) return internet_text(*this, family);
  return "family " + std::to_string(family);
}

std::uint16_t socket_address::port() const noexcept {
  if (size_ < sizeof(sa_family_t)) return 0;
  switch (as<sockaddr>(*this).sa_family) {
    case AF_INET: return ntohs(as<sockaddr_in>(*this).sin_port);
    case AF_INET6: return ntohs(as<sockaddr_in6>(*this).sin6_port);
    default: return 0;
  }
}

result<std::vector<socket_address>> resolve(std::string_view host, std::uint16_t port, address_use use) {
  const place where(std::string(host) + ":" + std::to_string(port));
  if (host == "*" && use == address_use::listen) {
    const sockaddr_in6 v6{.sin6_family = AF_INET6,
                          .sin6_port = htons(port),
                          .sin6_flowinfo = 0,
                          .sin6_addr = IN6ADDR_ANY_INIT,
                          .sin6_scope_id = 0};
    const sockaddr_in v4{.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {INADDR_ANY}, .sin_zero = {}};
    return std::vector{any_address(v6), any_address(v4)};
  }
  std::string name(host);
  if (name.size() >= 2 && name.front() == '[' && name.back() == ']') name = name.substr(1, name.size() - 2);
  if (name.empty() || name == "*") {
    return error::system(EADDRNOTAVAIL, "getaddrinfo", where).with_detail("a peer needs a name or a number");
  }

  const std::string service = std::to_string(port);
  addrinfo wanted{};
  wanted.ai_family = AF_UNSPEC;
  wanted.ai_socktype = SOCK_STREAM;  // any one kind: otherwise each address comes three times
  wanted.ai_flags = AI_NUMERICSERV | AI_NUMERICHOST;
  addrinfo* found = nullptr;
  int code = ::getaddrinfo(name.c_str(), service.c_str(), &wanted, &found);
  if (code == EAI_NONAME) {
    wanted.ai_flags = AI_NUMERICSERV;
    code = ::getaddrinfo(name.c_str(), service.c_str(), &wanted, &found);
  }
  if (code != 0) {
    const int number = errno;
    return resolver_error(code, number, where);
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  std::vector<socket_address> addresses;
  for (const addrinfo* next = found; next != nullptr; next = next->ai_next) {
    if (next->ai_family == AF_INET || next->ai_family == AF_INET6) {
      addresses.emplace_back(next->ai_addr, next->ai_addrlen);
    }
  }
  if (addresses.empty()) return resolver_error(EAI_NONAME, 0, where);
  return addresses;
}

}  // namespace transom::os
