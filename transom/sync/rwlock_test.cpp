// transom/sync/rwlock_test.cpp - many readers, one writer, and the death of either.
#include "transom/sync/rwlock.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <thread>
#include <vector>

#include "transom/sync/lock_testing.hpp"

namespace transom::sync {
namespace {

using namespace std::chrono_literals;
using testing::child;
using testing::hang;

struct ledger {
  rwlock lock;
  long here = 60, there = 40;
  testing::steps step;
};

TEST(rwlock, readers_share_and_a_writer_does_not) {
  rwlock lock;
  auto one = lock.lock_shared().or_throw();
  std::jthread([&] {
    auto two = lock.lock_shared();
    EXPECT_TRUE(two);
    EXPECT_TRUE(lock.try_lock().failed_with(errc::would_block));
    EXPECT_TRUE(lock.lock().failed_with(errc::would_deadlock)) << "this thread reads";
  }).join();
  std::jthread([&] {
    EXPECT_TRUE(lock.try_lock().failed_with(errc::would_block));
    EXPECT_TRUE(lock.lock_for(1ms).failed_with(errc::timed_out));
  }).join();
  one.unlock();
  auto writer = lock.lock().or_throw();
  std::jthread([&] {
    EXPECT_TRUE(lock.try_lock_shared().failed_with(errc::would_block));
    EXPECT_TRUE(lock.lock_shared_for(1ms).failed_with(errc::timed_out));
    EXPECT_TRUE(lock.try_lock().failed_with(errc::would_block));
  }).join();
}

TEST(rwlock, what_readers_see_is_whole) {
  rwlock lock;
  long here = 50, there = 50;
  std::atomic<bool> torn{false};
  {
    std::vector<std::jthread> all;
    for (int i = 0; i < 2; ++i)
      all.emplace_back([&] {
        for (int turn = 0; turn < 3000; ++turn) {
          auto held = lock.lock().or_throw();
          ++here;
          --there;
        }
      });
    for (int i = 0; i < 2; ++i)
      all.emplace_back([&] {
        for (int turn = 0; turn < 3000; ++turn) {
          auto held = lock.lock_shared().or_throw();
          if (here + there != 100) torn = true;
        }
      });
  }
  EXPECT_FALSE(torn);
  EXPECT_EQ(here, 6050);
}

TEST(rwlock, what_can_never_come_to_an_end_is_refused) {
  rwlock lock;
  {
    auto writer = lock.lock().or_throw();
    EXPECT_TRUE(lock.lock_shared().failed_with(errc::would_deadlock));
    EXPECT_TRUE(lock.try_lock_shared().failed_with(errc::would_block));
    EXPECT_TRUE(lock.lock().failed_with(errc::would_deadlock));
  }
  auto reader = lock.lock_shared().or_throw();
  EXPECT_TRUE(lock.lock_shared()) << "nobody waits to write";
  EXPECT_TRUE(lock.lock().failed_with(errc::would_deadlock));
  EXPECT_TRUE(lock.lock_shared()) << "the refused writer has left no trace";
}

TEST(rwlock, a_reader_that_comes_back_while_a_writer_waits_is_told) {
  testing::room<ledger> in;
  in.join(0);
  auto reader = in->lock.lock_shared().or_throw();
  std::jthread writer([&] { EXPECT_TRUE(in->lock.lock()); });
  while (in.notes_in_use() < 2) std::this_thread::yield();
  EXPECT_TRUE(in->lock.lock_shared().failed_with(errc::would_deadlock));
  reader.unlock();
}

TEST(rwlock, a_writer_that_gives_up_lets_the_readers_go_on) {
  testing::room<ledger> in;
  in.join(0);
  auto reader = in->lock.lock_shared().or_throw();
  std::jthread([&] { EXPECT_TRUE(in->lock.lock_for(1ms).failed_with(errc::timed_out)); }).join();
  std::jthread([&] { EXPECT_TRUE(in->lock.lock_shared()); }).join();
}

TEST(rwlock, a_dead_reader_is_forgotten) {
  testing::room<ledger> in;
  in.join(0);
  child reader(in, 1, [](ledger& at) {
    auto held = at.lock.lock_shared().or_throw();
    at.step.reach(1);
    hang();
  });
  in->step.wait_for(1);
  std::jthread writer([&] { EXPECT_TRUE(in->lock.lock()); });
  reader.end();
  writer.join();
  EXPECT_EQ(in.notes_in_use(), 0U);
  EXPECT_TRUE(in->lock.lock_shared());
}

TEST(rwlock, a_dead_writer_leaves_it_dirty_for_readers_too) {
  testing::room<ledger> in;
  in.join(0);
  child(in, 1, [](ledger& at) {
    auto held = at.lock.lock().or_throw();
    at.here -= 25;
    std::raise(SIGKILL);
  }).reap();
  EXPECT_TRUE(in->lock.lock_shared().failed_with(errc::owner_died));
  EXPECT_TRUE(in->lock.try_lock_shared().failed_with(errc::owner_died));
  EXPECT_TRUE(in->lock.lock().failed_with(errc::owner_died));
  EXPECT_TRUE(in->lock.lock_or_recover([&] { in->there = 100 - in->here; }));
  auto reader = in->lock.lock_shared();
  ASSERT_TRUE(reader);
  EXPECT_EQ(in->here + in->there, 100);
}

TEST(rwlock, readers_that_sleep_learn_of_the_death_of_the_writer) {
  testing::room<ledger> in;
  in.join(0);
  child writer(in, 1, [](ledger& at) {
    auto held = at.lock.lock().or_throw();
    at.step.reach(1);
    hang();
  });
  in->step.wait_for(1);
  std::vector<std::jthread> readers;
  for (int i = 0; i < 3; ++i)
    readers.emplace_back([&] { EXPECT_TRUE(in->lock.lock_shared().failed_with(errc::owner_died)); });
  while (in.notes_in_use() < 3) std::this_thread::yield();
  writer.end();
}

TEST(rwlock, two_readers_who_both_want_to_write_elsewhere_are_told) {
  struct two {
    rwlock a{report_deadlocks{"a"}}, b{report_deadlocks{"b"}};
  } at;
  std::atomic<int> reading{0}, told{0};
  const auto cross = [&](rwlock& mine, rwlock& other) {
    auto held = mine.lock_shared().or_throw();
    for (++reading; reading < 2;) std::this_thread::yield();
    auto wanted = other.lock();
    told += wanted.failed_with(errc::would_deadlock) ? 1 : 0;
  };
  {
    std::jthread one([&] { cross(at.a, at.b); }), two([&] { cross(at.b, at.a); });
  }
  EXPECT_GE(told, 1);
}

TEST(rwlock, a_process_has_room_for_so_many_readers) {
  testing::room<ledger> in;
  in.join(0);
  std::vector<shared_guard> all;
  while (true) {
    auto one = in->lock.lock_shared();
    if (!one) {
      EXPECT_TRUE(one.failed_with(std::errc::no_buffer_space));
      break;
    }
    all.push_back(std::move(*one));
  }
  EXPECT_EQ(all.size(), notes_each);
}

TEST(rwlock, a_forked_child_is_refused_and_lets_nothing_go) {
  testing::room<ledger> in;
  in.join(0);
  auto reader = in->lock.lock_shared().or_throw();
  const pid_t pid = ::fork();
  if (pid == 0) {
    const bool refused = in->lock.lock_shared().failed_with(errc::forked) && in->lock.lock().failed_with(errc::forked);
    reader.unlock();
    std::_Exit(refused ? 0 : 1);
  }
  int state = 0;
  ::waitpid(pid, &state, 0);
  EXPECT_EQ(state, 0);
  EXPECT_EQ(in.notes_in_use(), 1U);
}

}  // namespace
}  // namespace transom::sync
