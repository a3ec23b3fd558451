// transom/os/byte_lock_test.cpp - a byte belongs to a description, and the kernel gives it back at death.
#include "transom/os/byte_lock.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "transom/os/fd.hpp"
#include "transom/os/mapping.hpp"
#include "transom/os/pipe.hpp"
#include "transom/os/testing.hpp"

using namespace std::chrono_literals;
using transom::deadline;
using transom::errc;
using transom::fd;
using transom::patience;
namespace os = transom::os;
using os::byte_lock;
using enum byte_lock::kind;
namespace testing_os = transom::os::testing;

namespace {

struct locked_file {
  testing_os::temporary_directory dir;
  std::string path = dir / "f";
  fd open(int flags = O_RDWR) const { return fd(::open(path.c_str(), flags | O_CREAT | O_CLOEXEC, 0600)); }
};

}  // namespace

TEST(byte_lock, one_description_excludes_another) {
  locked_file file;
  fd mine = file.open(), theirs = file.open();
  EXPECT_TRUE(byte_lock::try_lock(mine.get(), 7, exclusive).or_throw());
  EXPECT_FALSE(byte_lock::try_lock(theirs.get(), 7, exclusive).or_throw());
  EXPECT_FALSE(byte_lock::try_lock(theirs.get(), 7, shared).or_throw());
  EXPECT_TRUE(byte_lock::try_lock(theirs.get(), 8, exclusive).or_throw());
  EXPECT_TRUE(byte_lock::is_held(theirs.get(), 7).or_throw());
  EXPECT_FALSE(byte_lock::is_held(mine.get(), 7).or_throw()) << "own locks do not count";
  byte_lock::unlock(mine.get(), 7).or_throw();
  EXPECT_FALSE(byte_lock::is_held(theirs.get(), 7).or_throw());
}

TEST(byte_lock, many_may_share_and_one_may_convert_when_alone) {
  locked_file file;
  fd mine = file.open(), theirs = file.open(O_RDONLY);
  EXPECT_TRUE(byte_lock::try_lock(mine.get(), 0, shared).or_throw());
  EXPECT_TRUE(byte_lock::try_lock(theirs.get(), 0, shared).or_throw());
  EXPECT_FALSE(byte_lock::try_lock(mine.get(), 0, exclusive).or_throw());
  EXPECT_TRUE(byte_lock::is_held(theirs.get(), 0).or_throw()) << "the shared lock is still there";
  theirs.reset();
  EXPECT_TRUE(byte_lock::try_lock(mine.get(), 0, exclusive).or_throw());
}

TEST(byte_lock, waits_end_at_the_deadline_and_at_a_stop_request) {
  locked_file file;
  fd mine = file.open(), theirs = file.open();
  ASSERT_TRUE(byte_lock::try_lock(mine.get(), 0, exclusive).or_throw());
  EXPECT_TRUE(byte_lock::lock_until(theirs.get(), 0, exclusive, deadline::after(3ms)).failed_with(errc::timed_out));
  EXPECT_TRUE(byte_lock::lock(theirs.get(), 0, shared, patience::none()).failed_with(errc::would_block));
  std::stop_source source;
  std::jthread stopper([&] { source.request_stop(); });
  auto stopped = byte_lock::lock(theirs.get(), 0, shared, patience::forever(source.get_token()));
  EXPECT_TRUE(stopped.failed_with(errc::canceled));
}

// Oracle: the child holds the lock through a mapping alone, says so, and is killed; only then the wait ends.
TEST(byte_lock, the_lock_of_a_mapping_is_released_by_the_death_of_its_process) {
  locked_file file;
  fd query = file.open();
  ASSERT_EQ(::ftruncate(query.get(), 4096), 0);
  auto ready = os::pipe::make().or_throw();
  testing_os::forked holder([&] {
    fd own = file.open();
    auto memory = os::mapping::map(own.get(), 0, 4096, os::access::read_write).or_throw();
    byte_lock::lock(own.get(), 3, exclusive).or_throw();
    own.reset();
    const std::byte one{1};
    ready.writer.write({&one, 1}).or_throw();
    for (;;) ::pause();
    return 0;
  });
  std::byte one{};
  ready.reader.read({&one, 1}).or_throw();
  EXPECT_TRUE(byte_lock::is_held(query.get(), 3).or_throw());
  holder.kill();
  byte_lock::lock(query.get(), 3, exclusive).or_throw();
  EXPECT_FALSE(byte_lock::is_held(query.get(), 3).or_throw());
}

TEST(byte_lock, the_kind_needs_a_descriptor_that_fits) {
  locked_file file;
  fd created = file.open();
  fd read_only = file.open(O_RDONLY), write_only = file.open(O_WRONLY);
  auto refused = byte_lock::try_lock(read_only.get(), 0, exclusive);
  ASSERT_TRUE(refused.failed_with(std::errc::bad_file_descriptor));
  EXPECT_EQ(refused.error().detail(), "an exclusive lock needs a descriptor that is open for writing");
  EXPECT_TRUE(byte_lock::lock(write_only.get(), 0, shared).failed_with(std::errc::bad_file_descriptor));
  EXPECT_TRUE(byte_lock::is_held(-1, 0).failed_with(std::errc::bad_file_descriptor));
}
