// transom/os/memfd_test.cpp - seals hold against everybody, and what comes from a stranger is checked first.
#include "transom/os/memfd.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "transom/os/testing.hpp"
#include "transom/os/tmpfile.hpp"

using transom::errc;
namespace os = transom::os;
using os::contains;
using os::memfd;
using os::seal;
namespace testing_os = transom::os::testing;

TEST(memfd, has_its_size_allocated_and_is_shared_through_the_descriptor) {
  auto memory = memfd::make("transom test", {.size = 100'000}).or_throw();
  struct stat found{};
  ASSERT_EQ(::fstat(memory.fd(), &found), 0);
  EXPECT_EQ(memory.size().or_throw(), 100'000u);
  EXPECT_GE(found.st_blocks * 512, 100'000);
  EXPECT_TRUE(testing_os::is_close_on_exec(memory.fd()));
  auto ours = memory.map(os::access::read_write).or_throw();
  EXPECT_TRUE(testing_os::in_child([&] {
    memory.map(os::access::read_write).or_throw().bytes()[99'999] = std::byte{1};
    return true;
  }));
  EXPECT_EQ(ours.bytes()[99'999], std::byte{1});
}

TEST(memfd, seals_forbid_what_they_say_and_never_come_off) {
  auto memory = memfd::make("transom test", {.size = 4096}).or_throw();
  memory.add_seals(seal::shrink | seal::grow).or_throw();
  EXPECT_TRUE(contains(memory.seals().or_throw(), seal::shrink | seal::grow));
  EXPECT_TRUE(memory.grow(8192).failed_with(std::errc::operation_not_permitted));
  EXPECT_EQ(::ftruncate(memory.fd(), 0), -1);
  {
    auto writable = memory.map(os::access::read_write).or_throw();
    EXPECT_TRUE(memory.add_seals(seal::write).failed_with(std::errc::device_or_resource_busy));
  }
  memory.add_seals(seal::write).or_throw();
  EXPECT_TRUE(memory.map(os::access::read_write).failed_with(std::errc::operation_not_permitted));
  EXPECT_TRUE(memory.map(os::access::read_only).has_value());
  memory.add_seals(seal::seal).or_throw();
  EXPECT_TRUE(memory.add_seals(seal::future_write).failed_with(std::errc::operation_not_permitted));
}

TEST(memfd, one_that_is_not_sealable_takes_no_seals) {
  auto memory = memfd::make("transom test", {.size = 1, .sealable = false}).or_throw();
  EXPECT_TRUE(memory.add_seals(seal::grow).failed_with(std::errc::operation_not_permitted));
}

TEST(memfd, is_not_executable_where_the_kernel_can_say_so) {
  auto memory = memfd::make("transom test").or_throw();
  if (!contains(memory.seals().or_throw(), seal::exec)) GTEST_SKIP() << "this kernel has no MFD_NOEXEC_SEAL";
  EXPECT_EQ(::fchmod(memory.fd(), 0700), -1);
}

TEST(memfd, a_stranger_s_descriptor_is_refused_unless_it_is_sealed_and_large_enough) {
  auto given = [](seal seals, std::size_t size) {
    auto memory = memfd::make("transom test", {.size = size}).or_throw();
    memory.add_seals(seals).or_throw();
    return std::move(memory).release();
  };
  EXPECT_TRUE(memfd::adopt(given(seal::shrink | seal::grow, 4096), seal::shrink, 4096).has_value());
  auto unsealed = memfd::adopt(given(seal::grow, 4096), seal::shrink | seal::grow, 4096);
  ASSERT_TRUE(unsealed.failed_with(errc::protocol_error));
  EXPECT_EQ(unsealed.error().detail(), "not sealed against: shrink");
  auto small = memfd::adopt(given(seal::shrink, 100), seal::shrink, 4096);
  ASSERT_TRUE(small.failed_with(errc::protocol_error));
  EXPECT_EQ(small.error().detail(), "100 bytes, 4096 expected");
  transom::fd device(::open("/dev/null", O_RDWR | O_CLOEXEC));
  auto wrong = memfd::adopt(std::move(device), seal::shrink);
  ASSERT_TRUE(wrong.failed_with(errc::protocol_error));
  EXPECT_EQ(wrong.error().detail(), "the descriptor is not a memfd");
}

TEST(memfd, a_read_only_descriptor_cannot_be_mapped_for_writing) {
  auto memory = memfd::make("transom test", {.size = 64}).or_throw();
  auto lent = memory.reopen_read_only().or_throw();
  EXPECT_TRUE(testing_os::is_close_on_exec(lent.get()));
  EXPECT_TRUE(os::mapping::map(lent.get(), 0, 64, os::access::read_only).has_value());
  auto refused = os::mapping::map(lent.get(), 0, 64, os::access::read_write);
  EXPECT_TRUE(refused.failed_with(std::errc::permission_denied));
}

TEST(memfd, growing_keeps_the_contents_and_too_much_is_refused_before_it_hurts) {
  auto memory = memfd::make("transom test", {.size = 10}).or_throw();
  memory.map(os::access::read_write).or_throw().bytes()[9] = std::byte{1};
  memory.grow(5000).or_throw();
  EXPECT_EQ(memory.map(os::access::read_only).or_throw().bytes()[9], std::byte{1});
  auto refused = memfd::make("transom test", {.size = std::size_t{1} << 55});
  ASSERT_TRUE(refused.failed_with(std::errc::no_space_on_device));
  EXPECT_NE(refused.error().detail().find("of memory and swap in all"), std::string_view::npos);
  EXPECT_TRUE(memfd::make(std::string(300, 'x')).failed_with(std::errc::invalid_argument));
  EXPECT_TRUE(testing_os::with_limit(
      RLIMIT_NOFILE, 3, [] { return memfd::make("transom test").failed_with(std::errc::too_many_files_open); }));
}

TEST(memfd, seals_have_names) {
  EXPECT_EQ(os::names_of(seal::none), "none");
  EXPECT_EQ(os::names_of(seal::shrink | seal::future_write), "shrink, future_write");
}
