// transom/sync/event_test.cpp - nobody sleeps through a notification, and nobody is bothered without one.
#include "transom/sync/event.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <thread>
#include <vector>

#include "transom/os/testing.hpp"
#include "transom/sync/testing.hpp"

using namespace std::chrono_literals;
namespace os = transom::os;
using transom::errc;
using transom::sync::event;
using transom::sync::testing::room;

namespace {

// A token goes round: each waits for its turn and hands on. A lost wake stops everything for 100 ms, ten thousand of
// them for longer than the watchdog allows.
void sit(const event& mine, event& next, std::uint32_t rounds) {
  for (std::uint32_t seen = 0; seen < rounds;) {
    seen = mine.wait(seen).or_throw();
    next.notify();
  }
}

}  // namespace

TEST(event, counts) {
  event e;
  EXPECT_EQ(e.value(), 0u);
  e.notify();
  e.notify();
  EXPECT_EQ(e.value(), 2u);
}

TEST(event, a_wait_for_what_has_happened_does_not_sleep) {
  event e;
  e.notify();
  EXPECT_EQ(e.wait(0).or_throw(), 1u);
  EXPECT_EQ(e.try_wait(0).or_throw(), 1u);
  EXPECT_EQ(e.wait_for(7, 0s).or_throw(), 1u);
}

TEST(event, a_wait_ends_at_its_deadline) {
  event e;
  EXPECT_TRUE(e.try_wait(0).failed_with(errc::would_block));
  EXPECT_TRUE(e.wait_for(0, 0s).failed_with(errc::timed_out));
  EXPECT_TRUE(e.wait_for(0, 5ms).failed_with(errc::timed_out));
  EXPECT_TRUE(e.wait_until(0, std::chrono::system_clock::now() + 5ms).failed_with(errc::timed_out));
  EXPECT_EQ(e.value(), 0u);
}

TEST(event, a_stop_request_ends_a_wait_at_once_and_disturbs_nobody_else) {
  event e;
  std::stop_source stop;
  std::atomic<bool> other_is_back{false};
  std::jthread other([&] {
    e.wait(0).or_throw();
    other_is_back = true;
  });
  std::jthread stopper([&] { stop.request_stop(); });
  EXPECT_TRUE(e.wait(0, stop.get_token()).failed_with(errc::canceled));
  EXPECT_TRUE(e.wait(0, stop.get_token()).failed_with(errc::canceled)) << "a stop requested before the call";
  e.notify();
  EXPECT_TRUE(e.wait(0, stop.get_token()).failed_with(errc::canceled)) << "even if it has happened";
  EXPECT_FALSE(e.wait(0).or_throw() == 0);
  other.join();
  EXPECT_TRUE(other_is_back);
}

TEST(event, one_notification_wakes_all) {
  event e;
  std::vector<std::jthread> sleepers;
  for (int i = 0; i < 4; ++i) sleepers.emplace_back([&] { EXPECT_EQ(e.wait(0).or_throw(), 1u); });
  e.notify();
}

TEST(event, threads_never_miss_their_turn) {
  event ping, pong;
  std::jthread other([&] { sit(ping, pong, 10'000); });
  ping.notify();
  sit(pong, ping, 10'000);
}

TEST(event, processes_never_miss_their_turn) {
  struct two {
    event ping, pong;
  };
  room<two> shared;
  os::testing::forked other([&] { return sit(shared->ping, shared->pong, 5'000), 0; });
  shared->ping.notify();
  sit(shared->pong, shared->ping, 5'000);
  EXPECT_EQ(other.wait(), 0);
}

TEST(event, a_killed_waiter_leaves_no_trace) {
  room<event> shared;
  os::testing::forked waiter([&] { return shared->wait(0).has_value() ? 0 : 1; });
  waiter.kill();
  EXPECT_NE(waiter.wait(), 0);
  shared->notify();
  shared->notify();
  EXPECT_EQ(shared->value(), 2u);
  os::testing::forked next([&] { return shared->wait(2).or_throw() == 3u ? 0 : 1; });
  shared->notify();
  EXPECT_EQ(next.wait(), 0);
}

namespace {
event* rung_by_handler = nullptr;
}

TEST(event, may_be_notified_in_a_signal_handler) {
  event e;
  rung_by_handler = &e;
  struct sigaction ours{};
  struct sigaction theirs{};
  ours.sa_handler = [](int) { rung_by_handler->notify(); };
  ASSERT_EQ(::sigaction(SIGUSR1, &ours, &theirs), 0);
  std::jthread sleeper([&] { EXPECT_EQ(e.wait(0).or_throw(), 1u); });
  ::raise(SIGUSR1);
  sleeper.join();
  ::sigaction(SIGUSR1, &theirs, nullptr);
}
