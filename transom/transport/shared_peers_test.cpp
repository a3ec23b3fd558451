// transom/transport/shared_peers_test.cpp - who takes part in a FIFO or a bound datagram socket: owners and senders
// that come, leave and die, of this user and of another.
#include <gtest/gtest.h>

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

class shared_peers : public testing::TestWithParam<const char*> {
 protected:
  transom::url at(const std::string& keys = "") const { return place_.make(GetParam(), keys); }
  auto receiver(const transom::options& how = {}) const { return named_receiver(at(), how); }
  auto sender(const transom::options& how = {}) const { return named_sender(at(), how); }
  place_for_names place_;
};

TEST_P(shared_peers, the_descriptor_tells_of_a_death_too) {
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

TEST_P(shared_peers, a_killed_senders_messages_come_before_its_death_which_is_told_once) {
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

TEST_P(shared_peers, a_death_among_living_senders_is_told_within_a_moment) {
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

TEST_P(shared_peers, with_keep_open_senders_come_and_go_unreported) {
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

TEST_P(shared_peers, the_owners_death_and_close_are_told_apart) {
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

TEST_P(shared_peers, a_sender_that_reconnects_is_told_once_and_finds_the_next_owner) {
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

TEST_P(shared_peers, a_sender_of_another_type_is_told_at_open_and_never_counts) {
  auto rx = receiver().or_throw();
  auto wrong = named_sender(at(), {}, {.schema_hash = 8, .schema_text = "u32"});
  ASSERT_TRUE(wrong.failed_with(errc::type_mismatch));
  EXPECT_NE(wrong.error().detail().find("u32"), std::string_view::npos);
  EXPECT_NE(wrong.error().detail().find("bytes"), std::string_view::npos);
  EXPECT_TRUE(try_recv(*rx).failed_with(errc::would_block));
  auto alike =
      named_sender(at(), {}, {.schema_hash = 8, .schema_text = "u32", .compatible = [](auto, auto) { return true; }});
  ASSERT_TRUE(alike) << alike.error().message();
  send(**alike, "x");
  EXPECT_EQ(recv(*rx).or_throw(), "x");
}

TEST_P(shared_peers, a_second_owner_is_refused_while_the_first_lives) {
  auto rx = receiver().or_throw();
  auto second = receiver();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error(), std::errc::address_in_use) << second.error().message();
}

TEST_P(shared_peers, a_sender_waits_for_an_owner_as_long_as_it_was_told_and_for_its_code_never) {
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

TEST_P(shared_peers, senders_equal_one_is_a_promise_that_is_enforced) {
  auto rx = receiver().or_throw();
  auto only = sender({.senders = 1}).or_throw();
  auto second = sender({.senders = 1});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error(), std::errc::address_in_use);
  std::jthread peer([&] { send(*only, filled(65'536)); });
  EXPECT_EQ(recv(*rx).or_throw(), filled(65'536));
}

TEST_P(shared_peers, in_a_child_of_fork_both_ends_say_so_and_touch_nothing) {
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

TEST_P(shared_peers, another_user_may_not_send) {
  auto rx = receiver().or_throw();
  EXPECT_TRUE(os::testing::as_nobody([&] {
    auto tx = sender({.connect_timeout = 10ms});
    return !tx && tx.error() == std::errc::permission_denied;
  }));
  EXPECT_TRUE(try_recv(*rx).failed_with(errc::would_block));
}

TEST_P(shared_peers, another_user_that_may_is_a_guest_whose_end_is_seen_when_it_says_so) {
  auto rx = receiver({.mode = 0666}).or_throw();
  EXPECT_TRUE(os::testing::as_nobody([&] {
    auto tx = sender({.connect_timeout = 1s});
    if (!tx || (*tx)->features().contains(transom::sees_death)) return false;
    return (*tx)->send({.payload = transom::as_bytes(filled(9000))}, soon()).has_value();
  }));
  EXPECT_EQ(recv(*rx).or_throw(), filled(9000));
  EXPECT_TRUE(recv(*rx).failed_with(errc::closed));
}

TEST_P(shared_peers, a_guest_of_another_type_is_told_of_and_not_heard) {
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

TEST_P(shared_peers, senders_that_are_killed_anywhere_leave_whole_messages_and_one_death_each) {
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

INSTANTIATE_TEST_SUITE_P(schemes, shared_peers, testing::Values("fifo", "unix+dgram"), [](const auto& info) {
  return info.index == 0 ? std::string("fifo") : std::string("unix_dgram");
});
