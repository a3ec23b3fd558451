// transom/transport/lane_plan.hpp - how large the lanes of a channel are, by its options. Private to the library.
#pragma once
#include <chrono>

#include "transom/shm/lane_layout.hpp"
#include "transom/transport/transport.hpp"

namespace transom::transport {

/// One lane per sender; one receiver. What fits in a lane is bounded, nothing is dropped.
inline constexpr feature_set lane_features =
    boundaries | reliable | ordered | backpressure | sees_close | sees_death | zero_copy;

struct lane_plan {
  shm::lane_geometry sizes;
  std::size_t max_message = 0;
  unsigned rows = 0;  ///< participants that the record has room for
  feature_set features;
};

/// `arena`: bytes for payloads beyond 56 as asked for; 0: by the type. A plain T has room for `capacity` messages;
/// anything else for one message of the default size, or for up to eight of a max_message that was asked for. Fails
/// with unsupported for what lanes cannot do, message_too_large, invalid_argument for an arena below max_message.
/// The key `watch` of a URL: how long a wait goes on before it looks whether its peers are alive; 100 ms if it says
/// nothing. Fails with bad_url.
result<std::chrono::nanoseconds> watch_of(const url& where);

result<lane_plan> plan_lanes(const url& where, const options& how, const terms& agreed, std::size_t arena,
                             feature_set features);

}  // namespace transom::transport
