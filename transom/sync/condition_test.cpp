// transom/sync/condition_test.cpp - waiting for what a lock protects, with deaths on either side.
#include "transom/sync/condition.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <thread>
#include <vector>

#include "transom/sync/lock_testing.hpp"
#include "transom/sync/rwlock.hpp"

namespace transom::sync {
namespace {

using namespace std::chrono_literals;
using testing::child;
using testing::hang;

struct counter {
  mutex lock;
  condition changed;
  int value = 0;
  testing::steps step;
};

void set(counter& at, int value) {
  auto held = at.lock.lock().or_throw();
  at.value = value;
  held.unlock();
  at.changed.notify_all();
}

TEST(condition, a_waiter_goes_on_with_the_lock_once_it_is_so) {
  testing::room<counter> in;
  in.join(0);
  std::vector<std::jthread> waiters;
  for (int i = 0; i < 3; ++i)
    waiters.emplace_back([&] {
      auto held = in->lock.lock().or_throw();
      EXPECT_TRUE(in->changed.wait(held, [&] { return in->value == 7; }));
      EXPECT_TRUE(held);
      EXPECT_TRUE(in->lock.lock().failed_with(errc::would_deadlock));
    });
  child(in, 1, [](counter& at) {
    set(at, 3);
    set(at, 7);
  }).reap();
}

TEST(condition, waiting_in_vain_ends_with_the_lock_held) {
  counter at;
  auto held = at.lock.lock().or_throw();
  EXPECT_TRUE(at.changed.wait_for(held, 1ms, [] { return false; }).failed_with(errc::timed_out));
  EXPECT_TRUE(held);
  EXPECT_TRUE(
      at.changed.wait_until(held, std::chrono::system_clock::now(), [] { return false; }).failed_with(errc::timed_out));
  EXPECT_TRUE(at.changed.wait_for(held, 0s, [] { return true; }));
  std::stop_source stop;
  std::jthread later([&] { stop.request_stop(); });
  EXPECT_TRUE(at.changed.wait(held, [] { return false; }, stop.get_token()).failed_with(errc::canceled));
  EXPECT_TRUE(held);
  EXPECT_THROW(at.changed.wait(held, []() -> bool { throw std::runtime_error("no"); }).ignore(), std::runtime_error);
  EXPECT_TRUE(held);
}

TEST(condition, who_died_under_the_lock_is_told_and_the_guard_is_empty) {
  testing::room<counter> in;
  in.join(0);
  auto held = in->lock.lock().or_throw();
  child other(in, 1, [](counter& at) {
    auto mine = at.lock.lock().or_throw();
    at.value = 1;
    std::raise(SIGKILL);
  });
  std::jthread proof([&] { other.reap(); });
  EXPECT_TRUE(in->changed.wait(held, [] { return false; }).failed_with(errc::owner_died));
  EXPECT_FALSE(held);
  EXPECT_TRUE(in->lock.lock_or_recover([] {}));
}

TEST(condition, dead_waiters_leave_nothing_that_others_trip_over) {  // glibc bug 21422
  testing::room<counter> in;
  in.join(0);
  for (unsigned row = 1; row <= 3; ++row) {
    child waiter(in, row, [row](counter& at) {
      auto held = at.lock.lock().or_throw();
      at.step.reach(row);
      at.changed.wait(held, [] { return false; }).ignore();
    });
    in->step.wait_for(row);
    auto held = in->lock.lock().or_throw();  // so it has let go: it waits
    held.unlock();
    waiter.end();
    in->changed.notify_all();
  }
  std::jthread waiter([&] {
    auto held = in->lock.lock();
    if (!held) held = in->lock.lock_or_recover([] {});
    EXPECT_TRUE(in->changed.wait(*held, [&] { return in->value == 9; }));
  });
  set(*in, 9);
}

TEST(condition, a_notifier_that_died_before_it_counted_is_made_good) {
  testing::room<counter> in;
  in.join(0);
  auto held = in->lock.lock().or_throw();
  child notifier(in, 1, [](counter& at) {
    auto mine = at.lock.lock().or_throw();
    at.value = 1;
    mine.unlock();
    hang();
  });
  EXPECT_TRUE(in->changed.wait(held, [&] { return in->value == 1; }));
}

TEST(condition, it_works_with_a_writer_of_a_rwlock) {
  rwlock lock;
  condition changed;
  bool ready = false;
  std::jthread other([&] {
    auto held = lock.lock().or_throw();
    ready = true;
    held.unlock();
    changed.notify_all();
  });
  auto held = lock.lock().or_throw();
  EXPECT_TRUE(changed.wait(held, [&] { return ready; }));
  EXPECT_TRUE(lock.lock_shared().failed_with(errc::would_deadlock)) << "it is held to write";
}

}  // namespace
}  // namespace transom::sync
