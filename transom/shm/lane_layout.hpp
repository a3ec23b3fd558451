// transom/shm/lane_layout.hpp - the bytes of a lane: how one sender hands messages to one receiver through memory.
//
// Layout (format 1, little-endian; docs/formats/lane.md is the contract). A lane has two parts, which may lie in one
// mapping or in two, because no word is written by both sides:
//
//     lane_in    written by the receiver    head, the bell of the sender, holds
//     lane_out   written by the sender      its wait word, where it began, progress, counts, slots, arena
//
// A slot is one cache line: a word, (n + 1) << 8 | kind, and 56 bytes. Kind 0..56: the message is here and so long.
// Kind `in_arena`: payload 0 and 1 are offset and length in the lane's arena. Kind `growing`: the same, published
// before all of it is written; lane_out::progress tells how far it is.
//
// Invariants
//   I1  Slot n % slot_count holds message n iff its word is (n + 1) << 8 | kind; until then it is what the previous lap
//       left, (n + 1 - slot_count) << 8 | kind, or 0 in the first lap.
//   I2  The receiver owns slot n iff head <= n and message n is there, otherwise the sender does.
//   I3  A message whose slot says `growing` is not committed. If its sender is dead it never will be: it is torn.
//   I4  A message is acknowledged once head is above it and no hold names it. Its bytes in the arena are the
//       receiver's from the publication until then.
//
// Ordering, of lane_layout, lane_writer, lane_reader and lane_body
//   E1  publish  the payload, then the slot's word     ->  the receiver's reads of it (commit: nothing before it)
//   E2  head     the receiver's reads and its holds    ->  the sender's next writes to the slot
//   E3  release  the reads of a held message           ->  the sender's writes to its run; the hold's next message
//   E4  grow     the bytes of a growing message        ->  who reads progress
//   E5  return   a loan's writes, in another thread    ->  the sender's reuse of its run
//   E6  leave    the last quick call                   ->  who has closed
//   E7  change   what a sender's row and lane say      ->  the receiver's look at them
//   E8  over     the last use of a lane by release()   ->  the end of the lane's reader
//   K1  a hold is written before head passes its message
//   F1  entering_, then the limit of quick calls (light) and F3 that limit, then closed_ (full): each pairs with
//   F2  closed, limit 0, then entering_ (heavy)
//
// Trust: each side checks what the other wrote before it becomes an index, against a geometry of its own.
#pragma once
#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "transom/sync/atomic.hpp"
#include "transom/sync/waiting.hpp"

namespace transom::shm {

/// The most bytes that travel in the line of their word.
inline constexpr std::size_t inline_bytes = 56;

/// How many slots ahead their lines are fetched: as many as the cache can wait for at once.
inline constexpr std::size_t slots_ahead = 16;

/// What a slot's word says besides the number of its message.
struct slot_kind {
  static constexpr std::uint64_t in_arena = 0xA0;
  static constexpr std::uint64_t growing = 0xA1;
};
constexpr std::uint64_t slot_word(std::uint64_t n, std::uint64_t kind) noexcept { return (n + 1) << 8 | kind; }
/// How many messages there are up to and with that of `word`; 0: none.
constexpr std::uint64_t count_of(std::uint64_t word) noexcept { return word >> 8; }
constexpr std::uint64_t kind_of(std::uint64_t word) noexcept { return word & 255; }

/// One line: a word and 56 bytes, as seven words, so that small messages are copied in the width they are written.
struct alignas(64) lane_slot {
  sync::atomic<std::uint64_t> word;
  std::array<sync::atomic<std::uint64_t>, 7> payload;
};
static_assert(sizeof(lane_slot) == 64 && offsetof(lane_slot, payload) == 8);

/// What the receiver writes; `hold_count` holds follow.
struct lane_in {
  alignas(128) sync::atomic<std::uint64_t> head;  ///< messages taken out of the slots
  sync::bell_word room_bell;                      ///< the sender sleeps on it
  sync::atomic<std::uint32_t> holds_used;         ///< holds beyond were never used; only grows
};
static_assert(sizeof(lane_in) == 128 && offsetof(lane_in, room_bell) == 8 && offsetof(lane_in, holds_used) == 12);

/// What the sender writes; the slots and the arena follow.
struct lane_out {
  alignas(128) sync::wait_word waits;                 ///< of the sender, who waits for room
  sync::atomic<std::uint32_t> cpu;                    ///< where the sender ran when it last looked, plus 1; 0: unknown
  sync::atomic<std::uint64_t> first;                  ///< the number of this sender's first message
  alignas(128) sync::bell_word bell;                  ///< memfd: the receiver sleeps on it
  alignas(128) sync::atomic<std::uint64_t> progress;  ///< bytes written of the message that is growing
  sync::atomic<std::uint64_t> bytes;                  ///< payload sent, as of the last look
  sync::atomic<std::uint64_t> times_full;
};
static_assert(offsetof(lane_out, cpu) == 4 && offsetof(lane_out, first) == 8 && offsetof(lane_out, bell) == 128);
static_assert(offsetof(lane_out, progress) == 256 && sizeof(lane_out) == 384);

/// The sizes of a lane. Chosen once; each side keeps a copy of its own.
struct lane_geometry {
  std::uint64_t capacity = 0;     ///< messages it holds at most; exact
  std::uint64_t arena_bytes = 0;  ///< a multiple of arena_unit
  std::uint64_t arena_unit = 64;  ///< every payload in the arena begins at a multiple of it; a multiple of 64

  std::uint64_t slot_count() const noexcept { return std::bit_ceil(capacity); }
  /// How many views may be out at once.
  std::uint64_t hold_count() const noexcept { return std::min<std::uint64_t>(slot_count(), 64); }
  std::uint64_t in_bytes() const noexcept { return sizeof(lane_in) + hold_count() * sizeof(lane_slot); }
  std::uint64_t arena_offset() const noexcept { return sizeof(lane_out) + slot_count() * sizeof(lane_slot); }
  std::uint64_t out_bytes() const noexcept { return arena_offset() + arena_bytes; }
  friend bool operator==(const lane_geometry&, const lane_geometry&) = default;
};

/// Where a lane lies in this process.
struct lane_memory {
  lane_in* in = nullptr;
  lane_out* out = nullptr;

  lane_slot* holds() const noexcept { return reinterpret_cast<lane_slot*>(in + 1); }
  lane_slot* slots() const noexcept { return reinterpret_cast<lane_slot*>(out + 1); }
  std::byte* arena(const lane_geometry& sizes) const noexcept {
    return reinterpret_cast<std::byte*>(out) + sizes.arena_offset();
  }
};

}  // namespace transom::shm
