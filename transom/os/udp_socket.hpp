// transom/os/udp_socket.hpp - datagrams between machines: each may be lost, doubled or overtaken, and none is cut
// without saying so. Not encrypted, not authenticated.
//
// Death: nobody tells. A connected socket may learn from the other machine that nobody listens there, as
// connection_refused from a later call.
#pragma once
#include <cstdint>
#include <string_view>

#include "transom/os/socket.hpp"

namespace transom::os {

/// The largest payload of a datagram over IPv4, bytes.
inline constexpr std::size_t max_datagram = 65'507;

/// A UDP socket; send, receive and batches are those of socket. Thread safety: as socket.
class udp_socket : public socket {
 public:
  /// Receives what is sent to `host`:`port`. "*": every address, v6 and v4; port 0: a free one, which local() tells.
  /// Fails with address_in_use. udp(7).
  static result<udp_socket> bind(std::string_view host, std::uint16_t port);
  /// Sends to `host`:`port` and receives only from there. Nothing travels, so this succeeds without a receiver.
  static result<udp_socket> connect(std::string_view host, std::uint16_t port);
  /// Takes over a UDP socket and makes it close-on-exec. Fails with unsupported if it is something else.
  static result<udp_socket> adopt(transom::fd owned);

 private:
  udp_socket(transom::fd owned, place where) noexcept
      : socket(std::move(owned), socket_kind::datagram, std::move(where)) {}
};

}  // namespace transom::os
