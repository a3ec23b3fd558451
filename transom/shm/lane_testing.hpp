// transom/shm/lane_testing.hpp - a lane in memory that parent and children share. For tests only.
#pragma once
#include <cstring>
#include <string>
#include <string_view>

#include "transom/os/mapping.hpp"
#include "transom/shm/lane_body.hpp"
#include "transom/shm/lane_reader.hpp"
#include "transom/shm/lane_writer.hpp"

namespace transom::shm::testing {

/// One lane of a body, zeros at first.
class lane_fixture {
 public:
  explicit lane_fixture(const lane_geometry& sizes)
      : memory_(os::mapping::anonymous(lane_body::bytes_for(sizes, 2), os::share::shared).or_throw()), sizes_(sizes) {
    lane_body::create(memory_.bytes(), sizes, 2, 0);
    body_ = lane_body::attach(memory_.bytes());
    sync::sleeper(control().receiver_waits, control().receiver_bell).introduce();
  }
  lane_control& control() const { return body_->control(); }
  lane_memory lane() const { return body_->lane(1); }
  const lane_geometry& sizes() const { return sizes_; }
  lane_writer writer() const { return {lane(), sizes_, control().receiver_waits, control().receiver_bell}; }
  lane_reader reader() const { return {lane(), sizes_, lane().out->waits, lane().in->room_bell}; }

 private:
  os::mapping memory_;
  lane_geometry sizes_;
  std::optional<lane_body> body_;
};

inline std::span<const std::byte> as_bytes(std::string_view text) { return std::as_bytes(std::span(text)); }
inline std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace transom::shm::testing
