// transom/transport/inproc.hpp - inproc: a bounded queue between the threads of one process. Private to the library.
#pragma once
#include "transom/transport/transport.hpp"

namespace transom::transport {

inline constexpr feature_set inproc_features = boundaries | reliable | ordered | backpressure | sees_close |
                                               fd_passing | zero_copy | many_senders | many_receivers;

/// Makes the queue `where` names, 64 messages of 64 KiB unless `how` says otherwise, or joins its other receivers,
/// whose geometry then counts. Fails with type_mismatch, address_in_use (receivers=1 was promised), unsupported for
/// keep and for foreign framing.
result<std::unique_ptr<receiving_end>> open_inproc_receiver(const url& where, const options& how, const terms& agreed);
/// Waits at most how.connect_timeout for a receiver in this process. Fails with no_peer, type_mismatch,
/// address_in_use (senders=1 was promised), unsupported.
result<std::unique_ptr<sending_end>> open_inproc_sender(const url& where, const options& how, const terms& agreed);
/// Both ends of a queue without a name.
result<ends> open_inproc_pair(const url& where, const options& how, const terms& agreed);

}  // namespace transom::transport
