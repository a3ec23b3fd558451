// transom/sync/latest_test.cpp - a reader gets a whole value, the newest there is, whatever becomes of who stores.
#include "transom/sync/latest.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <thread>
#include <vector>

#include "transom/os/process.hpp"
#include "transom/os/testing.hpp"
#include "transom/sync/testing.hpp"

using namespace std::chrono_literals;
namespace os = transom::os;
using transom::errc;
using transom::sync::latest;
using transom::sync::testing::room;

namespace {

// Says of itself whether it is whole.
template <std::size_t Size>
struct certified {
  std::array<std::uint8_t, Size> bytes{};

  static certified of(std::uint64_t number) {
    certified made;
    for (std::size_t i = 0; i < Size; ++i) made.bytes[i] = static_cast<std::uint8_t>(number * 31 + i);
    return made;
  }
  bool is_whole() const {
    for (std::size_t i = 0; i < Size; ++i)
      if (bytes[i] != static_cast<std::uint8_t>(bytes[0] + i)) return false;
    return true;
  }
};

template <std::size_t Size>
void stores_and_loads_every_byte() {
  latest<certified<Size>> value(certified<Size>::of(1));
  EXPECT_EQ(value.load().bytes, certified<Size>::of(1).bytes) << Size;
  value.store(certified<Size>::of(2));
  EXPECT_EQ(value.load().bytes, certified<Size>::of(2).bytes) << Size;
  EXPECT_EQ(value.version(), 1u);
}

}  // namespace

TEST(latest, begins_with_its_initial_value) {
  latest<int> number(7);
  EXPECT_EQ(number.load(), 7);
  EXPECT_EQ(number.version(), 0u);
  EXPECT_EQ(latest<double>().load(), 0.0);
}

TEST(latest, holds_plain_types_of_any_size) {
  stores_and_loads_every_byte<1>();
  stores_and_loads_every_byte<7>();
  stores_and_loads_every_byte<8>();
  stores_and_loads_every_byte<15>();
  stores_and_loads_every_byte<16>();
  stores_and_loads_every_byte<17>();
  stores_and_loads_every_byte<56>();
  stores_and_loads_every_byte<63>();
  stores_and_loads_every_byte<64>();
  stores_and_loads_every_byte<65>();
  stores_and_loads_every_byte<200>();
  stores_and_loads_every_byte<4096>();
  stores_and_loads_every_byte<4099>();
}

TEST(latest, a_wait_ends_with_the_next_version_or_as_asked) {
  latest<int> number;
  EXPECT_TRUE(number.try_wait(0).failed_with(errc::would_block));
  EXPECT_TRUE(number.wait_for(0, 5ms).failed_with(errc::timed_out));
  EXPECT_TRUE(number.wait_until(0, std::chrono::steady_clock::now() + 5ms).failed_with(errc::timed_out));
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  EXPECT_TRUE(number.wait(0, stop.get_token()).failed_with(errc::canceled));
  number.store(3);
  EXPECT_EQ(number.wait(0).or_throw(), 1u);
}

TEST(latest, who_waits_for_each_version_sees_the_last_one) {
  latest<int> number;
  std::jthread storing([&] {
    for (int i = 1; i <= 2000; ++i) number.store(i);
  });
  int last = 0;
  for (auto [value, version] = number.load_with_version(); last < 2000;) {
    EXPECT_EQ(static_cast<std::uint64_t>(value), version);
    EXPECT_GE(value, last);
    last = value;
    if (last == 2000) break;
    number.wait(version).or_throw();
    std::tie(value, version) = number.load_with_version();
  }
}

TEST(latest, readers_beside_a_writer_never_see_a_mixture) {
  latest<certified<200>> value(certified<200>::of(0));
  std::vector<std::jthread> readers;
  for (int i = 0; i < 2; ++i)
    readers.emplace_back([&] {
      for (std::uint64_t before = 0; before < 3000;) {
        const auto [seen, version] = value.load_with_version();
        EXPECT_TRUE(seen.is_whole());
        EXPECT_GE(version, before);
        EXPECT_EQ(seen.bytes[0], static_cast<std::uint8_t>(version * 31));
        before = version;
      }
    });
  for (std::uint64_t i = 1; i <= 3000; ++i) {
    value.store(certified<200>::of(i));
    if (i % 16 == 0) std::this_thread::yield();  // readers of a large value need a pause now and then
  }
}

// Oracle: the value a reader gets is whole, and never older than what the reader before saw.
TEST(latest, a_writer_killed_anywhere_leaves_the_last_whole_value_and_a_successor_goes_on) {
  room<latest<certified<4096>>> shared(certified<4096>::of(0));
  std::uint64_t before = 0;
  for (int life = 0; life < 30; ++life) {
    os::testing::forked writer([&]() -> int {
      for (std::uint64_t i = shared->version() + 1;; ++i) shared->store(certified<4096>::of(i));
    });
    shared->wait(before).or_throw();
    writer.kill();
    EXPECT_EQ(writer.wait(), 1000 + SIGKILL);
    const auto [seen, version] = shared->load_with_version();
    EXPECT_TRUE(seen.is_whole());
    EXPECT_GT(version, before);
    EXPECT_EQ(seen.bytes[0], static_cast<std::uint8_t>(version * 31));
    before = version;
  }
}

TEST(latest, a_stopped_writer_blocks_no_reader) {
  room<latest<certified<4096>>> shared(certified<4096>::of(0));
  os::testing::forked writer([&]() -> int {
    for (std::uint64_t i = 1;; ++i) shared->store(certified<4096>::of(i));
  });
  for (int i = 0; i < 20; ++i) {
    shared->wait(shared->version()).or_throw();
    ::kill(writer.pid(), SIGSTOP);
    int status = 0;
    ASSERT_EQ(::waitpid(writer.pid(), &status, WUNTRACED), writer.pid());
    EXPECT_TRUE(shared->load().is_whole());
    ::kill(writer.pid(), SIGCONT);
  }
}
