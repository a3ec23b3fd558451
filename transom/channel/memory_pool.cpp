// transom/channel/memory_pool.cpp - see memory_pool.hpp.
#include "transom/channel/memory_pool.hpp"

#include <algorithm>

namespace transom::detail {

block::block(std::size_t size, std::size_t alignment)
    : size_(std::max<std::size_t>(size, 1)), alignment_(std::max<std::size_t>(alignment, 64)) {
  data_ = static_cast<std::byte*>(::operator new(size_, std::align_val_t(alignment_)));
}

block memory_pool::take(std::size_t size, std::size_t alignment) {
  {
    const std::lock_guard guard(lock_);
    for (block& kept : kept_) {
      if (kept.fits(size, alignment)) return std::move(kept);
    }
  }
  return block(size, alignment);
}

void memory_pool::give_back(block used) noexcept {
  const std::lock_guard guard(lock_);
  // The smallest goes: the next request is likely to be as large as the last one.
  block& smallest = *std::ranges::min_element(kept_, {}, &block::size);
  if (smallest.size() < used.size()) smallest = std::move(used);
}

}  // namespace transom::detail
