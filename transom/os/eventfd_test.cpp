// transom/os/eventfd_test.cpp - a counter that is taken whole or one by one, and waited for with patience.
#include "transom/os/eventfd.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <thread>

#include "transom/os/testing.hpp"

using namespace std::chrono_literals;
using transom::deadline;
using transom::errc;
using transom::patience;
using transom::os::eventfd;
namespace testing_os = transom::os::testing;

TEST(eventfd, gives_the_sum_and_then_nothing) {
  auto e = eventfd::make({.initial = 2}).or_throw();
  e.add(3).or_throw();
  EXPECT_EQ(e.try_take().or_throw(), 5u);
  EXPECT_TRUE(e.try_take().failed_with(errc::would_block));
  EXPECT_TRUE(testing_os::is_close_on_exec(e.fd()));
}

TEST(eventfd, as_a_semaphore_gives_one_at_a_time) {
  auto e = eventfd::make({.initial = 2, .semaphore = true}).or_throw();
  EXPECT_EQ(e.take().or_throw(), 1u);
  EXPECT_EQ(e.take().or_throw(), 1u);
  EXPECT_TRUE(e.try_take().failed_with(errc::would_block));
}

TEST(eventfd, a_wait_ends_by_another_process_a_deadline_or_a_stop) {
  auto e = eventfd::make().or_throw();
  testing_os::forked adder([&] { return e.add(7).has_value() ? 0 : 1; });
  EXPECT_EQ(e.take().or_throw(), 7u);
  EXPECT_EQ(adder.wait(), 0);
  EXPECT_TRUE(e.take(patience::until_time(deadline::after(2ms))).failed_with(errc::timed_out));
  EXPECT_TRUE(e.take(patience::none()).failed_with(errc::would_block));
  std::stop_source source;
  std::jthread stopper([&] { source.request_stop(); });
  EXPECT_TRUE(e.take(patience::forever(source.get_token())).failed_with(errc::canceled));
}

TEST(eventfd, a_full_counter_and_a_full_table_are_errors) {
  auto e = eventfd::make().or_throw();
  e.add(UINT64_MAX - 1).or_throw();
  EXPECT_TRUE(e.add(1).failed_with(errc::would_block));
  EXPECT_TRUE(testing_os::with_limit(RLIMIT_NOFILE, 3,
                                     [] { return eventfd::make().failed_with(std::errc::too_many_files_open); }));
}
