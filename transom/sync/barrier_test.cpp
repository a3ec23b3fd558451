// transom/sync/barrier_test.cpp - all go on together, or all are told why not.
#include "transom/sync/barrier.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <thread>
#include <vector>

#include "transom/os/testing.hpp"
#include "transom/sync/testing.hpp"

using namespace std::chrono_literals;
namespace os = transom::os;
using transom::errc;
using transom::sync::barrier;
using transom::sync::testing::room;

TEST(barrier, one_alone_waits_for_nobody) {
  barrier b(1);
  b.arrive_and_wait().or_throw();
  b.try_arrive().or_throw();
  EXPECT_EQ(b.arrived(), 0u);
}

// Oracle: between two barriers everybody does one thing; after each, all have done as many.
TEST(barrier, threads_go_on_together) {
  constexpr int parties = 4, rounds = 2000;
  barrier b(parties);
  std::atomic<int> done{0};
  std::vector<std::jthread> all;
  for (int i = 0; i < parties; ++i)
    all.emplace_back([&] {
      for (int round = 1; round <= rounds; ++round) {
        ++done;
        b.arrive_and_wait().or_throw();
        EXPECT_EQ(done, parties * round);
        b.arrive_and_wait().or_throw();
      }
    });
  all.clear();
  EXPECT_EQ(done, parties * rounds);
}

TEST(barrier, processes_go_on_together) {
  room<barrier> shared(3u);
  shared.join(0);
  const auto run = [&](unsigned row) {
    shared.join(row);
    for (int round = 0; round < 500; ++round) shared->arrive_and_wait().or_throw();
    return 0;
  };
  os::testing::forked one([&] { return run(1); });
  os::testing::forked two([&] { return run(2); });
  for (int round = 0; round < 500; ++round) shared->arrive_and_wait().or_throw();
  EXPECT_EQ(one.wait(), 0);
  EXPECT_EQ(two.wait(), 0);
}

TEST(barrier, who_gives_up_is_not_counted) {
  barrier b(2);
  EXPECT_TRUE(b.try_arrive().failed_with(errc::would_block));
  EXPECT_TRUE(b.arrive_and_wait_for(5ms).failed_with(errc::timed_out));
  EXPECT_TRUE(b.arrive_and_wait_until(std::chrono::system_clock::now() + 5ms).failed_with(errc::timed_out));
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  EXPECT_TRUE(b.arrive_and_wait(stop.get_token()).failed_with(errc::canceled));
  EXPECT_EQ(b.arrived(), 0u);
  std::jthread other([&] { b.arrive_and_wait().or_throw(); });
  b.arrive_and_wait().or_throw();
}

TEST(barrier, a_reset_sends_home_who_waits) {
  barrier b(2);
  std::jthread other([&] {
    EXPECT_TRUE(b.arrive_and_wait().failed_with(errc::canceled));
    b.arrive_and_wait().or_throw();
  });
  while (b.arrived() == 0) std::this_thread::yield();
  b.reset();
  b.arrive_and_wait().or_throw();
}

TEST(barrier, one_that_dies_waiting_breaks_it_for_all_until_reset) {
  room<barrier> shared(3u);
  shared.join(0);
  os::testing::forked victim([&] {
    shared.join(1);
    return shared->arrive_and_wait() ? 0 : 1;
  });
  os::testing::forked other([&] {
    shared.join(2);
    const auto told = shared->arrive_and_wait();
    return told.failed_with(errc::peer_died) && told.error().peer_pid() == victim.pid() ? 0 : 1;
  });
  while (shared->arrived() != 2) std::this_thread::yield();
  const int pid = victim.pid();
  victim.kill();
  EXPECT_EQ(victim.wait(), 1000 + SIGKILL);
  shared.bury(1);
  EXPECT_EQ(other.wait(), 0) << "one who waits is told";
  EXPECT_TRUE(shared->is_broken());
  const auto told = shared->arrive_and_wait();
  EXPECT_TRUE(told.failed_with(errc::peer_died)) << "and so is one who comes";
  EXPECT_EQ(told.error().peer_pid(), pid);
  shared.bury(2);
  shared->reset();
  EXPECT_FALSE(shared->is_broken());
  EXPECT_TRUE(shared->arrive_and_wait_for(1ms).failed_with(errc::timed_out)) << "those who left are forgotten";
}

TEST(barrier, the_last_to_come_does_not_go_on_with_the_dead) {
  room<barrier> shared(2u);
  shared.join(0);
  os::testing::forked victim([&] {
    shared.join(1);
    return shared->arrive_and_wait() ? 0 : 1;
  });
  while (shared->arrived() != 1) std::this_thread::yield();
  victim.kill();
  EXPECT_EQ(victim.wait(), 1000 + SIGKILL);
  shared.bury(1);
  EXPECT_TRUE(shared->arrive_and_wait().failed_with(errc::peer_died));
}

TEST(barrier, one_that_dies_before_it_arrives_again_is_missed) {
  room<barrier> shared(2u);
  shared.join(0);
  os::testing::forked victim([&] {
    shared.join(1);
    return shared->arrive_and_wait() ? 0 : 1;
  });
  shared->arrive_and_wait().or_throw();
  EXPECT_EQ(victim.wait(), 0);
  shared.bury(1);
  EXPECT_TRUE(shared->arrive_and_wait().failed_with(errc::peer_died));
}

TEST(barrier, more_than_it_was_made_for_are_refused) {
  room<barrier> shared(2u);
  shared.join(0);
  os::testing::forked second([&] {
    shared.join(1);
    return shared->arrive_and_wait() ? 0 : 1;
  });
  shared->arrive_and_wait().or_throw();
  os::testing::forked third([&] {
    shared.join(2);
    return shared->arrive_and_wait().failed_with(std::errc::no_buffer_space) ? 0 : 1;
  });
  EXPECT_EQ(third.wait(), 0);
  EXPECT_EQ(second.wait(), 0);
}

TEST(barrier, in_a_child_of_fork_it_says_so) {
  room<barrier> shared(1u);
  shared.join(0);
  EXPECT_TRUE(os::testing::in_child([&] { return shared->arrive_and_wait().failed_with(errc::forked); }));
}
