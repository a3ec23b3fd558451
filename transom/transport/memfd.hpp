// transom/transport/memfd.hpp - memfd: one sender and one receiver who need not trust each other. Private to the
// library.
//
// Two sealed memories, one per direction: each is written by one side and mapped read-only by the other. A socket pair
// is the lifeline: it ends when the last holder of the other end is gone, and it is what poll(2) sees.
//
// Trust: the peer may write anything into its memory at any time. What is read there is read once, checked against our
// own geometry, and copied out before it is looked at; with trust=peer messages are read where they lie. Neither side
// can resize the memory. A descriptor that was given is for reading only; a peer of the same user who may open
// /proc/self/fd can get around that, one in a sandbox cannot.
#pragma once
#include "transom/transport/lane_plan.hpp"

namespace transom::transport {

inline constexpr feature_set memfd_features = lane_features.without(zero_copy);  // but for trust=peer

/// Makes both ends in this process; either can be given away. Fails with no_space_on_device, too_many_files_open.
result<ends> open_memfd_pair(const url& where, const options& how, const terms& agreed);
/// Take over an end that came from another process. Fail with protocol_error when what came is not what give() packs.
result<std::unique_ptr<receiving_end>> adopt_memfd_receiver(const url& where, handover packed, const options& how);
result<std::unique_ptr<sending_end>> adopt_memfd_sender(const url& where, handover packed, const options& how);

}  // namespace transom::transport
