// transom/transport/posix_mq.hpp - posix-mq: whole messages through a POSIX message queue, larger priorities first.
// Private to the library.
//
// capacity is exact: the queue's number of messages. Waiting is poll(2) on the queue's descriptor. A sender that
// leaves puts a CLOSE message into an empty queue, so that a receiver asleep in poll looks at the record at once.
#pragma once
#include "transom/transport/transport.hpp"

namespace transom::transport {

/// Close and death are seen through the record: not with framing=raw. With keep also outlives_processes.
inline constexpr feature_set posix_mq_features = boundaries | reliable | ordered | backpressure | sees_close |
                                                 sees_death | priorities | many_senders | many_receivers;

/// Makes the queue, or joins its other receivers, or uses a stranger's. Fails with type_mismatch, address_in_use
/// (receivers=1 was promised), unsupported for other framing than native and raw, and for a max_message beyond
/// fs.mqueue.msgsize_max unless receivers=1; and as os::posix_queue::create does.
result<std::unique_ptr<receiving_end>> open_posix_mq_receiver(const url& where, const options& how,
                                                              const terms& agreed);
/// Waits at most how.connect_timeout for an owner. Fails with no_peer, type_mismatch, permission_denied, unsupported.
result<std::unique_ptr<sending_end>> open_posix_mq_sender(const url& where, const options& how, const terms& agreed);

}  // namespace transom::transport
