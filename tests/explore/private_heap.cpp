// tests/explore/private_heap.cpp - see private_heap.hpp.
#include "tests/explore/private_heap.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace {

constexpr std::size_t capacity = std::size_t{16} << 20;
alignas(64) std::byte bytes[capacity];
std::size_t used = 0;
bool on = false;

void* allocate(std::size_t size, std::size_t alignment) {
  if (!on) {
    void* found = alignment <= 16 ? std::malloc(size)
                                  : std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
    if (found == nullptr) throw std::bad_alloc();
    return found;
  }
  used = (used + alignment - 1) / alignment * alignment;
  void* found = bytes + used;
  used += size;
  if (used > capacity) std::abort();
  return found;
}

void release(void* memory) noexcept {
  const auto at = reinterpret_cast<std::uintptr_t>(memory), from = reinterpret_cast<std::uintptr_t>(bytes);
  if (at < from || at >= from + capacity) std::free(memory);
}

}  // namespace

void* operator new(std::size_t size) { return allocate(size, 16); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return allocate(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { release(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { release(memory); }

namespace transom::explore::private_heap {

void begin() noexcept {
  used = 0;
  on = true;
}
void finish() noexcept { on = false; }

pause::pause() noexcept : was_on_(on) { on = false; }
pause::~pause() { on = was_on_; }

}  // namespace transom::explore::private_heap
