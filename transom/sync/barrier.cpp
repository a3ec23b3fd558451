// transom/sync/barrier.cpp - see barrier.hpp.
// Ordering: see transom/sync/barrier.hpp.
#include "transom/sync/barrier.hpp"

#include <bit>

#include "transom/os/futex.hpp"
#include "transom/sync/membership.hpp"
#include "transom/sync/patient_sleep.hpp"

namespace transom::sync {
namespace {

constexpr const char* operation = "arrive_and_wait";
constexpr int none = -1, look_again = -2;

constexpr std::uint64_t bit_of(std::uint32_t place) noexcept { return std::uint64_t{1} << (32 + place); }
constexpr std::uint32_t participant_of(std::uint64_t place) noexcept { return static_cast<std::uint32_t>(place >> 32); }

// Of nobody, or of an earlier reset. SUBTLE: one of a later reset is not free: then it is we who come late.
constexpr bool is_free(std::uint64_t place, std::uint64_t word) noexcept {
  const std::uint64_t behind = (word - place) & 0xfffc;
  return place == 0 || (behind != 0 && behind < 0x8000);
}

// The kernel compares the lower half, in which phase, resets and both bits are.
static_assert(std::endian::native == std::endian::little);

}  // namespace

std::uint32_t barrier::arrived() const noexcept {
  return static_cast<std::uint32_t>(std::popcount(word_.load(relaxed) >> 32));
}

// A place of ours in which nobody stands, or one that is free; that one is ours then.
int barrier::find_place(std::uint32_t participant, std::uint64_t word) noexcept {
  const std::uint64_t ours = std::uint64_t{participant} << 32 | (word & resets_mask);
  int found = none;
  std::uint64_t instead_of = 0;
  for (std::uint32_t at = 0; at < count_; ++at) {
    const std::uint64_t stands = places_[at].load(relaxed);
    if (stands == ours && (word & bit_of(at)) == 0) return static_cast<int>(at);
    if (found != none || !is_free(stands, word)) continue;
    found = static_cast<int>(at);
    instead_of = stands;
  }
  if (found == none) return (word_.load(relaxed) & resets_mask) == (word & resets_mask) ? none : look_again;
  const bool taken = places_[static_cast<std::size_t>(found)].compare_exchange(instead_of, ours, relaxed, relaxed);
  return taken ? found : look_again;
}

// Whether one that took part is gone; then the barrier is broken, by us or by somebody else, or was reset.
bool barrier::breaks(const membership& in, std::uint64_t word) noexcept {
  for (std::uint32_t at = 0; at < count_; ++at) {
    const std::uint64_t stands = places_[at].load(relaxed);
    const std::uint32_t participant = participant_of(stands);
    if (stands == 0 || (stands & lower_half) != (word & resets_mask) || participant == in.id()) continue;
    if (!in.is_gone(participant)) continue;
    broken_by_.store(participant, relaxed);
    std::uint64_t now = word_.load(relaxed);
    while ((now & broken) == 0 && (now & resets_mask) == (word & resets_mask)) {
      if (!word_.compare_exchange(now, (now | broken) & ~somebody, release, relaxed)) continue;  // E2
      os::futex_wake_all(&word_);
      break;
    }
    return true;
  }
  return false;
}

error barrier::broken_error(const membership& in) const {
  const std::uint32_t gone = broken_by_.load(relaxed);
  return error(errc::peer_died, operation).with_peer(in.pid_of(gone));
}

// Sets our bit, or ends the phase: the place, and in `word` what it was just before.
result<std::uint32_t> barrier::arrive(const standing& me, std::uint64_t& word) {
  const std::uint64_t everybody = ((std::uint64_t{1} << count_) - 1) << 32;
  for (;;) {
    word = word_.load(acquire);  // E2
    if ((word & broken) != 0) return broken_error(*me.in);
    const int found = find_place(me.participant, word);
    if (found == look_again) continue;
    if (found == none) {
      if (breaks(*me.in, word)) continue;
      return error::system(static_cast<int>(std::errc::no_buffer_space), operation)
          .with_detail("all places are taken by others; reset() makes room");
    }
    const auto place = static_cast<std::uint32_t>(found);
    const bool is_last = (word | bit_of(place)) >> 32 == everybody >> 32;
    if (is_last && breaks(*me.in, word)) continue;
    const std::uint64_t phase = (word + one_phase) & phase_mask;
    const std::uint64_t next = is_last ? phase | (word & resets_mask) : word | bit_of(place);
    std::uint64_t seen = word;
    if (!word_.compare_exchange(seen, next, acq_rel, relaxed)) continue;  // E1
    if (is_last && (word & somebody) != 0) os::futex_wake_all(&word_);
    return place;
  }
}

result<void> barrier::wait(const standing& me, const patience& how, std::uint64_t word, std::uint32_t place) {
  patient_sleep rest(how);
  bool has_asked = false;
  for (;;) {
    std::uint64_t now = word_.load(acquire);  // E1 E2
    if ((now & phase_mask) != (word & phase_mask)) return {};
    if ((now & resets_mask) != (word & resets_mask)) return error(errc::canceled, operation);
    if ((now & broken) != 0) return broken_error(*me.in);
    if (const auto over = rest.is_over()) {
      if (!has_asked && *over != errc::canceled) {
        has_asked = true;
        breaks(*me.in, word);
        continue;
      }
      if (word_.compare_exchange(now, now & ~bit_of(place), relaxed, relaxed)) return error(*over, operation);
      continue;
    }
    if ((now & somebody) == 0 && !word_.compare_exchange(now, now | somebody, relaxed, relaxed)) continue;
    if (!rest.sleep(&word_, static_cast<std::uint32_t>(now | somebody))) breaks(*me.in, word);
  }
}

result<void> barrier::arrive_as(const patience& how) {
  const standing* found = standing_at(this);
  if (found == nullptr) return error(errc::forked, operation);
  if (how.stop.stop_requested()) return error(errc::canceled, operation);
  const standing me = *found;
  std::uint64_t word = 0;
  const auto place = arrive(me, word);
  if (!place) return place.error();
  return wait(me, how, word, *place);
}

void barrier::reset() noexcept {
  std::uint64_t word = word_.load(relaxed);
  std::uint64_t next = 0;
  do {
    next = (word & phase_mask) | ((word + one_reset) & resets_mask);
  } while (!word_.compare_exchange_weak(word, next, acq_rel, relaxed));  // E1
  for (auto& place : places_) {  // so that no number of resets makes one stand here again
    std::uint64_t stands = place.load(relaxed);
    if (stands != 0 && (stands & lower_half) == (word & resets_mask))
      place.compare_exchange(stands, 0, relaxed, relaxed);
  }
  os::futex_wake_all(&word_);
}

}  // namespace transom::sync
