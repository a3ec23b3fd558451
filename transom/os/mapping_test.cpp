// transom/os/mapping_test.cpp - memory is unmapped once, shared when asked, and never reaches beyond its file.
#include "transom/os/mapping.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstdint>

#include "transom/os/testing.hpp"
#include "transom/os/tmpfile.hpp"

namespace os = transom::os;
using os::mapping;
namespace testing_os = transom::os::testing;

TEST(mapping, shared_writes_reach_the_file_and_private_ones_do_not) {
  auto file = os::make_unnamed("/dev/shm", 0600, os::page_size()).or_throw();
  auto ours = mapping::map(file.get(), 0, os::page_size(), os::access::read_write).or_throw();
  auto copy = mapping::map(file.get(), 0, os::page_size(), os::access::read_write, os::share::copy).or_throw();
  auto view = mapping::map(file.get(), 0, os::page_size(), os::access::read_only).or_throw();
  ours.bytes()[5] = std::byte{7};
  EXPECT_EQ(view.bytes()[5], std::byte{7});
  copy.bytes()[5] = std::byte{9};
  EXPECT_EQ(view.bytes()[5], std::byte{7});
  ours.flush().or_throw();
  ours.flush(5, 1).or_throw();
}

TEST(mapping, moves_and_is_empty_afterwards) {
  auto first = mapping::anonymous(100).or_throw();
  std::byte* const data = first.data();
  mapping second = std::move(first);
  EXPECT_EQ(second.data(), data);
  EXPECT_EQ(second.size(), 100u);
  EXPECT_FALSE(first);
  EXPECT_TRUE(first.bytes().empty());
  first = std::move(second);
  EXPECT_EQ(first.data(), data);
  first.reset();
  EXPECT_FALSE(first);
  EXPECT_FALSE(mapping::anonymous(0).or_throw());
}

TEST(mapping, a_child_shares_what_is_shared_and_copies_the_rest) {
  auto both = mapping::anonymous(8, os::share::shared).or_throw();
  auto mine = mapping::anonymous(8).or_throw();
  EXPECT_TRUE(testing_os::in_child([&] {
    both.bytes()[0] = mine.bytes()[0] = std::byte{1};
    return true;
  }));
  EXPECT_EQ(both.bytes()[0], std::byte{1});
  EXPECT_EQ(mine.bytes()[0], std::byte{0});
}

TEST(mapping, what_lies_beyond_the_file_is_refused_instead_of_being_a_bus_error) {
  auto file = os::make_unnamed("/dev/shm", 0600, 100).or_throw();
  auto refused = mapping::map(file.get(), 0, 101, os::access::read_only);
  ASSERT_TRUE(refused.failed_with(std::errc::invalid_argument));
  EXPECT_EQ(refused.error().detail(), "bytes 0 to 101 of a file of 100 bytes");
  EXPECT_TRUE(
      mapping::map(file.get(), os::page_size(), 1, os::access::read_only).failed_with(std::errc::invalid_argument));
  EXPECT_TRUE(mapping::map(file.get(), 0, SIZE_MAX, os::access::read_only).failed_with(std::errc::invalid_argument));
  EXPECT_TRUE(mapping::map(-1, 0, 1, os::access::read_only).failed_with(std::errc::bad_file_descriptor));
}

TEST(mapping, writing_needs_a_descriptor_that_may_write) {
  testing_os::temporary_directory dir;
  auto file = os::make_unnamed(dir.path(), 0600, 100).or_throw();
  os::give_name(file.get(), dir / "f").or_throw();
  const transom::fd read_only(::open((dir / "f").c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_TRUE(mapping::map(read_only.get(), 0, 1, os::access::read_write).failed_with(std::errc::permission_denied));
  EXPECT_TRUE(mapping::map(read_only.get(), 0, 1, os::access::read_write, os::share::copy).has_value());
}

TEST(mapping, advice_decides_what_a_child_inherits) {
  auto wiped = mapping::anonymous(os::page_size()).or_throw();
  auto absent = mapping::anonymous(os::page_size(), os::share::shared).or_throw();
  wiped.bytes()[0] = std::byte{5};
  wiped.advise(os::advice::wipe_on_fork).or_throw();
  absent.advise(os::advice::dont_fork).or_throw();
  absent.advise(os::advice::dont_dump).or_throw();
  absent.advise(os::advice::populate).or_throw();
  EXPECT_TRUE(testing_os::in_child([&] { return wiped.bytes()[0] == std::byte{0}; }));
  EXPECT_TRUE(testing_os::in_child([&] {
    unsigned char resident = 0;
    return ::mincore(absent.data(), os::page_size(), &resident) == -1 && errno == ENOMEM;  // no such memory
  }));
  EXPECT_TRUE(absent.advise(os::advice::wipe_on_fork).failed_with(std::errc::invalid_argument));
}

TEST(mapping, resizing_keeps_the_contents) {
  auto memory = mapping::anonymous(os::page_size()).or_throw();
  memory.bytes()[1] = std::byte{3};
  memory.resize(64 * os::page_size()).or_throw();
  EXPECT_EQ(memory.size(), 64 * os::page_size());
  EXPECT_EQ(memory.bytes()[1], std::byte{3});
  memory.bytes().back() = std::byte{4};
  memory.resize(os::page_size()).or_throw();
  EXPECT_EQ(memory.bytes()[1], std::byte{3});
}

TEST(mapping, too_much_names_the_limits) {
  auto refused = mapping::anonymous(std::size_t{1} << 62);
  ASSERT_TRUE(refused.failed_with(std::errc::not_enough_memory));
  EXPECT_NE(refused.error().detail().find("vm.max_map_count"), std::string_view::npos);
}
