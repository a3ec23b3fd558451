// transom/transport/shared_test.cpp - the promises that a FIFO and a bound datagram socket keep alike: many senders,
// one receiver, and a record that tells who is left.
#include <gtest/gtest.h>

#include <sys/resource.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "transom/transport/shared_testing.hpp"

using namespace transom::transport::testing;
using transom::errc;
using transom::patience;
namespace os = transom::os;
namespace shm = transom::shm;
namespace tp = transom::transport;

class shared : public testing::TestWithParam<const char*> {
 protected:
  transom::url at(const std::string& keys = "") const { return place_.make(GetParam(), keys); }
  auto receiver(const transom::options& how = {}) const { return named_receiver(at(), how); }
  auto sender(const transom::options& how = {}) const { return named_sender(at(), how); }
  place_for_names place_;
};

TEST_P(shared, messages_of_every_size_arrive_whole_and_in_order) {
  auto rx = receiver({.max_message = 2u << 20}).or_throw();
  auto tx = sender({.max_message = 2u << 20}).or_throw();
  const std::vector<std::size_t> sizes{1,      0,      17,     4072,    4080, 4081, 4096,     8144, 60'000,
                                       65'536, 65'536, 65'536, 100'000, 1,    0,    2u << 20, 5};
  std::jthread peer([&] {
    for (const std::size_t size : sizes) send(*tx, filled(size));
    tx->close();
  });
  for (const std::size_t size : sizes) ASSERT_EQ(recv(*rx).or_throw(), filled(size)) << size;
  EXPECT_TRUE(recv(*rx).failed_with(errc::closed));
  EXPECT_TRUE(try_recv(*rx).failed_with(errc::closed));
}

TEST_P(shared, many_messages_go_in_few_calls_and_arrive_each) {
  auto rx = receiver().or_throw();
  constexpr std::size_t count = 3000;
  std::jthread peer([&] {
    auto tx = sender().or_throw();
    const std::string one = filled(64), large = filled(5000);
    std::vector<tp::outgoing> all(count, tp::outgoing{.payload = transom::as_bytes(one)});
    all[7].payload = all[1000].payload = transom::as_bytes(large);
    for (std::size_t sent = 0; sent < count;) sent += tx->send_many(std::span(all).subspan(sent), soon()).or_throw();
  });
  for (std::size_t n = 0; n < count; ++n) {
    auto got = rx->front(0, soon()).or_throw();
    ASSERT_EQ(got.payload.size(), n == 7 || n == 1000 ? 5000u : 64u);
    ASSERT_EQ(got.info.sequence, n + 1);
    rx->release();
  }
  EXPECT_TRUE(recv(*rx).failed_with(errc::closed));
}

