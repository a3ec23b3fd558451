// transom/shm/arena.hpp - which parts of a lane's arena are in use: private memory of the one process that allocates
// there. A dead sender leaves nothing to repair, because what is in use is what its slots and holds say.
//
// Runs of units, next fit. The common case is a bump inside an extent that was found free before, two compares and an
// add; the bitmap is only looked at when the extent is used up.
//
// Invariant: a bit is set iff its unit belongs to a run that was taken and not given back, or to the rest of the
// current extent [at_, end_).
#pragma once
#include <cstdint>
#include <vector>

namespace transom::shm {

/// `count` units from `start`; none if count is 0.
struct arena_run {
  std::uint32_t start = 0, count = 0;
  explicit operator bool() const noexcept { return count != 0; }
  /// One word for who must not know what it means.
  std::uint64_t token() const noexcept { return std::uint64_t{start} << 32 | count; }
  static arena_run of(std::uint64_t token) noexcept {
    return {static_cast<std::uint32_t>(token >> 32), static_cast<std::uint32_t>(token)};
  }
};

class arena {
 public:
  arena() noexcept = default;
  explicit arena(std::uint32_t units) : units_(units), busy_((units + 63) / 64) {}

  /// `count` > 0 neighbouring units, or none. Allocates no memory.
  arena_run take(std::uint32_t count) noexcept {
    if (count > end_ - at_) return take_elsewhere(count);
    const arena_run run{at_, count};
    at_ += count;
    return run;
  }
  /// The common case alone: none although there might be room elsewhere.
  arena_run take_here(std::uint32_t count) noexcept {
    if (count > end_ - at_) return {};
    at_ += count;
    return {at_ - count, count};
  }
  void give_back(arena_run run) noexcept { mark(run.start, run.count, false); }
  std::uint32_t units() const noexcept { return units_; }

 private:
  arena_run take_elsewhere(std::uint32_t count) noexcept {
    mark(at_, end_ - at_, false);
    const std::uint32_t from = at_;
    at_ = end_ = 0;
    if (!find(from, count) && !find(0, count)) return {};
    mark(at_, end_ - at_, true);
    at_ += count;
    return {at_ - count, count};
  }
  // Makes [at_, end_) the first free extent of at least `count` units that begins at `from` or later.
  bool find(std::uint32_t from, std::uint32_t count) noexcept {
    while (from < units_) {
      from = next(from, false);
      const std::uint32_t end = next(from, true);
      if (end - from >= count) {
        at_ = from;
        end_ = end;
        return true;
      }
      from = end;
    }
    return false;
  }
  // The first unit from `from` on whose bit is `set`; units_ if there is none.
  std::uint32_t next(std::uint32_t from, bool set) const noexcept {
    while (from < units_) {
      const std::uint64_t word = (set ? busy_[from / 64] : ~busy_[from / 64]) >> (from % 64);
      if (word != 0) {
        const auto found = from + static_cast<std::uint32_t>(__builtin_ctzll(word));
        return found < units_ ? found : units_;
      }
      from = (from / 64 + 1) * 64;
    }
    return units_;
  }
  void mark(std::uint32_t start, std::uint32_t count, bool busy) noexcept {
    while (count != 0) {
      const std::uint32_t bit = start % 64, here = count < 64 - bit ? count : 64 - bit;
      const std::uint64_t mask = (here == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << here) - 1) << bit;
      if (busy) busy_[start / 64] |= mask;
      else busy_[start / 64] &= ~mask;
      start += here;
      count -= here;
    }
  }

  std::uint32_t units_ = 0;
  std::uint32_t at_ = 0, end_ = 0;  // the current extent
  std::vector<std::uint64_t> busy_;
};

}  // namespace transom::shm
