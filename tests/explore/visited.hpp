// tests/explore/visited.hpp - a set of state hashes. When it is full it forgets nothing and takes nothing more: states
// are then tried again, which costs time and misses nothing.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "tests/explore/private_heap.hpp"

namespace transom::explore {

class visited_states {
 public:
  /// True if `state` was in the set; puts it there.
  bool insert(std::uint64_t state) {
    state |= state == 0 ? 1u : 0u;
    if (size_ * 3 >= slots_.size() * 2 && slots_.size() < most) grow();
    for (std::size_t at = state & (slots_.size() - 1);; at = (at + 1) & (slots_.size() - 1)) {
      if (slots_[at] == state) return true;
      if (slots_[at] != 0) continue;
      if (size_ * 8 >= slots_.size() * 7) return false;
      slots_[at] = state;
      ++size_;
      return false;
    }
  }
  std::size_t size() const noexcept { return size_; }
  void clear() {
    slots_.assign(smallest, 0);
    size_ = 0;
  }

 private:
  static constexpr std::size_t smallest = std::size_t{1} << 16, most = std::size_t{1} << 27;

  void grow() {
    const private_heap::pause outside;
    std::vector<std::uint64_t> old(slots_.size() * 2, 0);
    old.swap(slots_);
    size_ = 0;
    for (std::uint64_t state : old)
      if (state != 0) insert(state);
  }

  std::vector<std::uint64_t> slots_ = std::vector<std::uint64_t>(smallest, 0);
  std::size_t size_ = 0;
};

}  // namespace transom::explore
