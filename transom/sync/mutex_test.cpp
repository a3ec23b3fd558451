// transom/sync/mutex_test.cpp - a mutex between threads and processes, and what becomes of it when they die.
#include "transom/sync/mutex.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <stdexcept>
#include <thread>
#include <vector>

#include "transom/sync/lock_testing.hpp"

namespace transom::sync {
namespace {

using namespace std::chrono_literals;
using testing::child;
using testing::hang;

struct account {
  mutex lock;
  long here = 60, there = 40;
  testing::steps step;
};

// The word, whose place is part of the format.
std::uint64_t word_of(const mutex& lock) { return reinterpret_cast<const atomic<std::uint64_t>&>(lock).load(acquire); }

void take_and_die(account& at) {
  auto held = at.lock.lock().or_throw();
  at.here -= 25;
  std::raise(SIGKILL);
}
void take_and_hang(account& at) {
  auto held = at.lock.lock().or_throw();
  at.step.reach(1);
  hang();
}

TEST(mutex, one_at_a_time) {
  mutex lock;
  long count = 0;
  {
    std::vector<std::jthread> all;
    for (int i = 0; i < 3; ++i)
      all.emplace_back([&] {
        for (int turn = 0; turn < 20'000; ++turn) {
          auto held = lock.lock().or_throw();
          ++count;
        }
      });
  }
  EXPECT_EQ(count, 60'000);
  EXPECT_EQ(word_of(lock), 0U);
}

TEST(mutex, a_guard_lets_go_and_can_be_moved) {
  mutex lock;
  guard outer;
  {
    auto held = lock.lock().or_throw();
    outer = std::move(held);
    EXPECT_FALSE(held);  // NOLINT(bugprone-use-after-move)
  }
  EXPECT_NE(word_of(lock), 0U);
  outer.unlock();
  EXPECT_FALSE(outer);
  EXPECT_EQ(word_of(lock), 0U);
  EXPECT_DEATH(outer.unlock(), "holds nothing");
}

TEST(mutex, taking_it_twice_is_an_error_and_not_a_hang) {
  mutex lock;
  auto held = lock.lock().or_throw();
  auto again = lock.lock();
  ASSERT_TRUE(again.failed_with(errc::would_deadlock));
  EXPECT_EQ(again.error(), std::errc::resource_deadlock_would_occur);
  EXPECT_TRUE(lock.lock_for(1ms).failed_with(errc::would_deadlock));
  EXPECT_TRUE(lock.try_lock().failed_with(errc::would_block)) << "who does not wait cannot wait for ever";
  EXPECT_NE(word_of(lock), 0U);
  held.unlock();
  EXPECT_TRUE(lock.try_lock());
}

TEST(mutex, what_is_held_by_another_is_waited_for_or_not) {
  mutex lock;
  auto held = lock.lock().or_throw();
  std::jthread([&] {
    EXPECT_TRUE(lock.try_lock().failed_with(errc::would_block));
    EXPECT_TRUE(lock.lock_for(1ms).failed_with(errc::timed_out));
    EXPECT_TRUE(lock.lock_until(std::chrono::system_clock::now()).failed_with(errc::timed_out));
    std::stop_source stop;
    std::jthread later([&] { stop.request_stop(); });
    EXPECT_TRUE(lock.lock(stop.get_token()).failed_with(errc::canceled));
  }).join();
  std::stop_source stopped;
  stopped.request_stop();
  held.unlock();
  EXPECT_TRUE(lock.lock(stopped.get_token()).failed_with(errc::canceled)) << "a stop comes first";
}

TEST(mutex, whoever_was_woken_takes_it_together_with_the_others_who_wait) {  // glibc bug 20973
  mutex lock;
  auto held = lock.lock().or_throw();
  std::jthread waiter([&] {
    auto mine = lock.lock().or_throw();
    EXPECT_NE(word_of(lock) & lock_word::waiters, 0U);
  });
  while ((word_of(lock) & lock_word::waiters) == 0) std::this_thread::yield();
  held.unlock();
}

TEST(mutex, a_wake_that_a_dead_one_never_gave_is_not_waited_for_in_vain) {  // kernel commit ca16d5be, the unlocker
  testing::room<account> in;
  in.join(0);
  auto held = std::optional(in->lock.lock().or_throw());
  std::jthread waiter([&] { EXPECT_TRUE(in->lock.lock()); });
  while (in.notes_in_use() == 0) std::this_thread::yield();
  reinterpret_cast<atomic<std::uint64_t>&>(in->lock).store(0, release);  // as far as the unlocker came
  waiter.join();
  held.reset();
}

TEST(mutex, a_wake_that_a_dead_one_took_along_is_made_good) {  // kernel commit ca16d5be, the waiter
  testing::room<account> in;
  in.join(0);
  auto held = in->lock.lock().or_throw();
  child first(in, 1, [](account& at) { at.lock.lock().ignore(); });
  std::jthread second([&] { EXPECT_TRUE(in->lock.lock()); });
  while (in.notes_in_use() < 2) std::this_thread::yield();
  first.stop();  // it can be woken, and does nothing about it
  held.unlock();
  first.end();
}

TEST(mutex, after_a_death_only_a_repair_gives_it_out_again) {
  testing::room<account> in;
  in.join(0);
  EXPECT_EQ(child(in, 1, take_and_die).reap(), SIGKILL);
  auto refused = in->lock.lock_for(5s);
  ASSERT_TRUE(refused.failed_with(errc::owner_died));
  EXPECT_EQ(refused.error(), std::errc::owner_dead);
  EXPECT_TRUE(in->lock.try_lock().failed_with(errc::owner_died));
  EXPECT_TRUE(in->lock.is_dirty());
  EXPECT_EQ(in->here + in->there, 75);

  int repairs = 0;
  const auto repair = [&] {
    in->there = 100 - in->here;
    ++repairs;
  };
  {
    auto held = in->lock.lock_or_recover(repair).or_throw();
    EXPECT_FALSE(in->lock.is_dirty());
    EXPECT_EQ(in->there, 65);
  }
  EXPECT_TRUE(in->lock.lock());
  EXPECT_TRUE(in->lock.lock_or_recover(repair));
  EXPECT_EQ(repairs, 1);
}

TEST(mutex, a_repair_that_fails_repairs_nothing) {
  testing::room<account> in;
  in.join(0);
  child(in, 1, take_and_die).reap();
  EXPECT_THROW((void)in->lock.lock_or_recover([] { throw std::runtime_error("no"); }), std::runtime_error);
  EXPECT_TRUE(in->lock.lock().failed_with(errc::owner_died));
  const auto no = [] { return result<void>(error(errc::unsupported, "repair")); };
  EXPECT_TRUE(in->lock.lock_or_recover(no).failed_with(errc::unsupported));
  EXPECT_TRUE(in->lock.lock().failed_with(errc::owner_died));
  EXPECT_TRUE(in->lock.lock_or_recover([] { return result<void>(); }));
  EXPECT_TRUE(in->lock.lock());
}

TEST(mutex, a_repairer_who_dies_leaves_it_to_the_next) {
  testing::room<account> in;
  in.join(0);
  child(in, 1, take_and_die).reap();
  child(in, 2, [](account& at) { at.lock.lock_or_recover([] { std::raise(SIGKILL); }).ignore(); }).reap();
  EXPECT_TRUE(in->lock.lock().failed_with(errc::owner_died));
  EXPECT_TRUE(in->lock.lock_or_recover([] {}));
}

TEST(mutex, a_death_is_seen_by_those_who_sleep) {
  testing::room<account> in;
  in.join(0);
  child owner(in, 1, take_and_hang);
  in->step.wait_for(1);
  std::vector<std::jthread> waiters;
  for (int i = 0; i < 3; ++i) waiters.emplace_back([&] { EXPECT_TRUE(in->lock.lock().failed_with(errc::owner_died)); });
  while (in.notes_in_use() < 3) std::this_thread::yield();
  owner.end();
}

TEST(mutex, a_stopped_owner_is_not_dead) {
  testing::room<account> in;
  in.join(0);
  child owner(in, 1, take_and_hang);
  in->step.wait_for(1);
  owner.stop();
  EXPECT_TRUE(in->lock.lock_for(250ms).failed_with(errc::timed_out)) << "it was asked at least twice";
  EXPECT_TRUE(in->lock.try_lock().failed_with(errc::would_block));
}

TEST(mutex, a_forked_child_is_refused_and_cannot_let_go_what_its_parent_holds) {
  testing::room<account> in;
  in.join(0);
  auto held = in->lock.lock().or_throw();
  const pid_t pid = ::fork();
  if (pid == 0) {
    bool refused = in->lock.lock().failed_with(errc::forked) && in->lock.try_lock().failed_with(errc::forked);
    held.unlock();
    std::_Exit(refused ? 0 : 1);
  }
  int state = 0;
  ::waitpid(pid, &state, 0);
  EXPECT_EQ(state, 0);
  EXPECT_NE(word_of(in->lock), 0U);
}

TEST(mutex, a_cycle_of_two_processes_is_reported_with_its_links) {
  struct forks {
    mutex left{report_deadlocks{"left"}}, right{report_deadlocks{"right"}};
    atomic<std::uint32_t> step{0};
  };
  testing::room<forks> in;
  in.join(0);
  auto left = in->left.lock().or_throw();
  const pid_t pid = ::fork();
  if (pid == 0) {
    in.join(1);
    {
      auto right = in->right.lock().or_throw();
      in->step.store(1, release);
      (void)in->left.lock();
    }
    std::_Exit(0);
  }
  while (in->step.load(acquire) == 0 || in.notes_in_use() == 0) std::this_thread::yield();
  auto cycle = in->right.lock();
  ASSERT_TRUE(cycle.failed_with(errc::would_deadlock));
  const std::string here = std::to_string(::getpid()), there = std::to_string(pid);
  EXPECT_EQ(cycle.error().detail(), "pid " + here + " thread " + here + " waits for lock \"right\", held by pid " +
                                        there + " thread " + there + ", which waits for lock \"left\", held by pid " +
                                        here + " thread " + here);
  left.unlock();
  int state = 0;
  ::waitpid(pid, &state, 0);
  EXPECT_EQ(state, 0);
}

TEST(mutex, five_threads_in_a_circle_are_told) {
  constexpr std::size_t seats = 5;
  struct table {
    std::array<mutex, seats> forks{mutex(report_deadlocks{}), mutex(report_deadlocks{}), mutex(report_deadlocks{}),
                                   mutex(report_deadlocks{}), mutex(report_deadlocks{})};
  } all;
  std::atomic<unsigned> ready{0}, told{0};
  {
    std::vector<std::jthread> philosophers;
    for (std::size_t i = 0; i < seats; ++i)
      philosophers.emplace_back([&, i] {
        auto first = all.forks[i].lock().or_throw();
        for (++ready; ready < seats;) std::this_thread::yield();
        auto second = all.forks[(i + 1) % seats].lock();
        told += second.failed_with(errc::would_deadlock) ? 1 : 0;
      });
  }
  EXPECT_GE(told, 1U);
}

TEST(mutex, a_chain_that_ends_is_no_cycle) {
  mutex first{report_deadlocks{}}, second{report_deadlocks{}};
  auto held = first.lock().or_throw();
  std::atomic<bool> has_second{false};
  std::jthread other([&] {
    auto mine = second.lock().or_throw();
    has_second = true;
    EXPECT_TRUE(first.lock());
  });
  while (!has_second) std::this_thread::yield();
  std::jthread third([&] { EXPECT_TRUE(second.lock_for(10s)); });
  held.unlock();
}

}  // namespace
}  // namespace transom::sync