TEST_P(shared, what_is_claimed_and_filled_is_sent) {
  auto rx = receiver().or_throw();
  auto tx = sender().or_throw();
  for (const std::size_t size : {std::size_t{10}, std::size_t{10'000}}) {
    auto memory = tx->claim(size, soon()).or_throw();
    std::ranges::copy(transom::as_bytes(filled(size)), memory.begin());
    tx->commit({.payload = memory}, soon()).or_throw();
    EXPECT_EQ(recv(*rx).or_throw(), filled(size));
  }
  EXPECT_TRUE(tx->claim(1u << 20, soon()).failed_with(errc::message_too_large));
}

TEST_P(shared, a_message_that_does_not_fit_the_callers_memory_stays) {
  auto rx = receiver().or_throw();
  auto tx = sender().or_throw();
  send(*tx, filled(9000));
  std::array<std::byte, 9000> room;
  auto refused = rx->receive_into(std::span(room).first(100), 0, soon());
  ASSERT_TRUE(refused.failed_with(errc::message_too_large));
  EXPECT_EQ(refused.error().detail(), "9000");
  EXPECT_EQ(rx->receive_into(room, 0, soon()).or_throw(), 9000u);
}

TEST_P(shared, a_full_channel_refuses_more_and_keeps_what_it_has) {
  auto rx = receiver().or_throw();
  auto tx = sender().or_throw();
  const std::string one = filled(10'000);
  std::size_t accepted = 0;
  while (try_send(*tx, one)) ++accepted;
  ASSERT_GT(accepted, 0u);
  EXPECT_TRUE(try_send(*tx, one).failed_with(errc::would_block));
  EXPECT_TRUE(tx->send({.payload = transom::as_bytes(one)}, patience::until_time(transom::deadline::after(5ms)))
                  .failed_with(errc::timed_out));
  for (std::size_t i = 0; i < accepted; ++i) ASSERT_EQ(recv(*rx).or_throw(), one);
  EXPECT_TRUE(try_recv(*rx).failed_with(errc::would_block));
  send(*tx, one);
  EXPECT_EQ(recv(*rx).or_throw(), one);
}

TEST_P(shared, closing_a_full_channel_is_still_an_orderly_end) {
  auto rx = receiver().or_throw();
  auto tx = sender().or_throw();
  std::size_t accepted = 0;
  while (try_send(*tx, filled(3000))) ++accepted;
  tx->close();
  for (std::size_t i = 0; i < accepted; ++i) ASSERT_EQ(recv(*rx).or_throw(), filled(3000));
  EXPECT_TRUE(recv(*rx).failed_with(errc::closed));
}

TEST_P(shared, a_sender_that_waits_for_room_is_woken_by_room_and_by_the_receivers_close) {
  auto rx = receiver().or_throw();
  auto tx = sender().or_throw();
  std::size_t accepted = 0;
  while (try_send(*tx, filled(4000))) ++accepted;
  std::jthread peer([&] {
    send(*tx, filled(4001));
    for (;;) {
      auto sent = tx->send({.payload = transom::as_bytes(filled(4002))}, soon());
      if (sent) continue;
      EXPECT_TRUE(sent.failed_with(errc::closed)) << sent.error().message();
      return;
    }
  });
  for (std::size_t i = 0; i < accepted; ++i) ASSERT_EQ(recv(*rx).or_throw(), filled(4000));
  EXPECT_EQ(recv(*rx).or_throw(), filled(4001));
  rx->close();
  peer.join();
  EXPECT_TRUE(try_send(*tx, "x").failed_with(errc::closed));
}

TEST_P(shared, close_in_another_thread_ends_a_receiver_that_waits) {
  auto rx = receiver().or_throw();
  auto tx = sender().or_throw();
  std::jthread closer([&] { rx->close(); });
  EXPECT_TRUE(recv(*rx).failed_with(errc::closed));
  closer.join();
  EXPECT_TRUE(tx->send({.payload = {}}, soon()).failed_with(errc::closed));
  EXPECT_TRUE(tx->send({.payload = {}}, soon()).failed_with(errc::closed));
}

TEST_P(shared, a_stop_ends_a_receiver_and_a_sender_even_with_data) {
  auto rx = receiver().or_throw();
  auto tx = sender().or_throw();
  std::stop_source source;
  const auto stopped = patience::forever(source.get_token());
  std::jthread stopper([&] { source.request_stop(); });
  EXPECT_TRUE(recv(*rx, stopped).failed_with(errc::canceled));
  send(*tx, "x");
  EXPECT_TRUE(recv(*rx, stopped).failed_with(errc::canceled));
  EXPECT_TRUE(tx->send({.payload = {}}, stopped).failed_with(errc::canceled));
  EXPECT_EQ(recv(*rx).or_throw(), "x");
  EXPECT_TRUE(recv(*rx, patience::until_time(transom::deadline::after(5ms))).failed_with(errc::timed_out));
}

TEST_P(shared, the_descriptor_is_readable_while_something_can_be_received) {
  auto rx = receiver().or_throw();
  const int number = rx->ready_fd().or_throw();
  auto tx = sender().or_throw();
  EXPECT_TRUE(try_recv(*rx).failed_with(errc::would_block));
  const std::string one = filled(8);
  const std::vector<tp::outgoing> three(3, tp::outgoing{.payload = transom::as_bytes(one)});
  EXPECT_EQ(tx->send_many(three, soon()).or_throw(), 3u);
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(is_readable(number)) << i;
    EXPECT_EQ(try_recv(*rx).or_throw(), one);
  }
  tx->close();
  while (true) {
    EXPECT_TRUE(becomes_readable(number));
    auto next = try_recv(*rx);
    ASSERT_FALSE(next);
    if (next.failed_with(errc::closed)) break;
    ASSERT_TRUE(next.failed_with(errc::would_block));
  }
  EXPECT_TRUE(is_readable(number));
}

TEST_P(shared, a_senders_descriptor_is_ready_when_there_is_room_or_nobody_left) {
  auto rx = receiver().or_throw();
  auto tx = sender().or_throw();
  const int number = tx->ready_fd().or_throw();
  EXPECT_TRUE(is_readable(number));
  while (try_send(*tx, filled(4000))) {}
  EXPECT_FALSE(is_readable(number));
  rx->close();
  EXPECT_TRUE(becomes_readable(number));
  EXPECT_TRUE(try_send(*tx, "x").failed_with(errc::closed));
}

TEST_P(shared, a_clone_is_a_sender_of_its_own) {
  auto rx = receiver().or_throw();
  auto tx = sender().or_throw();
  auto other = tx->clone().or_throw();
  send(*other, "from the clone");
  tx->close();
  EXPECT_EQ(recv(*rx).or_throw(), "from the clone");
  EXPECT_TRUE(try_recv(*rx).failed_with(errc::would_block));
  other->close();
  EXPECT_TRUE(recv(*rx).failed_with(errc::closed));
  EXPECT_TRUE(rx->clone().failed_with(errc::unsupported) || rx->clone().failed_with(errc::closed));
}

TEST_P(shared, what_it_cannot_do_is_refused_when_it_is_opened) {
  EXPECT_TRUE(receiver({.on_full = transom::overflow::drop_oldest}).failed_with(errc::unsupported));
  EXPECT_TRUE(receiver({.keep = true}).failed_with(errc::unsupported));
  EXPECT_TRUE(receiver({.require = transom::zero_copy}).failed_with(errc::unsupported));
  EXPECT_TRUE(receiver({.max_message = 2u << 30}).failed_with(errc::message_too_large));
  auto rx = receiver({.max_message = 100}).or_throw();
  auto tx = sender().or_throw();
  EXPECT_EQ(tx->largest_message(), 100u) << "the owner's limit counts";
  EXPECT_TRUE(try_send(*tx, filled(101)).failed_with(errc::message_too_large));
  EXPECT_TRUE(tx->send({.payload = {}, .priority = 1}, soon()).failed_with(errc::unsupported));
  EXPECT_TRUE(rx->front(1, soon()).failed_with(errc::unsupported));
  EXPECT_TRUE(tx->give().failed_with(errc::unsupported));
  EXPECT_TRUE(rx->give().failed_with(errc::unsupported));
}

TEST_P(shared, running_out_of_descriptors_is_an_error_that_leaves_nothing_open) {
  // In a child, because the limit holds for the whole process.
  EXPECT_TRUE(os::testing::in_child([&] {
    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    const long open = os::testing::open_descriptors();
    for (unsigned long more = 0; more < 40; ++more) {
      const rlimit low{static_cast<unsigned long>(open) + more, before.rlim_max};
      ::setrlimit(RLIMIT_NOFILE, &low);
      {
        auto rx = receiver();
        auto tx = rx ? sender({.connect_timeout = 1ms}) : transom::result<std::unique_ptr<tp::sending_end>>(rx.error());
        if (tx) {
          ::setrlimit(RLIMIT_NOFILE, &before);
          send(**tx, "x");
          return recv(**rx).or_throw() == "x";
        }
      }
      ::setrlimit(RLIMIT_NOFILE, &before);
      if (os::testing::open_descriptors() != open) return false;
    }
    return false;
  }));
}

// Oracle: each message says who sent it, which it is and how long, and its bytes follow from that.
TEST_P(shared, messages_of_four_processes_never_mix) {
  constexpr std::uint64_t writers = 4, each = 300;
  auto rx = receiver().or_throw();
  std::vector<std::unique_ptr<os::testing::forked>> crowd;
  for (std::uint64_t w = 0; w < writers; ++w) {
    crowd.push_back(std::make_unique<os::testing::forked>([&, w] {
      auto tx = sender().or_throw();
      std::uint64_t random = w * 7919 + 1;
      for (std::uint64_t n = 1; n <= each; ++n) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        std::string text = filled(16 + (random >> 40) % 20'000);
        transom::store_le(reinterpret_cast<std::byte*>(text.data()), w);
        transom::store_le(reinterpret_cast<std::byte*>(text.data()) + 8, n);
        tx->send({.payload = transom::as_bytes(text)}, n % 2 == 0 ? soon() : patience::forever()).or_throw();
      }
      return 0;
    }));
  }
  std::vector<std::uint64_t> last(writers);
  for (std::uint64_t i = 0; i < writers * each; ++i) {
    auto got = rx->front(0, soon());
    ASSERT_TRUE(got) << got.error().message();
    std::string text(transom::as_text(got->payload));
    rx->release();
    ASSERT_GE(text.size(), 16u);
    const auto w = transom::load_le<std::uint64_t>(reinterpret_cast<const std::byte*>(text.data()));
    ASSERT_LT(w, writers);
    ASSERT_EQ(transom::load_le<std::uint64_t>(reinterpret_cast<const std::byte*>(text.data()) + 8), ++last[w]);
    const std::string wanted = filled(text.size());
    ASSERT_EQ(text.substr(16), wanted.substr(16));
  }
  for (auto& child : crowd) EXPECT_EQ(child->wait(), 0);
  EXPECT_TRUE(recv(*rx).failed_with(errc::closed));
}

INSTANTIATE_TEST_SUITE_P(schemes, shared, testing::Values("fifo", "unix+dgram"), [](const auto& info) {
  return info.index == 0 ? std::string("fifo") : std::string("unix_dgram");
});
