// transom/transport/queue_process_test.cpp - the rules of transport.hpp for posix-mq and sysv-mq where it takes
// processes: death, leftovers, messages in pieces, and what outlives everyone.
#include <algorithm>
#include <array>
#include <map>
#include <thread>
#include <vector>

#include "transom/transport/queue_testing.hpp"

using namespace transom::transport::testing;
using transom::errc;
using transom::patience;
using transom::os::testing::forked;
using transom::shm::testing::standing_child;
namespace os = transom::os;
namespace tp = transom::transport;

class queues_of_processes : public testing::TestWithParam<const char*> {
 protected:
  transom::url at(const std::string& keys = "") const { return place_.make(GetParam(), keys); }
  place_for_queues place_;
};
INSTANTIATE_TEST_SUITE_P(all, queues_of_processes, testing::Values("posix-mq", "sysv-mq"), [](const auto& which) {
  return which.param == std::string_view("posix-mq") ? "posix_mq" : "sysv_mq";
});

TEST_P(queues_of_processes, what_another_process_sent_arrives_and_its_end_is_seen) {
  auto rx = receiver(at()).or_throw();
  forked child([&] {
    auto tx = sender(at()).or_throw();
    for (int i = 0; i < 1000; ++i) send(*tx, std::to_string(i));
    tx.reset();
    return 0;
  });
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(recv(*rx).or_throw(), std::to_string(i));
  EXPECT_TRUE(recv(*rx).failed_with(errc::closed));
  EXPECT_EQ(child.wait(), 0);
}

TEST_P(queues_of_processes, a_senders_death_is_reported_once_after_its_messages) {
  auto rx = receiver(at()).or_throw();
  auto living = sender(at()).or_throw();
  standing_child child([&] {
    auto tx = sender(at()).or_throw();
    send(*tx, "last words");
    return tx;
  });
  const int pid = child.pid();
  EXPECT_FALSE(recv(*rx, patience::until_time(transom::deadline::after(1ms))).failed_with(errc::peer_died));
  child.kill_and_reap();
  auto died = recv(*rx);
  ASSERT_TRUE(died.failed_with(errc::peer_died)) << died.error().message();
  EXPECT_EQ(died.error().peer_pid(), pid);
  EXPECT_TRUE(try_recv(*rx).failed_with(errc::would_block));
  send(*living, "I go on");
  EXPECT_EQ(recv(*rx).or_throw(), "I go on");
  living->close();
  EXPECT_TRUE(recv(*rx).failed_with(errc::closed));
}

TEST_P(queues_of_processes, a_death_comes_before_would_block_and_after_data) {
  auto rx = receiver(at()).or_throw();
  {
    standing_child child([&] {
      auto tx = sender(at()).or_throw();
      send(*tx, "data");
      return tx;
    });
    child.kill_and_reap();
  }
  EXPECT_EQ(try_recv(*rx).or_throw(), "data");
  EXPECT_TRUE(try_recv(*rx).failed_with(errc::peer_died));
  EXPECT_TRUE(try_recv(*rx).failed_with(errc::closed));
}

TEST_P(queues_of_processes, with_keep_open_a_death_is_not_reported) {
  auto rx = receiver(at(), {.keep_open = true}).or_throw();
  standing_child child([&] { return sender(at()).or_throw(); });
  child.kill_and_reap();
  EXPECT_TRUE(try_recv(*rx).failed_with(errc::would_block));
}

TEST_P(queues_of_processes, a_death_is_seen_through_the_descriptor) {
  auto rx = receiver(at()).or_throw();
  const int ready = rx->ready_fd().or_throw();
  standing_child child([&] { return sender(at()).or_throw(); });
  while (!try_recv(*rx).failed_with(errc::would_block)) {}
  child.kill_and_reap();
  transom::result<std::string> got = try_recv(*rx);
  while (got.failed_with(errc::would_block)) {
    ASSERT_TRUE(becomes_readable(ready));
    got = try_recv(*rx);
  }
  EXPECT_TRUE(got.failed_with(errc::peer_died));
}

TEST_P(queues_of_processes, a_dead_owner_is_reported_and_its_leftover_replaced) {
  standing_child owner([&] { return receiver(at(), {.capacity = 1}).or_throw(); });
  const int pid = owner.pid();
  auto sleeping = sender(at()).or_throw();
  auto idle = sender(at()).or_throw();
  send(*sleeping, "never read");
  owner.kill_and_reap();
  auto died = sleeping->send({}, soon());
  ASSERT_TRUE(died.failed_with(errc::peer_died)) << died.error().message();
  EXPECT_EQ(died.error().peer_pid(), pid);
  EXPECT_TRUE(sleeping->send({}, soon()).failed_with(errc::closed));
  EXPECT_TRUE(try_send(*idle, "x").failed_with(errc::peer_died));
  auto nobody = sender(at(), {.connect_timeout = 5ms});
  EXPECT_TRUE(nobody.failed_with(errc::no_peer));

  auto rx = receiver(at(), {.capacity = 3}).or_throw();
  EXPECT_TRUE(try_recv(*rx).failed_with(errc::would_block)) << "the leftover's messages went with it";
  auto tx = sender(at()).or_throw();
  for (int i = 0; i < 3; ++i) try_send(*tx, "new").or_throw();
  EXPECT_EQ(recv(*rx).or_throw(), "new");
}

