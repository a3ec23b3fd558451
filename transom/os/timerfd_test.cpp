// transom/os/timerfd_test.cpp - expirations are counted and never come early.
#include "transom/os/timerfd.hpp"

#include <gtest/gtest.h>

#include "transom/os/testing.hpp"

using namespace std::chrono_literals;
using transom::deadline;
using transom::errc;
using transom::patience;
using transom::os::timerfd;
namespace testing_os = transom::os::testing;

TEST(timerfd, expires_once_and_not_early) {
  auto t = timerfd::make().or_throw();
  EXPECT_TRUE(testing_os::is_close_on_exec(t.fd()));
  const auto begin = std::chrono::steady_clock::now();
  t.once(5ms).or_throw();
  EXPECT_EQ(t.take().or_throw(), 1u);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 5ms);
  EXPECT_EQ(t.left().or_throw(), 0ns);
  EXPECT_TRUE(t.take(patience::until_time(deadline::after(2ms))).failed_with(errc::timed_out));
}

TEST(timerfd, a_moment_that_has_passed_expires_at_once_and_never_is_never) {
  auto t = timerfd::make().or_throw();
  t.once(deadline::passed()).or_throw();
  EXPECT_EQ(t.take().or_throw(), 1u);
  t.once(deadline::never()).or_throw();
  EXPECT_EQ(t.left().or_throw(), 0ns);
  EXPECT_TRUE(t.try_take().failed_with(errc::would_block));
  t.once(deadline::after(1h)).or_throw();
  EXPECT_GT(t.left().or_throw(), 59min);
}

TEST(timerfd, periods_are_counted_until_disarmed) {
  auto t = timerfd::make().or_throw();
  t.every(0ns, 1ms).or_throw();
  std::uint64_t count = 0;
  while (count < 3) count += t.take().or_throw();
  t.disarm().or_throw();
  EXPECT_EQ(t.left().or_throw(), 0ns);
  EXPECT_TRUE(testing_os::with_limit(RLIMIT_NOFILE, 3,
                                     [] { return timerfd::make().failed_with(std::errc::too_many_files_open); }));
}
