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
  const std::vector<std::size_t> sizes{1,      0,      17,     4072,    4080, 4081, 4096,      8144, 60'000,
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

TEST_P(shared, the_descriptor_tells_of_a_death_too) {
  auto rx = receiver().or_throw();
  const int number = rx->ready_fd().or_throw();
  auto other = sender().or_throw();
  shm::testing::standing_child child([&] { return sender().or_throw(); });
  child.kill_and_reap();
  for (;;) {
    ASSERT_TRUE(becomes_readable(number));
    auto next = try_recv(*rx);
    ASSERT_FALSE(next);
    if (next.failed_with(errc::would_block)) continue;
    ASSERT_TRUE(next.failed_with(errc::peer_died));
    EXPECT_EQ(next.error().peer_pid(), child.pid());
    break;
  }
  other->close();
  EXPECT_TRUE(recv(*rx).failed_with(errc::closed));
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

TEST_P(shared, a_killed_senders_messages_come_before_its_death_which_is_told_once) {
  auto rx = receiver().or_throw();
  shm::testing::standing_child child([&] {
    auto tx = sender().or_throw();
    for (int i = 0; i < 5; ++i) send(*tx, filled(100));
    return tx;
  });
  child.kill_and_reap();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(recv(*rx).or_throw(), filled(100));
  auto died = recv(*rx);
  ASSERT_TRUE(died.failed_with(errc::peer_died)) << died.error().message();
  EXPECT_EQ(died.error().peer_pid(), child.pid());
  EXPECT_TRUE(recv(*rx).failed_with(errc::closed));
}

TEST_P(shared, a_death_among_living_senders_is_told_within_a_moment) {
  auto rx = receiver().or_throw();
  auto tx = sender().or_throw();
  shm::testing::standing_child child([&] { return sender().or_throw(); });
  child.kill_and_reap();
  auto died = recv(*rx);
  ASSERT_TRUE(died.failed_with(errc::peer_died)) << died.error().message();
  EXPECT_EQ(died.error().peer_pid(), child.pid());
  send(*tx, "still here");
  EXPECT_EQ(recv(*rx).or_throw(), "still here");
  tx->close();
  EXPECT_TRUE(recv(*rx).failed_with(errc::closed));
}

TEST_P(shared, with_keep_open_senders_come_and_go_unreported) {
  auto rx = receiver({.keep_open = true}).or_throw();
  for (const char* text : {"one", "two", "three"}) {
    auto tx = sender().or_throw();
    send(*tx, text);
    tx->close();
    EXPECT_EQ(recv(*rx).or_throw(), text);
    EXPECT_TRUE(try_recv(*rx).failed_with(errc::would_block));
  }
  shm::testing::standing_child child([&] { return sender().or_throw(); });
  child.kill_and_reap();
  EXPECT_TRUE(recv(*rx, patience::until_time(transom::deadline::after(150ms))).failed_with(errc::timed_out));
}

TEST_P(shared, the_owners_death_and_close_are_told_apart) {
  auto child = std::make_unique<shm::testing::standing_child>([&] { return receiver().or_throw(); });
  auto tx = sender().or_throw();
  child->kill_and_reap();
  transom::result<void> told;
  while (told) told = tx->send({.payload = transom::as_bytes("x")}, soon());
  EXPECT_TRUE(told.failed_with(errc::peer_died)) << told.error().message();
  EXPECT_EQ(told.error().peer_pid(), child->pid());
  EXPECT_TRUE(try_send(*tx, "x").failed_with(errc::closed));

  auto rx = receiver().or_throw();  // over what the dead one left
  auto other = sender().or_throw();
  send(*other, "fresh");
  EXPECT_EQ(recv(*rx).or_throw(), "fresh");
  rx.reset();
  EXPECT_TRUE(try_send(*other, "x").failed_with(errc::closed));
}

TEST_P(shared, a_sender_that_reconnects_is_told_once_and_finds_the_next_owner) {
  auto first = receiver().or_throw();
  auto tx = sender({.reconnect = true}).or_throw();
  send(*tx, "one");
  EXPECT_EQ(recv(*first).or_throw(), "one");
  first.reset();
  EXPECT_TRUE(try_send(*tx, "lost").failed_with(errc::closed));
  auto second = receiver().or_throw();
  send(*tx, "two");
  EXPECT_EQ(recv(*second).or_throw(), "two");
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

TEST_P(shared, a_sender_of_another_type_is_told_at_open_and_never_counts) {
  auto rx = receiver().or_throw();
  auto wrong = named_sender(at(), {}, {.schema_hash = 8, .schema_text = "u32"});
  ASSERT_TRUE(wrong.failed_with(errc::type_mismatch));
  EXPECT_NE(wrong.error().detail().find("u32"), std::string_view::npos);
  EXPECT_NE(wrong.error().detail().find("bytes"), std::string_view::npos);
  EXPECT_TRUE(try_recv(*rx).failed_with(errc::would_block));
  auto alike = named_sender(at(), {}, {.schema_hash = 8, .schema_text = "u32", .compatible = [](auto, auto) { return true; }});
  ASSERT_TRUE(alike) << alike.error().message();
  send(**alike, "x");
  EXPECT_EQ(recv(*rx).or_throw(), "x");
}

TEST_P(shared, a_second_owner_is_refused_while_the_first_lives) {
  auto rx = receiver().or_throw();
  auto second = receiver();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error(), std::errc::address_in_use) << second.error().message();
}

TEST_P(shared, a_sender_waits_for_an_owner_as_long_as_it_was_told_and_for_its_code_never) {
  auto lonely = sender({.connect_timeout = 20ms});
  ASSERT_TRUE(lonely.failed_with(errc::no_peer)) << lonely.error().message();
  EXPECT_EQ(lonely.error().url(), at().text());
  std::jthread late([&] {
    auto tx = sender().or_throw();
    send(*tx, "early bird");
  });
  shm::testing::signpost open;
  os::testing::forked owner([&] {
    auto rx = receiver().or_throw();
    open.reached();
    return recv(*rx).or_throw() == "early bird" && recv(*rx).failed_with(errc::closed) ? 0 : 1;
  });
  late.join();
  EXPECT_EQ(owner.wait(), 0);
}

TEST_P(shared, senders_equal_one_is_a_promise_that_is_enforced) {
  auto rx = receiver().or_throw();
  auto only = sender({.senders = 1}).or_throw();
  auto second = sender({.senders = 1});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error(), std::errc::address_in_use);
  std::jthread peer([&] { send(*only, filled(65'536)); });
  EXPECT_EQ(recv(*rx).or_throw(), filled(65'536));
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

TEST_P(shared, in_a_child_of_fork_both_ends_say_so_and_touch_nothing) {
  auto rx = receiver().or_throw();
  auto tx = sender().or_throw();
  EXPECT_TRUE(os::testing::in_child([&] {
    const bool told = try_recv(*rx).failed_with(errc::forked) && try_send(*tx, "x").failed_with(errc::forked);
    rx.reset();
    tx.reset();
    return told;
  }));
  send(*tx, "x");
  EXPECT_EQ(recv(*rx).or_throw(), "x");
  EXPECT_TRUE(try_recv(*rx).failed_with(errc::would_block));
}

TEST_P(shared, another_user_may_not_send) {
  auto rx = receiver().or_throw();
  EXPECT_TRUE(os::testing::as_nobody([&] {
    auto tx = sender({.connect_timeout = 10ms});
    return !tx && tx.error() == std::errc::permission_denied;
  }));
  EXPECT_TRUE(try_recv(*rx).failed_with(errc::would_block));
}

TEST_P(shared, another_user_that_may_is_a_guest_whose_end_is_seen_when_it_says_so) {
  auto rx = receiver({.mode = 0666}).or_throw();
  EXPECT_TRUE(os::testing::as_nobody([&] {
    auto tx = sender({.connect_timeout = 1s});
    if (!tx || (*tx)->features().contains(transom::sees_death)) return false;
    return (*tx)->send({.payload = transom::as_bytes(filled(9000))}, soon()).has_value();
  }));
  EXPECT_EQ(recv(*rx).or_throw(), filled(9000));
  EXPECT_TRUE(recv(*rx).failed_with(errc::closed));
}

TEST_P(shared, a_guest_of_another_type_is_told_of_and_not_heard) {
  auto rx = receiver({.mode = 0666}).or_throw();
  EXPECT_TRUE(os::testing::as_nobody([&] {
    auto tx = named_sender(at(), {}, {.schema_hash = 9, .schema_text = "u64"});
    return tx && (*tx)->send({.payload = transom::as_bytes("?")}, soon()).has_value();
  }));
  auto told = recv(*rx);
  EXPECT_TRUE(told.failed_with(errc::type_mismatch));
  EXPECT_TRUE(try_recv(*rx).failed_with(errc::would_block));
  auto tx = sender().or_throw();
  send(*tx, "x");
  EXPECT_EQ(recv(*rx).or_throw(), "x");
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
        auto tx = rx ? sender({.connect_timeout = 1ms})
                     : transom::result<std::unique_ptr<tp::sending_end>>(rx.error());
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

TEST_P(shared, senders_that_are_killed_anywhere_leave_whole_messages_and_one_death_each) {
  auto rx = receiver().or_throw();
  auto living = sender().or_throw();
  for (int round = 0; round < 20; ++round) {
    shm::testing::signpost sending;
    os::testing::forked child([&] {
      auto tx = sender().or_throw();
      sending.reached();
      for (std::size_t n = 0;; ++n) send(*tx, filled(1 + n * 997 % 30'000));
      return 0;
    });
    const int pid = child.pid();
    sending.wait();
    std::size_t n = 0;
    for (; n < static_cast<std::size_t>(round); ++n) ASSERT_EQ(recv(*rx).or_throw(), filled(1 + n * 997 % 30'000));
    child.kill();
    for (;; ++n) {
      auto got = recv(*rx);
      if (!got) {
        ASSERT_TRUE(got.failed_with(errc::peer_died)) << got.error().message();
        ASSERT_EQ(got.error().peer_pid(), pid);
        break;
      }
      ASSERT_EQ(*got, filled(1 + n * 997 % 30'000));
    }
    send(*living, "alive");
    ASSERT_EQ(recv(*rx).or_throw(), "alive");
  }
}

INSTANTIATE_TEST_SUITE_P(schemes, shared, testing::Values("fifo", "unix+dgram"), [](const auto& info) {
  return info.index == 0 ? std::string("fifo") : std::string("unix_dgram");
});