TEST_P(queues_of_processes, the_last_of_several_owners_removes_the_queue_even_after_a_death) {
  const auto exists = [&] {
    return GetParam() == std::string_view("posix-mq") ? place_.posix_exists() : place_.sysv_exists();
  };
  auto first = receiver(at()).or_throw();
  {
    standing_child other([&] { return receiver(at()).or_throw(); });
    auto tx = sender(at()).or_throw();
    other.kill_and_reap();
    send(*tx, "for the one that lives");
    EXPECT_EQ(recv(*first).or_throw(), "for the one that lives");
  }
  auto second = receiver(at()).or_throw();
  first.reset();
  EXPECT_TRUE(exists());
  auto tx = sender(at()).or_throw();
  send(*tx, "x");
  EXPECT_EQ(recv(*second).or_throw(), "x");
  second.reset();
  EXPECT_FALSE(exists());
  EXPECT_TRUE(try_send(*tx, "x").failed_with(errc::closed));
}

TEST_P(queues_of_processes, larger_messages_go_in_pieces_to_a_promised_single_receiver) {
  auto rx = receiver(at(), {.receivers = 1}).or_throw();
  EXPECT_EQ(rx->largest_message(), 65'536u);
  auto first = sender(at()).or_throw();
  auto second = sender(at()).or_throw();
  EXPECT_EQ(first->largest_message(), 65'536u);
  const std::vector<std::size_t> sizes{8176, 8177, 65'536, 16'336, 0, 8168, 24'000, 65'535};
  const auto send_all = [&](tp::sending_end& tx) {
    for (const std::size_t size : sizes) send(tx, filled(size));
    tx.close();
  };
  std::jthread one([&] { send_all(*first); });
  std::jthread two([&] { send_all(*second); });
  std::map<std::size_t, int> seen;
  for (std::size_t i = 0; i < 2 * sizes.size(); ++i) {
    const std::string got = recv(*rx).or_throw();
    ASSERT_EQ(got, filled(got.size()));
    ++seen[got.size()];
  }
  for (const std::size_t size : sizes) EXPECT_EQ(seen[size], 2);
  EXPECT_TRUE(recv(*rx).failed_with(errc::closed));
}

TEST_P(queues_of_processes, a_message_that_its_sender_gave_up_half_is_never_seen) {
  auto rx = receiver(at(), {.receivers = 1}).or_throw();
  auto tx = sender(at()).or_throw();
  const std::string large = filled(rx->largest_message()), small = filled(8000);
  int queued = 0;
  while (try_send(*tx, small)) ++queued;
  EXPECT_EQ(recv(*rx).or_throw(), small);  // room for one piece
  EXPECT_TRUE(tx->send({.payload = transom::as_bytes(large)}, patience::until_time(transom::deadline::after(2ms)))
                  .failed_with(errc::timed_out));
  EXPECT_FALSE(try_send(*tx, large));
  for (int i = 1; i < queued; ++i) EXPECT_EQ(recv(*rx).or_throw(), small);
  EXPECT_TRUE(try_recv(*rx).failed_with(errc::would_block));
  send(*tx, "between");
  EXPECT_EQ(recv(*rx).or_throw(), "between");
  std::jthread sending([&] {
    send(*tx, large);
    tx->close();
  });
  EXPECT_EQ(recv(*rx).or_throw(), large);
  EXPECT_TRUE(recv(*rx).failed_with(errc::closed));
}

TEST_P(queues_of_processes, a_sender_killed_in_the_middle_of_a_message_has_sent_nothing) {
  auto rx = receiver(at(), {.receivers = 1}).or_throw();
  const std::size_t large = rx->largest_message();
  for (int round = 0; round < 5; ++round) {
    auto tx = sender(at()).or_throw();
    while (try_send(*tx, filled(8000))) {}
    transom::shm::testing::signpost begins;
    forked child([&] {
      auto dying = sender(at()).or_throw();
      begins.reached();
      dying->send({.payload = transom::as_bytes(filled(large))}, patience::forever()).ignore();
      return 0;
    });
    begins.wait();
    EXPECT_EQ(recv(*rx).or_throw(), filled(8000));  // room for one piece
    child.kill();
    child.wait();
    transom::result<std::string> got = recv(*rx);
    for (; got; got = recv(*rx)) {
      EXPECT_EQ(got->size(), 8000u);
    }
    EXPECT_TRUE(got.failed_with(errc::peer_died)) << got.error().message();
    send(*tx, "after");
    EXPECT_EQ(recv(*rx).or_throw(), "after");
  }
}

TEST_P(queues_of_processes, with_keep_the_messages_outlive_both_sides) {
  const transom::options kept{.keep = true};
  {
    auto tx = sender(at(), kept).or_throw();
    EXPECT_TRUE(tx->features().contains(transom::outlives_processes));
    send(*tx, "from nobody");
  }
  {
    auto rx = receiver(at(), kept).or_throw();
    auto tx = sender(at(), kept).or_throw();
    EXPECT_EQ(recv(*rx).or_throw(), "from nobody");
    send(*tx, "to nobody");
    rx.reset();
    send(*tx, "not told");
  }
  {
    standing_child dying([&] { return receiver(at(), kept).or_throw(); });
    dying.kill_and_reap();
  }
  {
    auto rx = receiver(at(), kept).or_throw();
    EXPECT_EQ(recv(*rx).or_throw(), "to nobody");
    EXPECT_EQ(recv(*rx).or_throw(), "not told");
  }
  if (GetParam() == std::string_view("posix-mq")) os::posix_queue::unlink(place_.posix()).or_throw();
  else os::sysv_queue::open(place_.key(), 1).or_throw().remove().or_throw();
}

TEST_P(queues_of_processes, garbage_is_a_protocol_error_and_raw_takes_it_as_it_is) {
  const bool posix = GetParam() == std::string_view("posix-mq");
  const auto put = [&](std::string_view text) {
    if (posix) return os::posix_queue::open(place_.posix()).or_throw().try_send(transom::as_bytes(text)).or_throw();
    os::sysv_message message(text.size());
    std::ranges::copy(transom::as_bytes(text), message.data().begin());
    os::sysv_queue::open(place_.key(), 1).or_throw().try_send(3, message, text.size()).or_throw();
  };
  for (const char* text : {"short", "sixteen bytes or more of garbage", ""}) {
    auto rx = receiver(at()).or_throw();
    put(text);
    EXPECT_TRUE(recv(*rx).failed_with(errc::protocol_error));
    EXPECT_TRUE(recv(*rx).failed_with(errc::closed));
  }
  auto rx = receiver(at(), {.framing = transom::framing::raw}).or_throw();
  EXPECT_FALSE(rx->features().contains(transom::sees_close));
  EXPECT_TRUE(place_.records().files().empty());
  put("as it is");
  EXPECT_EQ(recv(*rx).or_throw(), "as it is");
  put("");
  EXPECT_EQ(recv(*rx).or_throw(), "");
  auto tx = sender(at(), {.framing = transom::framing::raw}).or_throw();
  std::jthread sending([&] { send(*tx, "raw"); });
  EXPECT_EQ(recv(*rx).or_throw(), "raw");
}

TEST_P(queues_of_processes, a_limit_in_the_way_is_named) {
  for (const transom::options& how : {transom::options{.max_message = 1u << 20}, transom::options{}}) {
    auto refused = receiver(at(), how, {.schema_hash = 7, .schema_text = "huge", .least_message = 1u << 20});
    ASSERT_TRUE(refused.failed_with(errc::unsupported));
    const char* const sysctl = GetParam() == std::string_view("posix-mq") ? "fs.mqueue.msgsize_max" : "kernel.msgmax";
    EXPECT_NE(refused.error().detail().find(sysctl), std::string::npos) << refused.error().message();
    EXPECT_NE(refused.error().detail().find("receivers=1"), std::string::npos);
  }
  auto rx = receiver(at(), {.max_message = 1u << 20, .receivers = 1}).or_throw();
  EXPECT_EQ(rx->largest_message(), 1u << 20);
  EXPECT_TRUE(receiver(at(), {.on_full = transom::overflow::drop_oldest}).failed_with(errc::unsupported));
}

TEST_P(queues_of_processes, nothing_is_left_open_by_a_failed_open) {
  (void)sender(at(), {.connect_timeout = 1ms});
  const long before = os::testing::open_descriptors();
  EXPECT_FALSE(sender(at(), {.connect_timeout = 1ms}));
  EXPECT_FALSE(receiver(at(), {.max_message = 1u << 20}));
  {
    auto rx = receiver(at()).or_throw();
    EXPECT_FALSE(sender(at(), {}, {.schema_hash = 9, .schema_text = "other"}));
  }
  EXPECT_EQ(os::testing::open_descriptors(), before);
}
