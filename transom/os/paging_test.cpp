// transom/os/paging_test.cpp - pages are there before they are touched, and stay, or the limit is named.
#include "transom/os/paging.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <vector>

#include "transom/os/mapping.hpp"
#include "transom/os/old_kernel.hpp"
#include "transom/os/testing.hpp"
#include "transom/os/tmpfile.hpp"

namespace os = transom::os;
namespace testing_os = transom::os::testing;
using transom::place;

namespace {

constexpr std::size_t pages = 8;

os::mapping shared_memory() {
  auto file = os::make_unnamed("/dev/shm", 0600, pages * os::page_size()).or_throw();
  return os::mapping::map(file.get(), 0, pages * os::page_size(), os::access::read_write).or_throw();
}

// Oracle: the page table, one entry of 8 bytes for each page; bit 63: there is a page behind it.
std::size_t present(const os::mapping& memory) {
  const int fd = ::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  std::vector<std::uint64_t> entries(memory.size() / os::page_size());
  const auto first = reinterpret_cast<std::uintptr_t>(memory.data()) / os::page_size();
  const auto size = entries.size() * 8;
  EXPECT_EQ(::pread(fd, entries.data(), size, static_cast<off_t>(first * 8)), static_cast<ssize_t>(size));
  ::close(fd);
  return static_cast<std::size_t>(std::ranges::count_if(entries, [](std::uint64_t e) { return e >> 63 != 0; }));
}

}  // namespace

TEST(paging, populating_a_part_touches_the_pages_around_it_and_changes_nothing) {
  auto memory = shared_memory();
  EXPECT_EQ(present(memory), 0u);
  os::populate(memory.bytes().subspan(os::page_size() + 100, os::page_size()), place("here")).or_throw();
  EXPECT_EQ(present(memory), 2u);
  os::populate(memory.bytes(), place("here")).or_throw();
  EXPECT_EQ(present(memory), pages);
  EXPECT_TRUE(std::ranges::all_of(memory.bytes(), [](std::byte b) { return b == std::byte{0}; }));
  os::populate({}, place("here")).or_throw();
}

TEST(paging, where_the_kernel_cannot_populate_the_pages_are_read) {
  EXPECT_TRUE(testing_os::in_child([] {
    auto memory = shared_memory();
    return testing_os::refuse_call(SYS_madvise, EINVAL) && os::populate(memory.bytes(), place("here")) &&
           present(memory) == pages;
  }));
}

TEST(paging, what_cannot_be_had_is_an_error_and_not_a_signal) {
  auto file = os::make_unnamed("/dev/shm", 0600, pages * os::page_size()).or_throw();
  auto memory = os::mapping::map(file.get(), 0, pages * os::page_size(), os::access::read_write).or_throw();
  ASSERT_EQ(::ftruncate(file.get(), 0), 0);
  EXPECT_TRUE(os::populate(memory.bytes(), place("here")).failed_with(std::errc::not_enough_memory));
}

TEST(paging, huge_pages_are_a_wish_that_a_kernel_without_them_refuses_in_words) {
  auto memory = shared_memory();
  os::prefer_huge_pages(memory.bytes(), place("here")).or_throw();
  EXPECT_TRUE(testing_os::in_child([&] {
    if (!testing_os::refuse_call(SYS_madvise, EINVAL)) return false;
    auto refused = os::prefer_huge_pages(memory.bytes(), place("here"));
    return refused.failed_with(std::errc::invalid_argument) &&
           refused.error().message().find("transparent huge pages") != std::string::npos;
  }));
}

TEST(paging, locked_pages_are_there_and_the_limit_is_named) {
  if (!transom::os::testing::mlock_works) GTEST_SKIP() << "a sanitizer has taken mlock(2) away";
  auto memory = shared_memory();
  os::lock_pages(memory.bytes().first(2 * os::page_size()), place("here")).or_throw();
  EXPECT_EQ(present(memory), 2u);
  for (const unsigned long most : {0ul, 4096ul}) {
    EXPECT_TRUE(testing_os::as_nobody([&] {
      rlimit low{most, most};
      if (::setrlimit(RLIMIT_MEMLOCK, &low) != 0) return false;
      auto refused = os::lock_pages(memory.bytes(), place("here"));
      return !refused && refused.error().message().find("ulimit -l") != std::string::npos;
    })) << most;
  }
}
