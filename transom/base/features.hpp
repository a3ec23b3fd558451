// transom/base/features.hpp - what a mechanism can do, as a set of names that code can ask about and require.
#pragma once
#include <cstdint>
#include <string>

namespace transom {

/// A set of features; a plain value. `a | b` joins, `contains` asks for all of them.
class feature_set {
 public:
  constexpr feature_set() noexcept = default;
  constexpr explicit feature_set(std::uint32_t bits) noexcept : bits_(bits) {}
  constexpr std::uint32_t bits() const noexcept { return bits_; }
  constexpr bool empty() const noexcept { return bits_ == 0; }
  constexpr bool contains(feature_set wanted) const noexcept { return (bits_ & wanted.bits_) == wanted.bits_; }
  /// What of `wanted` is not here.
  constexpr feature_set lacking(feature_set wanted) const noexcept { return feature_set(wanted.bits_ & ~bits_); }
  constexpr feature_set without(feature_set other) const noexcept { return feature_set(bits_ & ~other.bits_); }
  friend constexpr feature_set operator|(feature_set a, feature_set b) noexcept {
    return feature_set(a.bits_ | b.bits_);
  }
  friend constexpr bool operator==(feature_set, feature_set) noexcept = default;
  /// "reliable, ordered"
  std::string names() const;

 private:
  std::uint32_t bits_ = 0;
};

inline constexpr feature_set boundaries{1u << 0};           ///< a message arrives as one message
inline constexpr feature_set reliable{1u << 1};             ///< what is accepted arrives, while both sides live
inline constexpr feature_set ordered{1u << 2};              ///< per sender
inline constexpr feature_set backpressure{1u << 3};         ///< a full channel delays its sender
inline constexpr feature_set sees_close{1u << 4};           ///< an orderly end of the peer is seen
inline constexpr feature_set sees_death{1u << 5};           ///< a peer that died is told from one that closed
inline constexpr feature_set fd_passing{1u << 6};           ///< descriptors travel in messages
inline constexpr feature_set zero_copy{1u << 7};            ///< loans are written and views read in place
inline constexpr feature_set priorities{1u << 8};           ///< larger priorities overtake
inline constexpr feature_set types{1u << 9};                ///< a receiver may ask for one type
inline constexpr feature_set many_senders{1u << 10};        ///< n:1
inline constexpr feature_set many_receivers{1u << 11};      ///< n:m, each message to one of them
inline constexpr feature_set outlives_processes{1u << 12};  ///< messages outlive every process
inline constexpr feature_set power_safe{1u << 13};          ///< messages outlive the machine's power
inline constexpr feature_set crosses_hosts{1u << 14};       ///< the peer may be on another machine

}  // namespace transom
