// transom/shm/memory_policy_test.cpp - what a URL says about memory is understood or refused, and then done.
#include "transom/shm/memory_policy.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <vector>

#include "transom/shm/storage.hpp"
#include "transom/shm/testing.hpp"

using transom::errc;
using transom::url;
using transom::shm::memory_policy;
using transom::shm::policy_of;
using transom::shm::storage;
namespace os = transom::os;

namespace {

memory_policy policy(const char* text) { return policy_of(url::parse(text).or_throw()).or_throw(); }

// Oracle: mincore(2) would tell of the page cache; the page table tells of this mapping.
std::size_t pages_in(std::span<std::byte> memory) {
  const int fd = ::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  std::vector<std::uint64_t> entries(memory.size() / os::page_size());
  const auto first = reinterpret_cast<std::uintptr_t>(memory.data()) / os::page_size();
  const auto size = entries.size() * 8;
  EXPECT_EQ(::pread(fd, entries.data(), size, static_cast<off_t>(first * 8)), static_cast<ssize_t>(size));
  ::close(fd);
  return static_cast<std::size_t>(std::ranges::count_if(entries, [](std::uint64_t e) { return e >> 63 != 0; }));
}

}  // namespace

TEST(memory_policy, is_read_from_the_url_of_every_kind_of_shared_memory) {
  const auto all = policy("shm://n?prefault=yes&huge_pages=yes&lock=yes&arena=64k&dir=/tmp/x");
  EXPECT_TRUE(all.prefault && all.huge_pages && all.lock);
  EXPECT_EQ(all.arena, 65536u);
  EXPECT_EQ(all.dir, "/tmp/x");
  const auto none = policy("shm://n?prefault=no&capacity=7");
  EXPECT_FALSE(none.prefault || none.huge_pages || none.lock);
  EXPECT_EQ(none.arena, 0u);
  EXPECT_TRUE(policy("posix-shm:///n?prefault=yes&huge_pages=no&lock=no&arena=1M").prefault);
  EXPECT_TRUE(policy("sysv-shm:///tmp?id=1&prefault=no&huge_pages=no&lock=yes&arena=1M").lock);
  EXPECT_TRUE(policy("memfd:?prefault=no&huge_pages=yes&lock=no&arena=1M").huge_pages);
}

TEST(memory_policy, what_it_does_not_understand_is_refused_with_the_key) {
  for (const char* key : {"prefault=1", "huge_pages=true", "lock=", "arena=big", "dir=relative"}) {
    auto refused = policy_of(url::parse(std::string("shm://n?") + key).or_throw());
    ASSERT_TRUE(refused.failed_with(errc::bad_url)) << key;
    const std::string name = std::string(key).substr(0, std::string(key).find('='));
    EXPECT_NE(refused.error().message().find(name + ": "), std::string::npos) << refused.error().message();
  }
  EXPECT_TRUE(url::parse("posix-shm:///n?dir=/tmp").failed_with(errc::bad_url));
  EXPECT_TRUE(url::parse("unix:///tmp/x?prefault=yes").failed_with(errc::bad_url));
}

TEST(memory_policy, prefaulted_and_locked_memory_is_there_before_it_is_touched) {
  if (!transom::os::testing::mlock_works) GTEST_SKIP() << "a sanitizer has taken mlock(2) away";
  auto memory =
      storage::make_memfd("transom test", {.size = 16 * os::page_size(), .allocated = 16 * os::page_size()}).or_throw();
  transom::shm::apply({}, memory.bytes(), memory.where()).or_throw();
  EXPECT_EQ(pages_in(memory.bytes()), 0u);
  transom::shm::apply({.prefault = true, .huge_pages = true}, memory.bytes().first(4 * os::page_size()), memory.where())
      .or_throw();
  EXPECT_EQ(pages_in(memory.bytes()), 4u);
  transom::shm::apply({.lock = true}, memory.bytes().first(8 * os::page_size()), memory.where()).or_throw();
  EXPECT_EQ(pages_in(memory.bytes()), 8u);
}

TEST(memory_policy, what_is_mapped_for_reading_only_is_prefaulted_too) {
  auto memory =
      storage::make_memfd("transom test", {.size = 4 * os::page_size(), .allocated = 4 * os::page_size()}).or_throw();
  auto reader =
      storage::adopt_memfd(memory.descriptor(os::access::read_only).or_throw(), os::access::read_only, 1).or_throw();
  transom::shm::apply({.prefault = true}, reader.bytes(), reader.where()).or_throw();
  EXPECT_EQ(pages_in(reader.bytes()), 4u);
}

TEST(memory_policy, beyond_the_limit_for_locked_memory_the_limit_is_named) {
  if (!transom::os::testing::mlock_works) GTEST_SKIP() << "a sanitizer has taken mlock(2) away";
  EXPECT_TRUE(os::testing::as_nobody([] {
    rlimit low{4096, 4096};
    if (::setrlimit(RLIMIT_MEMLOCK, &low) != 0) return false;
    auto mine = storage::make_memfd("transom test", {.size = 16 * os::page_size()}).or_throw();
    auto refused = transom::shm::apply({.lock = true}, mine.bytes(), mine.where());
    return !refused && refused.error().message().find("RLIMIT_MEMLOCK") != std::string::npos;
  }));
}
