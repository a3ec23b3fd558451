// transom/os/socket_address.hpp - where a socket is, as the kernel writes it: opaque, copied, compared, printed.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "transom/base/error.hpp"

namespace transom::os {

/// The address of a socket of any family; empty when there is none. A plain value. sockaddr_storage, ip(7), unix(7).
class socket_address {
 public:
  static constexpr std::size_t capacity = 128;  ///< bytes, enough for every family

  socket_address() noexcept = default;
  /// Copies a struct sockaddr of `size` bytes, at most `capacity`.
  socket_address(const void* data, std::size_t size);

  bool empty() const noexcept { return size_ == 0; }
  const void* data() const noexcept { return bytes_.data(); }
  std::size_t size() const noexcept { return size_; }
  /// "127.0.0.1:80", "[::1]:80", "unix:/path", "unix:@name" for an abstract name, "unix:" for an unnamed socket,
  /// "" when empty.
  std::string text() const;
  /// The port of an internet address, 0 for every other.
  std::uint16_t port() const noexcept;

  friend bool operator==(const socket_address& a, const socket_address& b) noexcept;

 private:
  alignas(8) std::array<std::byte, capacity> bytes_{};
  std::uint32_t size_ = 0;
};

/// What the address is for: only a listener may be "*".
enum class address_use { listen, connect };

/// The internet addresses of `host`: a number, "[v6]", a name, or "*" (every address of this machine, v6 and v4,
/// the v6 one first) when it is to listen. Never empty on success. A number is answered at once; a name may ask
/// the network, and that takes as long as the resolver takes: no deadline can end it. Fails with
/// address_not_available for a name nobody knows, host_unreachable when no answer was to be had just now.
/// getaddrinfo(3).
result<std::vector<socket_address>> resolve(std::string_view host, std::uint16_t port, address_use use);

}  // namespace transom::os
