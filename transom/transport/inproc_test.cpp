// transom/transport/inproc_test.cpp - what inproc has beyond the rules of queue_test.cpp.
#include "transom/transport/inproc.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <thread>

#include "transom/transport/queue_testing.hpp"

using namespace transom::transport::testing;
using transom::errc;
using transom::patience;
namespace os = transom::os;
namespace tp = transom::transport;

namespace {

tp::ends pair_of(const transom::options& how = {}) {
  return tp::open_inproc_pair(transom::url::parse("inproc:").or_throw(), how, some_bytes).or_throw();
}

}  // namespace

TEST(inproc, an_anonymous_pair_is_a_queue_of_its_own) {
  auto one = pair_of();
  auto other = pair_of();
  EXPECT_EQ(one.tx->url(), "inproc:");
  EXPECT_TRUE(one.tx->features().contains(tp::inproc_features));
  send(*one.tx, "one");
  EXPECT_TRUE(try_recv(*other.rx).failed_with(errc::would_block));
  EXPECT_EQ(recv(*one.rx).or_throw(), "one");
  for (int i = 0; i < 64; ++i) try_send(*one.tx, "default").or_throw();
  EXPECT_TRUE(try_send(*one.tx, "65").failed_with(errc::would_block));
}

TEST(inproc, drop_oldest_never_waits_and_keeps_the_newest) {
  auto pair = pair_of({.capacity = 3, .on_full = transom::overflow::drop_oldest});
  EXPECT_FALSE(pair.tx->features().contains(transom::reliable));
  for (int i = 0; i < 10; ++i) try_send(*pair.tx, std::to_string(i)).or_throw();
  for (int i = 7; i < 10; ++i) EXPECT_EQ(recv(*pair.rx).or_throw(), std::to_string(i));
  EXPECT_TRUE(try_recv(*pair.rx).failed_with(errc::would_block));
}

TEST(inproc, memory_wanders_and_is_not_allocated_again) {
  auto pair = pair_of({.capacity = 2});
  std::vector<const std::byte*> seen;
  for (int i = 0; i < 100; ++i) {
    auto memory = pair.tx->claim(5000, soon()).or_throw();
    pair.tx->commit({.payload = memory}, soon()).or_throw();
    auto got = pair.rx->front(0, soon()).or_throw();
    EXPECT_EQ(got.payload.data(), memory.data()) << "read where it was written";
    if (std::ranges::find(seen, got.payload.data()) == seen.end()) seen.push_back(got.payload.data());
    pair.rx->release();
  }
  EXPECT_LE(seen.size(), 4u);
}

TEST(inproc, descriptors_travel_as_duplicates_and_those_not_taken_are_closed) {
  const long before = os::testing::open_descriptors();
  {
    auto pair = pair_of();
    auto carried = os::pipe::make().or_throw();
    const std::array<int, 2> numbers{carried.reader.fd(), carried.writer.fd()};
    for (int i = 0; i < 3; ++i)
      pair.tx->send({.payload = transom::as_bytes("pipe"), .descriptors = numbers}, soon()).or_throw();
    {
      auto got = pair.rx->front(0, soon()).or_throw();
      ASSERT_EQ(got.descriptors.size(), 2u);
      EXPECT_NE(got.descriptors[0].get(), numbers[0]);
      EXPECT_TRUE(os::testing::is_close_on_exec(got.descriptors[1].get()));
      os::pipe_writer writer(std::move(got.descriptors[1]));
      pair.rx->release();
      const std::array<std::byte, 1> one{std::byte{7}};
      writer.write_all(one).or_throw();
      std::array<std::byte, 1> read{};
      EXPECT_EQ(carried.reader.read(read).or_throw(), 1u);
      EXPECT_EQ(read, one);
    }
    EXPECT_EQ(recv(*pair.rx).or_throw(), "pipe");
  }
  EXPECT_EQ(os::testing::open_descriptors(), before) << "one was never received";
}

