// transom/os/sysv_shm_test.cpp - a number leads to memory, and the kernel counts who has it.
#include "transom/os/sysv_shm.hpp"

#include <gtest/gtest.h>

#include "transom/os/pipe.hpp"
#include "transom/os/testing.hpp"

namespace os = transom::os;
using os::sysv_shm;
namespace testing_os = transom::os::testing;

namespace {

// Removed with the object, unless somebody did before.
struct private_segment {
  sysv_shm segment;
  explicit private_segment(std::size_t size) : segment(sysv_shm::make_private(size).or_throw()) {}
  ~private_segment() { segment.remove().ignore(); }
};

}  // namespace

TEST(sysv_shm, a_mapping_is_attached_while_it_lives) {
  private_segment s(5000);
  EXPECT_EQ(s.segment.stat().or_throw().attached, 0u);
  {
    auto memory = s.segment.attach().or_throw();
    EXPECT_EQ(memory.size(), 5000u);
    memory.bytes()[4999] = std::byte{1};
    auto other = s.segment.attach(os::access::read_only).or_throw();
    EXPECT_EQ(other.bytes()[4999], std::byte{1});
    EXPECT_EQ(s.segment.stat().or_throw().attached, 2u);
  }
  auto now = s.segment.stat().or_throw();
  EXPECT_EQ(now.attached, 0u);
  EXPECT_EQ(now.size, 5000u);
  EXPECT_EQ(now.creator, ::getpid());
  EXPECT_EQ(now.mode, 0600u);
  EXPECT_GT(now.last_detach, 0);
}

// Oracle: the child attaches, stores, says so and is killed while attached.
TEST(sysv_shm, a_killed_process_is_detached_and_leaves_what_it_stored) {
  private_segment s(100);
  auto ready = os::pipe::make().or_throw();
  testing_os::forked peer([&] {
    auto memory = sysv_shm::from_number(s.segment.number()).or_throw().attach().or_throw();
    memory.bytes()[0] = std::byte{5};
    ready.writer.write(memory.bytes().first(1)).or_throw();
    for (;;) ::pause();
    return 0;
  });
  std::byte one{};
  ready.reader.read({&one, 1}).or_throw();
  EXPECT_EQ(s.segment.stat().or_throw().attached, 1u);
  peer.kill();
  peer.wait();
  EXPECT_EQ(s.segment.stat().or_throw().attached, 0u);
  EXPECT_EQ(s.segment.attach().or_throw().bytes()[0], std::byte{5});
}

TEST(sysv_shm, one_that_is_removed_lives_until_the_last_one_detaches) {
  private_segment s(100);
  auto memory = s.segment.attach().or_throw();
  s.segment.remove().or_throw();
  EXPECT_TRUE(s.segment.stat().or_throw().removed);
  memory.bytes()[0] = std::byte{1};
  memory.reset();
  EXPECT_TRUE(s.segment.attach().failed_with(std::errc::identifier_removed));
  EXPECT_TRUE(sysv_shm::from_number(s.segment.number()).failed_with(std::errc::invalid_argument));
}

TEST(sysv_shm, path_and_id_lead_to_the_same_segment) {
  testing_os::temporary_directory dir;
  EXPECT_TRUE(sysv_shm::open(dir.path(), 7).failed_with(std::errc::no_such_file_or_directory));
  auto mine = sysv_shm::create(dir.path(), 7, 4096).or_throw();
  auto theirs = sysv_shm::create(dir.path(), 7, 100).or_throw();
  EXPECT_TRUE(mine.created());
  EXPECT_FALSE(theirs.created());
  EXPECT_EQ(mine.number(), sysv_shm::open(dir.path(), 7).or_throw().number());
  auto larger = sysv_shm::create(dir.path(), 7, 8192);
  ASSERT_TRUE(larger.failed_with(std::errc::invalid_argument));
  EXPECT_EQ(larger.error().detail(), "the segment is smaller than 8192 bytes");
  EXPECT_TRUE(sysv_shm::create(dir.path(), 7, 100, {.exclusive = true}).failed_with(std::errc::file_exists));
  EXPECT_TRUE(testing_os::as_nobody([&] { return mine.attach().failed_with(std::errc::permission_denied); }));
  mine.remove().or_throw();
}

TEST(sysv_shm, each_limit_is_named) {
  auto huge = sysv_shm::make_private(std::size_t{1} << 62);
  ASSERT_FALSE(huge.has_value());
  EXPECT_NE(huge.error().detail().find("kernel.shm"), std::string_view::npos) << huge.error().message();
  auto none = sysv_shm::make_private(0);
  ASSERT_TRUE(none.failed_with(std::errc::invalid_argument));
  EXPECT_NE(none.error().detail().find("kernel.shmmax"), std::string_view::npos) << none.error().message();
}
