// transom/transport/named_lanes.hpp - shm: channels of lanes that processes find by name. Private to the library.
//
// Trust: every participant can write all of the memory, and is trusted to (T1).
#pragma once
#include "transom/transport/transport.hpp"

namespace transom::transport {

/// Makes the channel and owns its name; takes over a leftover with keep. Fails with address_in_use, type_mismatch,
/// no_space_on_device (what is needed, what is free, where), unsupported, protocol_error for a file of another version.
result<std::unique_ptr<receiving_end>> open_named_lanes_receiver(const url& where, const options& how,
                                                                 const terms& agreed);
/// Waits at most how.connect_timeout for the owner, and makes a lane of its own. Fails with no_peer, type_mismatch,
/// no_space_on_device, no_buffer_space when all places for senders are taken, address_in_use (senders=N was promised).
result<std::unique_ptr<sending_end>> open_named_lanes_sender(const url& where, const options& how, const terms& agreed);

}  // namespace transom::transport