TEST(inproc, a_dropped_message_takes_its_descriptors_with_it) {
  auto pair = pair_of({.capacity = 1, .on_full = transom::overflow::drop_oldest});
  auto carried = os::pipe::make().or_throw();
  const std::array<int, 1> numbers{carried.writer.fd()};
  const long before = os::testing::open_descriptors();
  for (int i = 0; i < 5; ++i) pair.tx->send({.payload = {}, .descriptors = numbers}, soon()).or_throw();
  EXPECT_EQ(os::testing::open_descriptors(), before + 1);
  auto refused = os::testing::with_limit(RLIMIT_NOFILE, 3, [&] { return true; });
  EXPECT_TRUE(refused);
}

TEST(inproc, a_send_that_fails_keeps_no_descriptor) {
  auto pair = pair_of({.capacity = 1});
  auto carried = os::pipe::make().or_throw();
  const std::array<int, 1> numbers{carried.writer.fd()};
  send(*pair.tx, "full");
  const long before = os::testing::open_descriptors();
  EXPECT_TRUE(pair.tx->send({.payload = {}, .descriptors = numbers}, patience::none()).failed_with(errc::would_block));
  EXPECT_EQ(os::testing::open_descriptors(), before);
}

TEST(inproc, a_name_is_free_again_when_its_last_receiver_has_closed) {
  const auto at = transom::url::parse("inproc://" + os::testing::unique_name()).or_throw();
  auto first = receiver(at).or_throw();
  auto old = sender(at).or_throw();
  send(*old, "lost");
  first->close();
  auto second = receiver(at).or_throw();
  EXPECT_TRUE(try_recv(*second).failed_with(errc::would_block));
  EXPECT_TRUE(try_send(*old, "x").failed_with(errc::closed));
  auto fresh = sender(at).or_throw();
  send(*fresh, "found");
  EXPECT_EQ(recv(*second).or_throw(), "found");
}

TEST(inproc, a_child_of_fork_has_names_of_its_own) {
  const auto at = transom::url::parse("inproc://" + os::testing::unique_name()).or_throw();
  auto rx = receiver(at).or_throw();
  EXPECT_TRUE(os::testing::in_child([&] {
    if (!sender(at, {.connect_timeout = 1ms}).failed_with(errc::no_peer)) return false;
    auto mine = receiver(at).or_throw();
    auto tx = sender(at).or_throw();
    send(*tx, "child");
    return recv(*mine).or_throw() == "child";
  }));
  EXPECT_TRUE(try_recv(*rx).failed_with(errc::would_block));
}

TEST(inproc, what_makes_no_sense_inside_one_process_is_unsupported) {
  const auto at = transom::url::parse("inproc://" + os::testing::unique_name()).or_throw();
  EXPECT_TRUE(receiver(at, {.keep = true}).failed_with(errc::unsupported));
  EXPECT_TRUE(receiver(at, {.framing = transom::framing::raw}).failed_with(errc::unsupported));
}

// Oracle: four threads at each end, stopped, timed out and closed at random; every message accepted is received once.
TEST(inproc, nothing_is_lost_and_nobody_sleeps_on_while_others_give_up) {
  auto pair = pair_of({.capacity = 2});
  constexpr int each = 3000;
  std::atomic<int> received{0};
  std::atomic<long> sum{0};
  std::vector<std::jthread> threads;
  for (int s = 0; s < 3; ++s) {
    threads.emplace_back([tx = pair.tx->clone().or_throw()]() mutable {
      for (int i = 1; i <= each;) {
        const auto how = i % 3 == 0 ? patience::until_time(transom::deadline::after(10us)) : soon();
        if (tx->send({.payload = transom::as_bytes(std::to_string(i))}, how)) ++i;
      }
    });
  }
  for (int r = 0; r < 3; ++r) {
    threads.emplace_back([&, rx = pair.rx->clone().or_throw()]() mutable {
      for (int round = 0;; ++round) {
        auto got = recv(*rx, round % 3 == 0 ? patience::until_time(transom::deadline::after(10us)) : soon());
        if (got.failed_with(errc::closed)) return;
        if (!got) continue;
        received.fetch_add(1);
        sum.fetch_add(std::stol(*got));
        if (round % 500 == 499) rx = rx->clone().or_throw();
      }
    });
  }
  pair.tx.reset();
  pair.rx.reset();
  threads.clear();
  EXPECT_EQ(received.load(), 3 * each);
  EXPECT_EQ(sum.load(), 3L * each * (each + 1) / 2);
}
