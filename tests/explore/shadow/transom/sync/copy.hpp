// tests/explore/shadow/transom/sync/copy.hpp - what code under exploration gets instead of transom/sync/copy.hpp: a
// step per word, and calls of memcpy(3), which the explorer sees (steps.cpp).
#pragma once
#include <cstddef>
#include <cstring>

#include "transom/sync/atomic.hpp"

namespace transom::sync {

inline void load_words(void* to, const atomic<std::uint64_t>* from, std::size_t count) noexcept {
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t word = from[i].load(relaxed);
    std::memcpy(static_cast<std::byte*>(to) + i * 8, &word, 8);
  }
}

inline void copy_bytes(std::byte* to, const std::byte* from, std::size_t size) noexcept { std::memcpy(to, from, size); }

}  // namespace transom::sync
