// transom/shm/lane_body.hpp - many lanes in one piece of memory that all participants may write: the body of a shm:,
// posix-shm: or sysv-shm: channel.
//
// Layout (format 1, docs/formats/lane.md): a control block of 4096 bytes, then one lane per row of the participants
// table, each at a multiple of 4096: lane_in, its holds, lane_out, its slots, its arena. Row 0 is usually the
// receiver's, so the lanes begin with that of row 1 and end with that of row 0. A lane's memory is there for certain
// only once its row is ready: whoever joins allocates it first.
//
// Ordering: transom/shm/lane_layout.hpp
//
// Trust: participants trust each other (T1). Even so the control block is checked once, at attach, and copied.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "transom/shm/lane_layout.hpp"

namespace transom::shm {

/// The first 4096 bytes of a body. Constant from birth, but for the words of the receiver and its bell.
struct lane_control {
  std::uint32_t magic = 0, version = 0;
  std::uint64_t capacity = 0, arena_bytes = 0, arena_unit = 0;
  std::uint64_t lane_stride = 0;
  std::uint32_t lane_count = 0;
  std::uint32_t most_senders = 0;  ///< at once, as the receiver promised; 0: any number
  alignas(128) sync::wait_word receiver_waits;
  sync::atomic<std::uint32_t> receiver_cpu;          ///< as lane_out::cpu
  alignas(128) sync::bell_word receiver_bell;        ///< rung by all senders
  alignas(128) sync::atomic<std::uint32_t> changes;  ///< a lane has come or its sender has left
  alignas(128) std::array<std::byte, 4096 - 512> unused_too{};
};
static_assert(offsetof(lane_control, capacity) == 8 && offsetof(lane_control, lane_count) == 40);
static_assert(offsetof(lane_control, receiver_waits) == 128 && offsetof(lane_control, receiver_bell) == 256);
static_assert(offsetof(lane_control, changes) == 384 && sizeof(lane_control) == 4096);

/// A body in this process: a view, without ownership.
class lane_body {
 public:
  static constexpr std::uint32_t magic = 0x6e6c5254, version = 1;  // "TRln"

  static std::uint64_t stride_of(const lane_geometry& sizes) noexcept {
    return (out_offset(sizes) + sizes.out_bytes() + 4095) / 4096 * 4096;
  }
  static std::uint64_t bytes_for(const lane_geometry& sizes, unsigned lanes) noexcept {
    return sizeof(lane_control) + stride_of(sizes) * lanes;
  }
  /// Writes the control block of a new body, which is zeros.
  static void create(std::span<std::byte> memory, const lane_geometry& sizes, unsigned lanes,
                     unsigned most_senders) noexcept {
    auto& control = *reinterpret_cast<lane_control*>(memory.data());
    control.version = version;
    control.capacity = sizes.capacity;
    control.arena_bytes = sizes.arena_bytes;
    control.arena_unit = sizes.arena_unit;
    control.lane_stride = stride_of(sizes);
    control.lane_count = lanes;
    control.most_senders = most_senders;
    sync::kill_fence();  // K1
    control.magic = magic;
  }
  /// Whether the maker of this memory, which was zeros, died before create() was done.
  static bool is_unborn(std::span<const std::byte> memory) noexcept {
    return memory.size() >= sizeof(lane_control) && reinterpret_cast<const lane_control*>(memory.data())->magic == 0;
  }
  /// Nothing, if this is no body, is of another version, or cannot be true.
  static std::optional<lane_body> attach(std::span<std::byte> memory) noexcept;

  lane_control& control() const noexcept { return *reinterpret_cast<lane_control*>(memory_.data()); }
  const lane_geometry& sizes() const noexcept { return sizes_; }
  unsigned lanes() const noexcept { return lanes_; }
  std::uint64_t offset_of(unsigned row) const noexcept {
    return sizeof(lane_control) + stride_of(sizes_) * ((row + lanes_ - 1) % lanes_);
  }
  std::uint64_t lane_bytes() const noexcept { return stride_of(sizes_); }
  lane_memory lane(unsigned row) const noexcept {
    std::byte* const at = memory_.data() + offset_of(row);
    return {reinterpret_cast<lane_in*>(at), reinterpret_cast<lane_out*>(at + out_offset(sizes_))};
  }
  /// The number of changes so far.
  std::uint32_t changes() const noexcept { return control().changes.load(sync::acquire); }  // E7
  /// A lane has come or gone: the receiver looks at the rows.
  void announce_change() const noexcept {
    control().changes.fetch_add(1, sync::release);  // E7
    control().receiver_bell.ring_loudly();
  }

 private:
  static std::uint64_t out_offset(const lane_geometry& sizes) noexcept { return (sizes.in_bytes() + 127) / 128 * 128; }
  lane_body(std::span<std::byte> memory, const lane_geometry& sizes, unsigned lanes) noexcept
      : memory_(memory), sizes_(sizes), lanes_(lanes) {}
  std::span<std::byte> memory_;
  lane_geometry sizes_;
  unsigned lanes_ = 0;
};

}  // namespace transom::shm
