// transom/sync/doorbell_test.cpp - nobody sleeps through a ring, however many sleep and ring.
#include "transom/sync/doorbell.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "transom/os/mapping.hpp"
#include "transom/os/testing.hpp"

using namespace std::chrono_literals;
namespace os = transom::os;
using transom::sync::acquire;
using transom::sync::atomic;
using transom::sync::doorbell;
using transom::sync::release;

namespace {

// A sleep as long as this is one that nobody ended: the test's own watchdog then speaks.
constexpr os::bound for_ever{1h};

// A token goes round: each waits for its turn and hands on. A lost wake stops everything.
struct round_table {
  doorbell bell;
  atomic<std::uint32_t> turn;

  void sit(std::uint32_t me, std::uint32_t seats, std::uint32_t rounds) {
    for (std::uint32_t round = 0; round < rounds; ++round) {
      const std::uint32_t mine = round * seats + me;
      const auto ready = [&] { return turn.load(acquire) == mine; };
      while (!ready()) bell.wait(ready, for_ever);
      turn.store(mine + 1, release);
      bell.ring();
    }
  }
};

}  // namespace

TEST(doorbell, whoever_is_ready_does_not_sleep) {
  doorbell bell;
  bell.wait([] { return true; }, for_ever);
  EXPECT_TRUE(bell.has_sleepers());  // a bit that costs one wake
  bell.ring();
  EXPECT_FALSE(bell.has_sleepers());
}

TEST(doorbell, a_wait_ends_at_its_bound) {
  doorbell bell;
  bell.wait([] { return false; }, os::bound{1ms});
}

TEST(doorbell, a_ring_between_the_look_and_the_sleep_is_not_lost) {
  doorbell bell;
  bool rung = false;
  bell.wait(
      [&] {  // the look found nothing, and now somebody rings before the sleep
        if (!rung) bell.ring();
        rung = true;
        return false;
      },
      for_ever);
}

TEST(doorbell, nor_is_it_lost_when_another_sleeper_announces_itself_in_between) {
  doorbell bell;
  bell.wait(
      [&] {
        bell.ring();
        bell.wait([] { return true; }, for_ever);  // sets the bit again
        return false;
      },
      for_ever);
}

TEST(doorbell, threads_that_share_one_bell_never_miss_their_turn) {
  round_table table;
  std::vector<std::jthread> sitters;
  for (std::uint32_t me = 0; me < 4; ++me) sitters.emplace_back([&table, me] { table.sit(me, 4, 2000); });
}

TEST(doorbell, processes_that_share_one_bell_never_miss_their_turn) {
  auto memory = os::mapping::anonymous(sizeof(round_table), os::share::shared).or_throw();
  auto* table = new (memory.data()) round_table;
  os::testing::forked one([&] { return table->sit(1, 3, 1000), 0; });
  os::testing::forked two([&] { return table->sit(2, 3, 1000), 0; });
  table->sit(0, 3, 1000);
  EXPECT_EQ(one.wait(), 0);
  EXPECT_EQ(two.wait(), 0);
}

TEST(doorbell, a_loud_ring_wakes_a_sleeper_whose_bit_a_dead_ringer_cleared) {
  doorbell bell;
  atomic<std::uint32_t> stage;
  std::jthread sleeper([&] {
    bell.wait([&] { return stage.store(1, release), false; }, for_ever);
    stage.store(2, release);
  });
  while (stage.load(acquire) == 0) std::this_thread::yield();
  while (stage.load(acquire) != 2) bell.ring_loudly();
}
