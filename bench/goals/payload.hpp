// bench/goals/payload.hpp - what is written into each message and checked at the other side: every word of it.
//
// Word i of a message is seed + i. Written and added up in words of eight bytes, in four pairs at a time, which the
// compiler turns into the widest loads of the baseline instruction set: the same code for every system, so that no
// mechanism pays for somebody's slower loop.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

namespace goals {

using word = std::uint64_t;

template <std::size_t Extent>
inline void write_words(std::span<word, Extent> into, word seed) noexcept {
  word* const to = into.data();
  const std::size_t n = into.size();
  for (std::size_t i = 0; i < n; ++i) to[i] = seed + i;
}

/// 0 if every word is what a sender with `seed` has written, else something else. Reads all of them in any case.
template <std::size_t Extent>
inline word difference(std::span<const word, Extent> from, word seed) noexcept {
  const word* const w = from.data();
  const std::size_t n = from.size();
  if constexpr (Extent <= 8) {  // eight sums would only be stored to be added up: in some rows, at once
    word all = 0;
    for (std::size_t i = 0; i < n; ++i) all += w[i];
    return all - (seed * n + n * (n - 1) / 2);
  }
  word sum[8] = {};
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (std::size_t k = 0; k < 8; ++k) sum[k] += w[i + k];
  }
  if constexpr (Extent % 8 != 0) {  // a dynamic extent is not a multiple either
    for (; i < n; ++i) sum[0] += w[i];
  }
  word all = 0;
  for (const word part : sum) all += part;
  return all - (seed * n + n * (n - 1) / 2);
}

}  // namespace goals
