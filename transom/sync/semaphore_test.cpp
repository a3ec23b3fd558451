// transom/sync/semaphore_test.cpp - what is released is acquired, once; what the dead held comes back, once.
#include "transom/sync/semaphore.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <thread>
#include <vector>

#include "transom/os/testing.hpp"
#include "transom/sync/event.hpp"
#include "transom/sync/testing.hpp"

using namespace std::chrono_literals;
namespace os = transom::os;
using transom::errc;
using transom::sync::event;
using transom::sync::permit;
using transom::sync::semaphore;
using transom::sync::testing::room;

TEST(semaphore, counts_up_and_down) {
  semaphore s(2);
  EXPECT_EQ(s.value(), 2u);
  s.acquire().or_throw();
  s.try_acquire().or_throw();
  EXPECT_EQ(s.value(), 0u);
  EXPECT_TRUE(s.try_acquire().failed_with(errc::would_block));
  s.release(3).or_throw();
  EXPECT_EQ(s.value(), 3u);
  s.release(0).or_throw();
  EXPECT_EQ(s.value(), 3u);
}

TEST(semaphore, more_than_it_can_count_is_an_error_and_changes_nothing) {
  semaphore s(semaphore::most - 1);
  s.release();
  EXPECT_TRUE(s.release().failed_with(std::errc::value_too_large));
  EXPECT_TRUE(s.release(semaphore::most).failed_with(std::errc::value_too_large));
  EXPECT_TRUE(s.release(0xffffffff).failed_with(std::errc::value_too_large));
  EXPECT_EQ(s.value(), semaphore::most);
  s.acquire().or_throw();
  EXPECT_EQ(s.value(), semaphore::most - 1);
}

TEST(semaphore, a_wait_ends_at_its_deadline_and_takes_nothing) {
  semaphore s;
  EXPECT_TRUE(s.acquire_for(0s).failed_with(errc::timed_out));
  EXPECT_TRUE(s.acquire_for(5ms).failed_with(errc::timed_out));
  EXPECT_TRUE(s.acquire_until(std::chrono::system_clock::now() + 5ms).failed_with(errc::timed_out));
  EXPECT_TRUE(s.hold_for(5ms).failed_with(errc::timed_out));
  EXPECT_TRUE(s.try_hold().failed_with(errc::would_block));
  s.release();
  EXPECT_TRUE(s.acquire_for(0s).has_value()) << "what is there is taken";
}

TEST(semaphore, a_stop_request_ends_a_wait_at_once) {
  semaphore s;
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  EXPECT_TRUE(s.acquire(stop.get_token()).failed_with(errc::canceled));
  s.release();
  EXPECT_TRUE(s.acquire(stop.get_token()).failed_with(errc::canceled)) << "even if there is one";
  EXPECT_TRUE(s.hold(stop.get_token()).failed_with(errc::canceled));
  EXPECT_EQ(s.value(), 1u);
}

TEST(semaphore, a_release_of_n_wakes_n) {
  semaphore s;
  std::vector<std::jthread> takers;
  for (int i = 0; i < 4; ++i) takers.emplace_back([&] { s.acquire().or_throw(); });
  s.release(4).or_throw();
  takers.clear();
  EXPECT_EQ(s.value(), 0u);
}

