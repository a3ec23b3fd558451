// transom/transport/lane_receiver.hpp - the receiving end of a channel of lanes: one lane per sender, merged here.
// Private to the library.
//
// Order: each sender's messages come in its order; between senders, each lane has its turn. No word is written by two
// senders, so a dead one holds up nobody but itself.
//
// The end of a sender is reported after its last message: a lane is looked at once more after its sender was seen to
// have left or died, and only if that finds nothing is it given up. So nothing committed is ever left behind.
#pragma once
#include <memory>

#include "transom/os/poll.hpp"
#include "transom/transport/lane_link.hpp"
#include "transom/transport/transport.hpp"

namespace transom::transport {

/// What a receiving end is made of.
struct lane_receiver_parts {
  std::string url;
  options how;
  feature_set features;
  std::size_t largest_message = 0;
  shm::lane_geometry sizes;
  std::unique_ptr<receiver_link> link = {};
  lane_side mine;
  bool adopt = false;    ///< takes over from a dead receiver: what that one had shown comes again
  bool trusting = true;  ///< messages are read where they lie; otherwise they are copied first
};
std::unique_ptr<receiving_end> make_lane_receiver(lane_receiver_parts from, os::waker waker);

}  // namespace transom::transport
