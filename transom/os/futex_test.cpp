// transom/os/futex_test.cpp - a sleep ends by a wake, by a change or by its bound, in this process and another.
#include "transom/os/futex.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <thread>
#include <vector>

#include "transom/os/mapping.hpp"
#include "transom/os/memfd.hpp"
#include "transom/os/old_kernel.hpp"
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

namespace {

// All of what a sleep on several words promises, wherever it comes from.
bool any_of_several_words_wakes() {
  std::atomic<std::uint32_t> words[3] = {};
  const os::futex_word all[] = {{&words[0], 0}, {&words[1], 0}, {&words[2], 0}};
  if (os::futex_wait_any(all, {2ms}) || os::futex_wait_any(all, {-5ms})) return false;
  const os::futex_word stale[] = {{&words[0], 0}, {&words[1], 7}};
  if (!os::futex_wait_any(stale, {1h})) return false;
  for (auto& word : words) {
    std::jthread waker([&] {
      word.store(1);
      os::futex_wake_all(&word);
    });
    while (word.load() == 0) os::futex_wait_any(all, {1h});
    waker.join();
    word.store(0);
  }
  return true;
}

}  // namespace

TEST(futex, of_several_words_any_ends_the_sleep) { EXPECT_TRUE(any_of_several_words_wakes()); }

TEST(futex, of_several_words_any_ends_the_sleep_on_a_kernel_that_knows_only_single_ones) {
  constexpr long futex_waitv = 449;
  for (const int number : {ENOSYS, EPERM})
    EXPECT_TRUE(testing_os::in_child(
        [&] { return testing_os::refuse_call(futex_waitv, number) && any_of_several_words_wakes(); }));
}

TEST(futex, of_more_words_than_the_kernel_takes_any_ends_the_sleep) {
  std::vector<std::atomic<std::uint32_t>> words(200);
  std::vector<os::futex_word> all;
  for (const auto& word : words) all.push_back({&word, 0});
  EXPECT_FALSE(os::futex_wait_any(all, {2ms}));
  std::jthread waker([&] {
    words[150].store(1);
    os::futex_wake_all(&words[150]);
  });
  while (words[150].load() == 0) os::futex_wait_any(all, {1h});
}

TEST(futex, several_words_wake_a_sleeper_that_really_slept_in_another_process) {
  auto memory = os::memfd::make("transom test", {.size = 4096}).or_throw();
  auto ours = memory.map(os::access::read_write).or_throw();
  auto* words = reinterpret_cast<std::atomic<std::uint32_t>*>(ours.data());
  testing_os::forked sleeper([&] {
    auto theirs = memory.map(os::access::read_only).or_throw();
    const auto* seen = reinterpret_cast<const std::atomic<std::uint32_t>*>(theirs.data());
    const os::futex_word both[] = {{&seen[0], 0}, {&seen[1], 0}};
    while (seen[1].load() == 0) os::futex_wait_any(both, {1h});
    return 0;
  });
  while (os::futex_wake(&words[1], 1) == 0) std::this_thread::yield();
  words[1].store(1);
  os::futex_wake_all(&words[1]);
  EXPECT_EQ(sleeper.wait(), 0);
}
