// transom/os/posix_semaphore_test.cpp - named and unnamed semaphores count, and waits for them end.
#include "transom/os/posix_semaphore.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <thread>

#include "transom/os/mapping.hpp"
#include "transom/os/testing.hpp"

using namespace std::chrono_literals;
using transom::deadline;
using transom::errc;
using transom::patience;
namespace os = transom::os;
using os::posix_semaphore;
namespace testing_os = transom::os::testing;

namespace {

struct name_of_mine {
  std::string text = "/" + testing_os::unique_name();
  ~name_of_mine() { posix_semaphore::unlink(text).ignore(); }
};

}  // namespace

TEST(posix_semaphore, a_named_one_is_shared_between_processes) {
  name_of_mine name;
  auto mine = posix_semaphore::create(name.text, {.initial = 0}).or_throw();
  testing_os::forked peer([&] { return posix_semaphore::open(name.text).or_throw().release().has_value() ? 0 : 1; });
  mine.acquire().or_throw();
  EXPECT_EQ(peer.wait(), 0);
  EXPECT_EQ(mine.value().or_throw(), 0);
  auto again = posix_semaphore::create(name.text, {.initial = 9}).or_throw();
  EXPECT_EQ(again.value().or_throw(), 0) << "the value of the one that exists counts";
  EXPECT_TRUE(posix_semaphore::create(name.text, {.exclusive = true}).failed_with(std::errc::file_exists));
}

TEST(posix_semaphore, an_unnamed_one_lives_in_memory_of_the_caller_s) {
  auto memory = os::mapping::anonymous(posix_semaphore::storage_size, os::share::shared).or_throw();
  auto mine = posix_semaphore::make_in(memory.data(), 1, true).or_throw();
  mine.acquire().or_throw();
  testing_os::forked peer([&] { return posix_semaphore::use_in(memory.data()).release().has_value() ? 0 : 1; });
  mine.acquire().or_throw();
  EXPECT_EQ(peer.wait(), 0);
}

TEST(posix_semaphore, a_wait_ends_at_the_deadline_and_at_a_stop_request) {
  auto memory = os::mapping::anonymous(posix_semaphore::storage_size).or_throw();
  auto s = posix_semaphore::make_in(memory.data(), 0, false).or_throw();
  EXPECT_TRUE(s.try_acquire().failed_with(errc::would_block));
  EXPECT_TRUE(s.acquire(patience::none()).failed_with(errc::would_block));
  EXPECT_TRUE(s.acquire(patience::until_time(deadline::after(3ms))).failed_with(errc::timed_out));
  std::stop_source source;
  std::jthread stopper([&] { source.request_stop(); });
  EXPECT_TRUE(s.acquire(patience::forever(source.get_token())).failed_with(errc::canceled));
  s.release().or_throw();
  s.acquire(patience::until_time(deadline::after(1h))).or_throw();
}

TEST(posix_semaphore, names_permissions_and_values_fail_as_errors) {
  name_of_mine name;
  EXPECT_TRUE(posix_semaphore::open(name.text).failed_with(std::errc::no_such_file_or_directory));
  EXPECT_TRUE(posix_semaphore::unlink(name.text).failed_with(std::errc::no_such_file_or_directory));
  EXPECT_TRUE(posix_semaphore::create("/a/b", {}).failed_with(std::errc::invalid_argument));
  EXPECT_TRUE(posix_semaphore::create(name.text, {.initial = 1u << 31}).failed_with(std::errc::invalid_argument));
  auto full = posix_semaphore::create(name.text, {.initial = (1u << 31) - 1}).or_throw();
  EXPECT_TRUE(full.release().failed_with(std::errc::value_too_large));
  EXPECT_TRUE(testing_os::as_nobody(
      [&] { return posix_semaphore::open(name.text).failed_with(std::errc::permission_denied); }));
}

namespace {

// Oracle: the holder says that it has it, and then there is nobody left who could give it back.
bool stays_taken(posix_semaphore& s) {
  testing_os::forked holder([&] {
    s.acquire().or_throw();
    for (;;) ::pause();
    return 0;
  });
  while (s.value().or_throw() != 0) std::this_thread::yield();
  holder.kill();
  holder.wait();
  return s.acquire(patience::until_time(deadline::after(3ms))).failed_with(errc::timed_out);
}

}  // namespace

// Why it is no lock between processes that may crash: there is no owner, so nobody is told and nothing comes back.
TEST(posix_semaphore, what_a_killed_process_had_stays_taken_and_nobody_is_told) {
  name_of_mine name;
  auto named = posix_semaphore::create(name.text, {.initial = 1}).or_throw();
  EXPECT_TRUE(stays_taken(named));
  EXPECT_EQ(posix_semaphore::open(name.text).or_throw().value().or_throw(), 0) << "for those who come later, too";
  auto memory = os::mapping::anonymous(posix_semaphore::storage_size, os::share::shared).or_throw();
  auto unnamed = posix_semaphore::make_in(memory.data(), 1, true).or_throw();
  EXPECT_TRUE(stays_taken(unnamed));
}

TEST(posix_semaphore, a_named_one_outlives_its_makers_and_its_name) {
  name_of_mine name;
  testing_os::forked maker([&] {
    posix_semaphore::create(name.text, {.initial = 3}).or_throw();
    ::raise(SIGKILL);
    return 0;
  });
  maker.wait();
  auto left = posix_semaphore::open(name.text).or_throw();
  posix_semaphore::unlink(name.text).or_throw();
  EXPECT_EQ(left.value().or_throw(), 3);
  EXPECT_TRUE(posix_semaphore::open(name.text).failed_with(std::errc::no_such_file_or_directory));
}
