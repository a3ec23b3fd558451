// transom/os/futex_test.cpp - a sleep ends by a wake, by a change or by its bound, in this process and another.
#include "transom/os/futex.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "transom/os/mapping.hpp"
#include "transom/os/memfd.hpp"
#include "transom/os/testing.hpp"

using namespace std::chrono_literals;
namespace os = transom::os;
namespace testing_os = transom::os::testing;

TEST(futex, a_word_that_has_changed_is_not_waited_for) {
  const std::uint32_t word = 1;
  EXPECT_TRUE(os::futex_wait(&word, 0, {1h}));
}

TEST(futex, every_sleep_is_bounded) {
  const std::uint32_t word = 0;
  EXPECT_FALSE(os::futex_wait(&word, 0, {2ms}));
  EXPECT_FALSE(os::futex_wait(&word, 0, {-5ms}));
  EXPECT_EQ(os::futex_wake_all(&word), 0);
}

// Oracle: the child sleeps on its own mapping of the memory, at another address; both wake only through the word.
TEST(futex, wakes_a_sleeper_in_another_process_at_another_address) {
  auto memory = os::memfd::make("transom test", {.size = 4096}).or_throw();
  auto ours = memory.map(os::access::read_write).or_throw();
  auto& word = *reinterpret_cast<std::atomic<std::uint32_t>*>(ours.data());
  testing_os::forked sleeper([&] {
    auto theirs = memory.map(os::access::read_only).or_throw();  // reading is enough to sleep
    const auto& seen = *reinterpret_cast<const std::atomic<std::uint32_t>*>(theirs.data());
    while (seen.load() == 0) os::futex_wait(&seen, 0, {1h});
    return 0;
  });
  while (os::futex_wake(&word, 1) == 0) std::this_thread::yield();  // until it has really slept
  word.store(1);
  os::futex_wake_all(&word);
  EXPECT_EQ(sleeper.wait(), 0);
}

TEST(futex, wakes_as_many_as_asked) {
  std::atomic<std::uint32_t> word{0};
  std::vector<std::jthread> sleepers;
  for (int i = 0; i < 3; ++i) {
    sleepers.emplace_back([&] {
      while (word.load() == 0) os::futex_wait(&word, 0, {1h});
    });
  }
  EXPECT_LE(os::futex_wake(&word, 2), 2);
  word.store(1);
  EXPECT_LE(os::futex_wake_all(&word), 3);
}
