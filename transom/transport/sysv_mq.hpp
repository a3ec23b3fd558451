// transom/transport/sysv_mq.hpp - sysv-mq: whole messages through a System V queue, chosen by type. Private to the
// library.
//
// A message sent without a type has type 1 in the queue: recv({.type = 1}) gets those as well. The kernel bounds the
// queue in bytes (kernel.msgmnb); a capacity in messages, if one was asked for, is kept by the senders, exactly as
// long as one sends at a time.
//
// The kernel has neither deadlines nor descriptors here. Who waits sleeps at a bell in the record, which every sender
// and receiver of ours rings; with framing=raw, or without a record, it looks at most 1 ms apart.
#pragma once
#include "transom/transport/transport.hpp"

namespace transom::transport {

/// Close and death are seen through the record: not with framing=raw. With keep also outlives_processes.
inline constexpr feature_set sysv_mq_features =
    boundaries | reliable | ordered | backpressure | sees_close | sees_death | types | many_senders | many_receivers;

/// Makes the queue of the key of the path, which must exist, and the id; or joins its other receivers, or uses a
/// stranger's. Fails with type_mismatch, address_in_use (receivers=1 was promised), unsupported for other framing than
/// native and raw, and for a max_message beyond kernel.msgmax and the queue's bytes unless receivers=1; and as
/// os::sysv_queue::create does.
result<std::unique_ptr<receiving_end>> open_sysv_mq_receiver(const url& where, const options& how, const terms& agreed);
/// Waits at most how.connect_timeout for an owner. Fails with no_peer, type_mismatch, permission_denied, unsupported.
result<std::unique_ptr<sending_end>> open_sysv_mq_sender(const url& where, const options& how, const terms& agreed);

}  // namespace transom::transport
