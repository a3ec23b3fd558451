// transom/channel/memory_pool.hpp - blocks of memory that loans and views of copying mechanisms live in, and go back to
// when they end, so that a steady exchange allocates nothing.
#pragma once
#include <array>
#include <cstddef>
#include <mutex>
#include <new>
#include <span>
#include <utility>

namespace transom::detail {

/// Owns uninitialised memory, aligned to at least 64 bytes.
class block {
 public:
  block() noexcept = default;
  block(std::size_t size, std::size_t alignment);
  block(block&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        alignment_(other.alignment_) {}
  block& operator=(block&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(alignment_, other.alignment_);
    return *this;
  }
  ~block() {
    if (data_ != nullptr) ::operator delete(data_, std::align_val_t(alignment_));
  }
  std::byte* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }
  bool fits(std::size_t size, std::size_t alignment) const noexcept {
    return data_ != nullptr && size_ >= size && alignment_ >= alignment;
  }

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0, alignment_ = 1;
};

/// Keeps a few blocks for their next use. Any thread may call any member at any time.
class memory_pool {
 public:
  /// At least `size` bytes; an allocation only if no kept block fits.
  block take(std::size_t size, std::size_t alignment);
  void give_back(block used) noexcept;

 private:
  std::mutex lock_;
  std::array<block, 4> kept_;
};

}  // namespace transom::detail
