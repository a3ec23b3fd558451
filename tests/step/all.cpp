// tests/step/all.cpp - the list of what is proved, and of the controls that must fail.
#include "tests/step/operation.hpp"

namespace transom::step {

entries all_entries() {
  entries all;
  add_wake_operations(all);
  add_segment_operations(all);
  add_participant_operations(all);
  add_record_operations(all);
  add_lane_send_operations(all);
  add_lane_receive_operations(all);
  add_channel_operations(all);
  add_memfd_operations(all);
  add_object_operations(all);
  add_lock_operations(all);
  add_event_operations(all);
  add_semaphore_operations(all);
  add_ring_controls(all);
  add_lock_controls(all);
  return all;
}

}  // namespace transom::step
