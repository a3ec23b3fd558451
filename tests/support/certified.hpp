// tests/support/certified.hpp - messages that prove themselves, and the ledger that believes nothing else.
//
// A message is text and a function of (sender, sequence, size) alone: 32 characters that name the three, then an
// alphabet of 61 characters, a number that shares no factor with any buffer, begun at a place that the three decide.
// Whatever is torn, doubled, lost, swapped or mixed shows. Below 32 characters only the size can be certified.
#pragma once
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <map>
#include <string>
#include <string_view>

namespace transom::testing {

inline constexpr std::size_t certificate = 32;

struct certified {
  unsigned sender = 0;
  std::uint64_t sequence = 0;
  std::size_t size = 0;
};

/// The message that these three make.
inline std::string message_of(const certified& what) {
  static constexpr std::string_view alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ012345678";
  static_assert(alphabet.size() == 61);
  static const std::string long_alphabet = [] {
    std::string text;
    for (int i = 0; i < 200; ++i) text += alphabet;
    return text;
  }();
  std::string text(what.size, '\0');
  std::size_t at = 0;
  if (what.size >= certificate) {
    char head[certificate + 1];
    std::snprintf(head, sizeof head, "%06x:%010llx:%013zx:", what.sender & 0xffffff,
                  static_cast<unsigned long long>(what.sequence), what.size);
    std::memcpy(text.data(), head, certificate);
    at = certificate;
  }
  std::size_t phase = static_cast<std::size_t>(what.sequence * 7 + what.sender * 13 + what.size) % 61;
  while (at < what.size) {
    const std::size_t piece = std::min(what.size - at, long_alphabet.size() - phase);
    std::memcpy(text.data() + at, long_alphabet.data() + phase, piece);
    at += piece;
    phase = 0;
  }
  return text;
}

/// What the first 32 characters claim; size 0: they claim nothing.
inline certified claim_of(std::string_view text) {
  certified claim;
  if (text.size() < certificate || text[6] != ':' || text[17] != ':' || text[31] != ':') return {};
  const auto number = [&](std::size_t from, std::size_t length, auto& into) {
    const char* end = text.data() + from + length;
    return std::from_chars(text.data() + from, end, into, 16).ptr == end;
  };
  if (!number(0, 6, claim.sender) || !number(7, 10, claim.sequence) || !number(18, 13, claim.size)) return {};
  return claim;
}

/// Sizes between 32 and `largest`, mostly small, that the sequence decides.
inline std::size_t varied_size(std::uint64_t sequence, std::size_t largest) {
  const std::uint64_t mixed = (sequence + 1) * 0x9E3779B97F4A7C15u;
  const std::size_t room = (mixed >> 60) == 0 ? largest : std::min<std::size_t>(largest, 512);
  return certificate + static_cast<std::size_t>(mixed >> 20) % (room - certificate + 1);
}

/// Checks what arrives: each message whole, once, and in the order of its sender.
class ledger {
 public:
  /// `loses`: gaps are all right (udp); doubled, swapped back and torn ones never are.
  explicit ledger(bool loses = false) : loses_(loses) {}

  /// One message. False: see complaint().
  bool accept(std::string_view text) {
    if (text.size() < certificate) return text == message_of({.size = text.size()}) || complain("a torn short message");
    const certified claim = claim_of(text);
    if (claim.size != text.size()) {
      return complain("a message of " + std::to_string(text.size()) + " bytes that claims " +
                      std::to_string(claim.size));
    }
    if (text != message_of(claim)) return complain("a torn message " + std::to_string(claim.sequence));
    std::uint64_t& expected = next_[claim.sender];
    if (claim.sequence != expected && !(loses_ && claim.sequence > expected)) {
      return complain("message " + std::to_string(claim.sequence) + " of sender " + std::to_string(claim.sender) +
                      " where " + std::to_string(expected) + " was due");
    }
    expected = claim.sequence + 1;
    ++count_;
    return true;
  }
  /// Bytes of a stream without boundaries: accepts every message that is complete.
  bool accept_stream(std::string_view some) {
    pending_ += some;
    while (pending_.size() >= certificate) {
      const certified claim = claim_of(pending_);
      if (claim.size < certificate) return complain("a stream that has lost its place");
      if (pending_.size() < claim.size) return true;
      if (!accept(std::string_view(pending_).substr(0, claim.size))) return false;
      pending_.erase(0, claim.size);
    }
    return true;
  }

  std::uint64_t count() const { return count_; }
  /// The sequence due next from a sender.
  std::uint64_t next_of(unsigned sender) const {
    const auto found = next_.find(sender);
    return found == next_.end() ? 0 : found->second;
  }
  const std::string& complaint() const { return complaint_; }

 private:
  bool complain(std::string what) {
    if (complaint_.empty()) complaint_ = std::move(what);
    return false;
  }

  bool loses_;
  std::uint64_t count_ = 0;
  std::map<unsigned, std::uint64_t> next_;
  std::string pending_, complaint_;
};

}  // namespace transom::testing
