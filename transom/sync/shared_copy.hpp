// transom/sync/shared_copy.hpp - bytes into shared words and out of them while somebody else may do the same: no data
// race, whatever the bytes become.
//
// A copy that was disturbed is a mixture. Whoever copies out finds that out afterwards, by a word of his own protocol;
// what these copies promise for that purpose is order:
//
//   E1  copy   all that the writer did before copy_in()  ->  a reader who got any byte of it, after copy_out()
//
// On x86-64 the copy is sixteen bytes at a time, in assembler: no word is torn, loads stay in order and so do stores,
// and the compiler neither sees nor moves it. Elsewhere, under ThreadSanitizer and in the explorer it is a loop over
// atomic words with the order in each of them.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "transom/sync/atomic.hpp"

namespace transom::sync {

/// So many words hold `bytes`; a multiple of 16 bytes.
constexpr std::size_t words_for(std::size_t bytes) noexcept { return (bytes + 15) / 16 * 2; }

#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__) && !defined(TRANSOM_COPY_BY_WORDS)

// Four moves a turn, then one a turn; `blocks` of 16 bytes. One side is aligned to 16, the other need not be.
inline void copy_blocks(void* to, const void* from, std::size_t blocks) noexcept {
  auto* target = static_cast<std::byte*>(to);
  auto* source = static_cast<const std::byte*>(from);
  for (; blocks >= 4; blocks -= 4, target += 64, source += 64) {
    asm volatile(
        "movups 0(%1), %%xmm0\n\tmovups 16(%1), %%xmm1\n\tmovups 32(%1), %%xmm2\n\tmovups 48(%1), %%xmm3\n\t"
        "movups %%xmm0, 0(%0)\n\tmovups %%xmm1, 16(%0)\n\tmovups %%xmm2, 32(%0)\n\tmovups %%xmm3, 48(%0)"
        :
        : "r"(target), "r"(source)
        : "memory", "xmm0", "xmm1", "xmm2", "xmm3");
  }
  for (; blocks > 0; --blocks, target += 16, source += 16)
    asm volatile("movups (%1), %%xmm0\n\tmovups %%xmm0, (%0)" : : "r"(target), "r"(source) : "memory", "xmm0");
}

/// Copies `size` bytes into words_for(size) words.
inline void copy_in(atomic<std::uint64_t>* to, const void* from, std::size_t size) noexcept {
  copy_blocks(to, from, size / 16);
  if (size % 16 == 0) return;
  alignas(16) std::byte last[16] = {};
  std::memcpy(last, static_cast<const std::byte*>(from) + size / 16 * 16, size % 16);
  copy_blocks(to + size / 16 * 2, last, 1);
}

/// Copies `size` bytes out of words_for(size) words.
inline void copy_out(void* to, const atomic<std::uint64_t>* from, std::size_t size) noexcept {
  copy_blocks(to, from, size / 16);
  if (size % 16 == 0) return;
  alignas(16) std::byte last[16];
  copy_blocks(last, from + size / 16 * 2, 1);
  std::memcpy(static_cast<std::byte*>(to) + size / 16 * 16, last, size % 16);
}

#else

/// Copies `size` bytes into words_for(size) words.
inline void copy_in(atomic<std::uint64_t>* to, const void* from, std::size_t size) noexcept {
  for (std::size_t at = 0; at < size; at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, static_cast<const std::byte*>(from) + at, size - at < 8 ? size - at : 8);
    to[at / 8].store(word, release);  // E1
  }
}

/// Copies `size` bytes out of words_for(size) words.
inline void copy_out(void* to, const atomic<std::uint64_t>* from, std::size_t size) noexcept {
  for (std::size_t at = 0; at < size; at += 8) {
    const std::uint64_t word = from[at / 8].load(acquire);  // E1
    std::memcpy(static_cast<std::byte*>(to) + at, &word, size - at < 8 ? size - at : 8);
  }
}

#endif

}  // namespace transom::sync
