// transom/transport/connection_plan.hpp - what the mechanisms with connections decide alike: the shape of a lane, the
// features that are left with a foreign framing, and putting two ends together. Private.
#pragma once
#include <memory>

#include "transom/transport/connection_receiver.hpp"
#include "transom/transport/connection_sender.hpp"
#include "transom/transport/connections.hpp"

namespace transom::transport {

/// How the connections of a channel look, decided before anything is created.
struct connection_plan {
  lane::shape shape;
  feature_set features;
};

/// Fails with unsupported: a framing, an overflow policy or a required feature that the mechanism cannot have.
result<connection_plan> plan_connections(const url& where, const options& how, const terms& agreed,
                                         os::stream_kind kind, bool packets, feature_set features);

/// Connects, and says hello.
result<std::unique_ptr<sending_end>> sender_over(connection_sender::connector connect, const url& where,
                                                 const options& how, const terms& agreed, connection_plan chosen);
/// A receiver whose senders come through `entrance`.
result<std::unique_ptr<receiving_end>> receiver_behind(std::unique_ptr<door> entrance, meter::record membership,
                                                       const url& where, const options& how, const terms& agreed,
                                                       connection_plan chosen);
/// Both ends over descriptors that were made for each other.
result<ends> pair_over(fd reading, fd writing, const url& where, const options& how, const terms& agreed,
                       connection_plan chosen);

}  // namespace transom::transport
