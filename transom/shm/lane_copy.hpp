// transom/shm/lane_copy.hpp - a payload of at most 56 bytes into a slot and out of it. In by eight bytes at a time: a
// wider load right behind the caller's narrower stores would stall until they have reached the cache. Out as wide as
// can be: no store is near, and the caller's loads may be wide.
#pragma once
#include <cstring>

#include "transom/shm/lane_layout.hpp"
#include "transom/sync/copy.hpp"

namespace transom::shm {

/// `size` <= 56. A constant size costs one move per word.
[[gnu::always_inline]] inline void copy_in(lane_slot& slot, const std::byte* from, std::size_t size) noexcept {
  std::size_t at = 0;
#pragma GCC unroll 7
  for (; at + 8 <= size; at += 8) {
    std::uint64_t word;
    std::memcpy(&word, from + at, 8);
    slot.payload[at / 8].store(word, sync::relaxed);
  }
  if (at == size) return;
  std::uint64_t rest = 0;
  std::memcpy(&rest, from + at, size - at);
  slot.payload[at / 8].store(rest, sync::relaxed);
}

[[gnu::always_inline]] inline void copy_out(std::byte* to, const lane_slot& slot, std::size_t size) noexcept {
  const std::size_t whole = size / 8, at = whole * 8;
  sync::load_words(to, slot.payload.data(), whole);
  if (at == size) return;
  const std::uint64_t rest = slot.payload[whole].load(sync::relaxed);
  std::memcpy(to + at, &rest, size - at);
}

}  // namespace transom::shm
