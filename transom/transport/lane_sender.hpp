// transom/transport/lane_sender.hpp - the sending end of a lane of shared memory. Private to the library.
//
// Small messages usually do not come here at all: the channel hands them to quick_writer(). What comes here is what
// that refuses, and everything that waits.
#pragma once
#include <memory>

#include "transom/os/poll.hpp"
#include "transom/shm/lane_writer.hpp"
#include "transom/transport/lane_link.hpp"
#include "transom/transport/transport.hpp"

namespace transom::transport {

/// What a sending end is made of.
struct lane_sender_parts {
  std::string url;
  options how;
  feature_set features;
  std::size_t largest_message = 0;
  std::unique_ptr<sender_link> link = {};
  std::unique_ptr<shm::lane_writer> writer = {};
  lane_side mine;
};
std::unique_ptr<sending_end> make_lane_sender(lane_sender_parts from, os::waker waker);

}  // namespace transom::transport
