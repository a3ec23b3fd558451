// tests/explore/view.hpp - what a thread, a message or a fence has seen, and the list of all messages of one word.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

namespace transom::explore {

inline constexpr std::size_t max_threads = 8, max_words = 64, max_messages = 64;

constexpr std::uint64_t mix(std::uint64_t into, std::uint64_t value) noexcept {
  std::uint64_t x = (into ^ value) * 0x9E3779B97F4A7C15u;
  x ^= x >> 32;
  return x * 0xD6E8FEB86659FD93u;
}

/// Of each word the newest message that may not be missed.
struct sight {
  std::array<std::uint16_t, max_words> word{};

  void join(const sight& other) noexcept {
    for (std::size_t i = 0; i < max_words; ++i) word[i] = word[i] < other.word[i] ? other.word[i] : word[i];
  }
  std::uint64_t hash() const noexcept {
    std::uint64_t sum = 1;
    for (std::size_t i = 0; i < max_words; i += 4)
      sum = mix(sum, word[i] | std::uint64_t{word[i + 1]} << 16 | std::uint64_t{word[i + 2]} << 32 |
                         std::uint64_t{word[i + 3]} << 48);
    return sum;
  }
};

/// That, and of each thread the step up to which its plain accesses come before.
struct view {
  sight seen;
  std::array<std::uint16_t, max_threads> step{};

  void join(const view& other) noexcept {
    seen.join(other.seen);
    for (std::size_t i = 0; i < max_threads; ++i) step[i] = step[i] < other.step[i] ? other.step[i] : step[i];
  }
  std::uint64_t hash() const noexcept {
    std::uint64_t sum = seen.hash();
    for (std::uint16_t one : step) sum = mix(sum, one);
    return sum;
  }
};

/// One store: its value, and what whoever reads it with acquire takes over.
struct message {
  std::uint64_t value;
  view known;
};

/// One word that several threads touch. `messages[0]` is what it held when it was first touched.
struct word_history {
  std::uint64_t execution = 0;        ///< to which the messages belong
  std::uint16_t index = 0;            ///< in each sight
  std::uint16_t count = 0, told = 0;  ///< `told`: the newest message that a wake on this word comes after
  std::uint64_t hash = 0;             ///< of what is above and below
  std::array<message, max_messages> messages;

  message& newest() noexcept { return messages[count - 1u]; }
};

}  // namespace transom::explore