// Oracle: as many are taken as were given, and nobody sleeps while there is one: that would be 100 ms each time.
TEST(semaphore, threads_that_give_and_take_lose_none) {
  semaphore s;
  std::atomic<int> taken{0};
  std::vector<std::jthread> all;
  for (int i = 0; i < 3; ++i)
    all.emplace_back([&] {
      for (int n = 0; n < 4000; ++n) s.acquire().or_throw(), ++taken;
    });
  for (int i = 0; i < 3; ++i)
    all.emplace_back([&] {
      for (int n = 0; n < 4000; ++n) s.release();
    });
  all.clear();
  EXPECT_EQ(taken, 12'000);
  EXPECT_EQ(s.value(), 0u);
}

// Oracle: a lost wake would be 100 ms, each of the ten thousand times.
TEST(semaphore, who_gives_up_takes_no_wake_along) {
  semaphore s;
  std::atomic<bool> over{false};
  std::vector<std::jthread> impatient;
  for (int i = 0; i < 2; ++i)
    impatient.emplace_back([&] {
      while (!over)
        if (s.acquire_for(20us)) s.release();
    });
  std::jthread patient([&] {
    for (int n = 0; n < 2000; ++n) s.acquire().or_throw();
  });
  for (int n = 0; n < 2000; ++n) s.release();
  patient.join();
  over = true;
}

TEST(permit, is_given_back_at_its_end_and_can_be_moved) {
  semaphore s(2);
  {
    permit first = s.hold().or_throw();
    EXPECT_EQ(s.value(), 1u);
    permit second = std::move(first);
    EXPECT_FALSE(first.is_held());
    EXPECT_TRUE(second.is_held());
    EXPECT_EQ(s.value(), 1u);
    permit third = s.try_hold().or_throw();
    EXPECT_EQ(s.value(), 0u);
    third = std::move(second);
    EXPECT_EQ(s.value(), 1u);
    third.release();
    third.release();
    EXPECT_EQ(s.value(), 2u);
  }
  EXPECT_EQ(s.value(), 2u);
}

TEST(permit, may_be_given_back_by_another_thread) {
  semaphore s(1);
  permit mine = s.hold().or_throw();
  std::jthread other([mine = std::move(mine)]() mutable { mine.release(); });
  EXPECT_TRUE(s.acquire().has_value());
}

TEST(permit, is_one_of_128_in_a_process) {
  semaphore s(1000);
  std::vector<permit> all;
  for (;;) {
    auto next = s.try_hold();
    if (!next) {
      EXPECT_TRUE(next.failed_with(std::errc::no_buffer_space));
      break;
    }
    all.push_back(std::move(*next));
  }
  EXPECT_EQ(all.size(), 128u);
  EXPECT_EQ(s.value(), 1000u - 128u);
  all.clear();
  EXPECT_EQ(s.value(), 1000u);
}

TEST(permit, several_semaphores_share_the_notes_of_a_process_and_do_not_confuse_them) {
  semaphore a(3), b(3);
  for (int n = 0; n < 70'000; ++n) {  // the number of claims comes round
    permit one = a.hold().or_throw();
    permit two = b.hold().or_throw();
    one.release();
    permit three = b.hold().or_throw();
  }
  EXPECT_EQ(a.value(), 3u);
  EXPECT_EQ(b.value(), 3u);
}

TEST(permit, threads_that_hold_and_acquire_lose_none) {
  semaphore s(2);
  std::atomic<int> inside{0};
  std::vector<std::jthread> all;
  for (int i = 0; i < 4; ++i)
    all.emplace_back([&, i] {
      for (int n = 0; n < 3000; ++n) {
        if (i == 0) s.acquire().or_throw();
        auto held = i == 0 ? transom::result<permit>(transom::error(errc::closed, "none")) : s.hold();
        EXPECT_LE(++inside, 2);
        --inside;
        if (i == 0) s.release();
      }
    });
  all.clear();
  EXPECT_EQ(s.value(), 2u);
}

TEST(permit, comes_back_when_its_holder_is_killed) {
  struct things {
    semaphore places{1};
    event held;
  };
  room<things> shared;
  shared.join(0);
  for (int life = 0; life < 3; ++life) {
    os::testing::forked holder([&] {
      shared.join(1);
      const auto mine = shared->places.hold();
      shared->held.notify();
      for (;;) ::pause();
      return 0;
    });
    for (std::uint32_t n = 0; n <= static_cast<std::uint32_t>(life); ++n) shared->held.wait(n).or_throw();
    EXPECT_TRUE(shared->places.try_acquire().failed_with(errc::would_block)) << "it lives";
    holder.kill();
    EXPECT_EQ(holder.wait(), 1000 + SIGKILL);
    EXPECT_TRUE(shared->places.try_acquire().failed_with(errc::would_block)) << "and nobody has the kernel's word";
    shared.bury(1);
    shared->places.acquire().or_throw();
    EXPECT_EQ(shared->places.value(), 0u);
    shared->places.release();
    EXPECT_EQ(shared.notes_in_use(), 0u);
  }
}

TEST(permit, of_the_dead_comes_back_to_one_who_sleeps_for_it) {
  room<semaphore> shared(1u);
  shared.join(0);
  os::testing::forked holder([&] {
    shared.join(1);
    const auto mine = shared->hold();
    for (;;) ::pause();
    return 0;
  });
  while (shared->value() != 0) std::this_thread::yield();
  std::jthread sleeper([&] { EXPECT_TRUE(shared->hold().has_value()); });
  holder.kill();
  EXPECT_EQ(holder.wait(), 1000 + SIGKILL);
  shared.bury(1);
  sleeper.join();
  EXPECT_EQ(shared->value(), 1u);
}

TEST(permit, what_a_killed_process_acquired_stays_taken) {
  room<semaphore> shared(1u);
  shared.join(0);
  os::testing::forked taker([&] {
    shared.join(1);
    shared->acquire().or_throw();
    return 0;
  });
  EXPECT_EQ(taker.wait(), 0);
  shared.bury(1);
  EXPECT_TRUE(shared->try_acquire().failed_with(errc::would_block));
}

TEST(permit, in_a_child_of_fork_is_nothing) {
  room<semaphore> shared(1u);
  shared.join(0);
  permit mine = shared->hold().or_throw();
  EXPECT_TRUE(os::testing::in_child([&] {
    const bool refused = shared->acquire().failed_with(errc::forked) && shared->hold().failed_with(errc::forked) &&
                         shared->release().failed_with(errc::forked);
    permit(std::move(mine)).release();
    return refused && shared->value() == 0;
  }));
  EXPECT_EQ(shared->value(), 0u);
  mine.release();
  EXPECT_EQ(shared->value(), 1u);
}

// Oracle: whenever all is quiet, as many are there as at the beginning, and every note is free.
TEST(permit, holders_killed_at_any_moment_leave_every_permit_behind) {
  room<semaphore> shared(3u);
  shared.join(0);
  for (int life = 0; life < 100; ++life) {
    os::testing::forked holder([&]() -> int {
      shared.join(1);
      for (;;) {
        auto one = shared->hold();
        auto two = shared->hold();
      }
    });
    for (int n = 0; n < 20 + life; ++n) auto mine = shared->hold();
    holder.kill();
    EXPECT_EQ(holder.wait(), 1000 + SIGKILL);
    shared.bury(1);
    std::vector<permit> all;
    for (int n = 0; n < 3; ++n) all.push_back(shared->try_hold().or_throw());
    EXPECT_TRUE(shared->try_hold().failed_with(errc::would_block)) << "life " << life;
  }
  EXPECT_EQ(shared->value(), 3u);
  EXPECT_EQ(shared.notes_in_use(), 0u);
}
