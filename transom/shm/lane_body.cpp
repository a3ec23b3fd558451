// transom/shm/lane_body.cpp - see lane_body.hpp.
//
// Ordering: transom/shm/lane_layout.hpp
#include "transom/shm/lane_body.hpp"

namespace transom::shm {
namespace {

// Beyond these no arithmetic on sizes can overflow.
constexpr std::uint64_t most_messages = std::uint64_t{1} << 32, most_bytes = std::uint64_t{1} << 44;
constexpr std::uint32_t most_lanes = 256;

}  // namespace

std::optional<lane_body> lane_body::attach(std::span<std::byte> memory) noexcept {
  if (memory.size() < sizeof(lane_control)) return {};
  const auto& control = *reinterpret_cast<const lane_control*>(memory.data());
  if (control.magic != magic || control.version != version) return {};
  const lane_geometry sizes{control.capacity, control.arena_bytes, control.arena_unit};
  const unsigned lanes = control.lane_count;
  const bool sound = sizes.capacity > 0 && sizes.capacity <= most_messages && sizes.arena_bytes <= most_bytes &&
                     sizes.arena_unit >= 64 && sizes.arena_unit <= most_bytes && sizes.arena_unit % 64 == 0 &&
                     sizes.arena_bytes % sizes.arena_unit == 0 && lanes > 0 && lanes <= most_lanes &&
                     control.lane_stride == stride_of(sizes) && bytes_for(sizes, lanes) <= memory.size();
  if (!sound) return {};
  return lane_body(memory, sizes, lanes);
}

}  // namespace transom::shm
