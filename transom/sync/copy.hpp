// transom/sync/copy.hpp - copies at the width that does not stall.
//
// A load that is wider than a store right before it waits until that store has reached the cache. So what a caller has
// just written is read no wider than he wrote it, and what he will read is written as wide as he may read it. Plain
// loops and builtins promise neither: compilers make a string instruction of a copy of middling size, or a loop of
// bytes.
//
// tests/explore puts a header of the same name before this one.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "transom/sync/atomic.hpp"

#if defined(__SSE2__) && !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
#define TRANSOM_WIDE_COPIES 1
#endif

namespace transom::sync {

/// What `count` neighbouring words hold, each loaded once and relaxed, to `to`, which nobody else sees. As wide as the
/// processor can: a reader of `to` with loads wider than the stores here would stall until they have reached the cache.
/// `count` is constant where speed matters.
[[gnu::always_inline]] inline void load_words(void* to, const atomic<std::uint64_t>* from, std::size_t count) noexcept {
  std::size_t i = 0;
#ifdef TRANSOM_WIDE_COPIES
  using pair [[gnu::vector_size(16), gnu::aligned(8), gnu::may_alias]] = long long;
  using loose_pair [[gnu::vector_size(16), gnu::aligned(1), gnu::may_alias]] = long long;
#pragma GCC unroll 4
  for (; i + 2 <= count; i += 2)
    static_cast<loose_pair*>(to)[i / 2] = *reinterpret_cast<const volatile pair*>(from + i);
#endif
#pragma GCC unroll 8
  for (; i < count; ++i) {
    const std::uint64_t word = from[i].load(relaxed);
    std::memcpy(static_cast<std::byte*>(to) + i * 8, &word, 8);
  }
}

/// Like memcpy, which compilers replace by a string instruction where the size is constant and middling: at these sizes
/// that costs several times the copy.
[[gnu::always_inline]] inline void copy_bytes(std::byte* to, const std::byte* from, std::size_t size) noexcept {
#ifdef TRANSOM_WIDE_COPIES
  constexpr std::size_t middling = 1024;
  if (size <= middling) {
    using chunk [[gnu::vector_size(16), gnu::aligned(1), gnu::may_alias]] = long long;
    std::size_t at = 0;
#pragma GCC unroll 4
    for (; at + 16 <= size; at += 16)
      *reinterpret_cast<chunk*>(to + at) = *reinterpret_cast<const volatile chunk*>(from + at);
    if (at == size) return;
    if (size >= 16) {
      *reinterpret_cast<chunk*>(to + size - 16) = *reinterpret_cast<const volatile chunk*>(from + size - 16);
      return;
    }
  }
#endif
  std::memcpy(to, from, size);
}

}  // namespace transom::sync
#undef TRANSOM_WIDE_COPIES
