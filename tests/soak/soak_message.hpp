// tests/soak/soak_message.hpp - messages that prove themselves and cost little: every byte is a function of the
// incarnation of the producer, the sequence and the size.
//
// The first word is the claim, incarnation << 40 | sequence; the others follow from it, from the size and from their
// place. So a reader that knows what is due compares everything, and what is wrong says which message it was.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace transom::soak {

/// splitmix64's last step: every bit of the result depends on every bit of `x`.
constexpr std::uint64_t mixed(std::uint64_t x) noexcept {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

/// Small, fast, and the same everywhere.
class dice {
 public:
  explicit dice(std::uint64_t seed) noexcept : state_(seed) {}
  std::uint64_t operator()() noexcept { return mixed(state_ += 0x9e3779b97f4a7c15); }
  std::uint64_t below(std::uint64_t limit) noexcept { return (*this)() % limit; }
  bool one_in(std::uint64_t n) noexcept { return below(n) == 0; }

 private:
  std::uint64_t state_;
};

/// A message: who, and its how manieth, from 0.
struct certificate {
  std::uint64_t incarnation = 0, sequence = 0;
  std::uint64_t word() const noexcept { return incarnation << 40 | sequence; }
  static certificate of(std::uint64_t word) noexcept { return {word >> 40, word & ((std::uint64_t{1} << 40) - 1)}; }
  friend bool operator==(const certificate&, const certificate&) = default;
};

/// What a lane carries: sizes from 8 to `usual`, most of them in long rows of one small size; now and then up to
/// `largest`.
struct traffic {
  std::size_t usual = 512, largest = 512;
  static constexpr std::size_t least = 8, growing = 256 << 10;

  std::size_t size_of(certificate message) const noexcept {
    const std::uint64_t row = mixed(message.incarnation * 0x632be59bd9b4e019 + (message.sequence >> 6));
    if (largest > growing && (message.sequence & 63) == 63) return growing + (row >> 16) % (largest - growing + 1);
    if ((row & 7) < 6) return least + (row >> 8) % (57 - least);
    return least + mixed(row + message.sequence) % (usual - least + 1);
  }
};

/// Writes the message into all of `to`, at least 8 bytes.
inline void write_message(std::span<std::byte> to, certificate message) noexcept {
  const std::uint64_t claim = message.word();
  std::memcpy(to.data(), &claim, 8);
  std::uint64_t word = mixed(claim + to.size());
  std::size_t at = 8;
  for (; at + 8 <= to.size(); at += 8, word += 0x9e3779b97f4a7c15) std::memcpy(to.data() + at, &word, 8);
  if (at != to.size()) std::memcpy(to.data() + at, &word, to.size() - at);
}

/// Whether `from` begins a message of `size` bytes that is exactly this one; all of it if it is that long.
inline bool is_message(std::span<const std::byte> from, std::size_t size, certificate message) noexcept {
  const std::uint64_t claim = message.word();
  if (from.size() > size || from.size() < 8 || std::memcmp(from.data(), &claim, 8) != 0) return false;
  std::uint64_t word = mixed(claim + size), wrong = 0;
  std::size_t at = 8;
  for (; at + 8 <= from.size(); at += 8, word += 0x9e3779b97f4a7c15) {
    std::uint64_t there;
    std::memcpy(&there, from.data() + at, 8);
    wrong |= there ^ word;
  }
  return wrong == 0 && std::memcmp(from.data() + at, &word, from.size() - at) == 0;
}

/// The message that `from` says it is, if it really is that one.
inline bool is_whole(std::span<const std::byte> from, certificate& claimed) noexcept {
  if (from.size() < 16) return false;
  std::uint64_t claim;
  std::memcpy(&claim, from.data(), 8);
  claimed = certificate::of(claim);
  return is_message(from, from.size(), claimed);
}

}  // namespace transom::soak
