// transom/transport/unix_datagram.hpp - unix+dgram: datagrams from any number of senders to one bound socket, or
// between the two ends of a pair. Private to the library.
//
// Each message is one datagram with a header; what does not fit travels in a sealed memfd. The kernel loses none:
// where the receiver's queue is full (net.unix.max_dgram_qlen) or the sender's buffer, the sender waits. A datagram
// socket has no end of stream, so close and death are seen through the record, and in a pair, which has no record,
// only the CLOSE frame tells: a death there is not seen.
#pragma once
#include <memory>

#include "transom/transport/transport.hpp"

namespace transom::transport {

inline constexpr feature_set unix_datagram_features =
    boundaries | reliable | ordered | backpressure | sees_close | sees_death | fd_passing | many_senders;

/// Owns the name and binds the path; the socket of a dead owner is replaced. Fails with address_in_use,
/// type_mismatch, unsupported.
result<std::unique_ptr<receiving_end>> open_unix_datagram_receiver(const url& where, const options& how,
                                                                   const terms& agreed);
/// Waits at most how.connect_timeout for the socket. Fails with no_peer, type_mismatch, permission_denied, unsupported.
result<std::unique_ptr<sending_end>> open_unix_datagram_sender(const url& where, const options& how,
                                                               const terms& agreed);
/// Both ends of a channel without a name. features() lacks sees_death.
result<ends> open_unix_datagram_pair(const url& where, const options& how, const terms& agreed);

}  // namespace transom::transport
