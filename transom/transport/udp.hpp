// transom/transport/udp.hpp - udp: datagrams between hosts, which may be lost and overtake each other. Private to the
// library.
//
// Each message is one datagram with a header. What is no frame of ours, and what comes twice, is dropped and counted:
// anybody on the network can send to the port, so nothing that comes is an error. Nobody's end is ever seen. Not
// encrypted, not authenticated.
#pragma once
#include <memory>

#include "transom/transport/transport.hpp"

namespace transom::transport {

inline constexpr feature_set udp_features = boundaries | many_senders | crosses_hosts;
/// Bytes of payload in the largest message.
inline constexpr std::size_t largest_udp_message = 65'000;

/// Binds the address; port 0 becomes a free one, which url() tells. Fails with address_in_use, message_too_large,
/// unsupported.
result<std::unique_ptr<receiving_end>> open_udp_receiver(const url& where, const options& how, const terms& agreed);
/// Succeeds without a receiver: what is sent to nobody is lost. Fails with type_mismatch where the receiver's record is
/// on this host, address_not_available, message_too_large, unsupported.
result<std::unique_ptr<sending_end>> open_udp_sender(const url& where, const options& how, const terms& agreed);

}  // namespace transom::transport
