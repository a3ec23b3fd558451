// transom/channel/allocation_count_test.cpp - see allocation_count.hpp. One definition for all tests of the layer.
#include "transom/channel/allocation_count.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <new>

namespace transom::samples {

thread_local std::size_t allocations = 0;

}  // namespace transom::samples

// Not inlined: the compiler would see malloc meet delete, and warn.
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++transom::samples::allocations;
  if (void* p = std::malloc(std::max<std::size_t>(size, 1))) return p;
  throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t alignment) {
  ++transom::samples::allocations;
  const auto unit = static_cast<std::size_t>(alignment);
  if (void* p = std::aligned_alloc(unit, (size + unit - 1) / unit * unit)) return p;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }

TEST(allocation_count, sees_both_kinds_of_new) {
  const std::size_t before = transom::samples::allocations;
  struct alignas(128) wide {
    int value = 0;
  };
  const auto one = std::make_unique<int>(1);
  const auto other = std::make_unique<wide>();
  EXPECT_EQ(transom::samples::allocations - before, 2u);
}
