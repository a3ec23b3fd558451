// transom/transport/queue_test.cpp - the rules of transport.hpp over the three queues: inproc, posix-mq and sysv-mq.
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <atomic>
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

class queues : public testing::TestWithParam<const char*> {
 protected:
  transom::url at(const std::string& keys = "") const { return place_.make(GetParam(), keys); }
  bool crosses_processes() const { return GetParam() != std::string_view("inproc"); }
  place_for_queues place_;
};
INSTANTIATE_TEST_SUITE_P(all, queues, testing::Values("inproc", "posix-mq", "sysv-mq"), [](const auto& which) {
  std::string name = which.param;
  std::ranges::replace(name, '-', '_');
  return name;
});

TEST_P(queues, messages_of_every_size_arrive_whole_and_in_order) {
  auto rx = receiver(at()).or_throw();
  auto tx = sender(at()).or_throw();
  const std::size_t largest = tx->largest_message();
  EXPECT_EQ(rx->largest_message(), largest);
  const std::vector<std::size_t> sizes{1, 0, 17, largest - 1, largest, 100, 0, largest, 8000, 3};
  std::jthread sending([&] {
    for (const std::size_t size : sizes) send(*tx, filled(size));
    tx->close();
  });
  std::uint64_t sequence = 0;
  for (const std::size_t size : sizes) {
    auto got = rx->front(0, soon()).or_throw();
    ASSERT_EQ(transom::as_text(got.payload), filled(size));
    EXPECT_EQ(got.info.sequence, ++sequence);
    auto again = rx->front(0, soon()).or_throw();
    EXPECT_EQ(again.payload.data(), got.payload.data());
    rx->release();
  }
  EXPECT_TRUE(recv(*rx).failed_with(errc::closed));
  EXPECT_TRUE(try_recv(*rx).failed_with(errc::closed));
  auto too_large = tx->send({.payload = transom::as_bytes(filled(largest + 1))}, soon());
  ASSERT_FALSE(too_large);
}

TEST_P(queues, a_message_beyond_the_limit_is_refused_and_the_limit_is_named) {
  auto rx = receiver(at(), {.max_message = 100}).or_throw();
  auto tx = sender(at()).or_throw();
  EXPECT_EQ(tx->largest_message(), 100u);
  auto refused = try_send(*tx, filled(101));
  ASSERT_TRUE(refused.failed_with(errc::message_too_large));
  EXPECT_NE(refused.error().detail().find("100"), std::string::npos) << refused.error().message();
  EXPECT_EQ(refused.error().url(), at().text());
  send(*tx, filled(100));
  EXPECT_EQ(recv(*rx).or_throw(), filled(100));
}

TEST_P(queues, the_capacity_is_exact_and_a_full_queue_would_block) {
  auto rx = receiver(at(), {.capacity = 5}).or_throw();
  auto tx = sender(at()).or_throw();
  for (int i = 0; i < 5; ++i) try_send(*tx, std::to_string(i)).or_throw();
  EXPECT_TRUE(try_send(*tx, "6").failed_with(errc::would_block));
  EXPECT_TRUE(tx->send({}, patience::until_time(transom::deadline::after(3ms))).failed_with(errc::timed_out));
  EXPECT_TRUE(tx->send({}, patience::until_time(transom::deadline::passed())).failed_with(errc::timed_out));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(recv(*rx).or_throw(), std::to_string(i));
  EXPECT_TRUE(try_recv(*rx).failed_with(errc::would_block));
  EXPECT_TRUE(recv(*rx, patience::until_time(transom::deadline::after(3ms))).failed_with(errc::timed_out));
}

TEST_P(queues, a_sender_that_waits_for_room_gets_it) {
  auto rx = receiver(at(), {.capacity = 2}).or_throw();
  auto tx = sender(at()).or_throw();
  constexpr int count = 2000;
  std::jthread sending([&] {
    for (int i = 0; i < count; ++i) send(*tx, std::to_string(i));
  });
  for (int i = 0; i < count; ++i) ASSERT_EQ(recv(*rx).or_throw(), std::to_string(i));
}

TEST_P(queues, a_stop_comes_before_data_and_data_before_the_end) {
  auto rx = receiver(at()).or_throw();
  auto tx = sender(at()).or_throw();
  send(*tx, "one");
  std::stop_source stopped;
  stopped.request_stop();
  EXPECT_TRUE(recv(*rx, patience::forever(stopped.get_token())).failed_with(errc::canceled));
  EXPECT_TRUE(tx->send({}, patience::forever(stopped.get_token())).failed_with(errc::canceled));
  tx->close();
  EXPECT_TRUE(tx->send({}, soon()).failed_with(errc::closed));
  EXPECT_EQ(try_recv(*rx).or_throw(), "one");
  EXPECT_TRUE(try_recv(*rx).failed_with(errc::closed));
}

TEST_P(queues, a_stop_token_ends_a_call_that_sleeps) {
  auto rx = receiver(at(), {.capacity = 1}).or_throw();
  auto tx = sender(at()).or_throw();
  std::stop_source source;
  std::jthread stopper([&] { source.request_stop(); });
  EXPECT_TRUE(recv(*rx, patience::forever(source.get_token())).failed_with(errc::canceled));
  stopper.join();
  send(*tx, "full");
  std::stop_source another;
  std::jthread again([&] { another.request_stop(); });
  EXPECT_TRUE(tx->send({}, patience::forever(another.get_token())).failed_with(errc::canceled));
}

TEST_P(queues, closing_from_another_thread_ends_a_call_that_sleeps) {
  for (int round = 0; round < 20; ++round) {
    auto rx = receiver(at(), {.capacity = 1}).or_throw();
    auto tx = sender(at()).or_throw();
    send(*tx, "full");
    std::jthread closing([&] { tx->close(); });
    EXPECT_TRUE(tx->send({}, patience::forever()).failed_with(errc::closed));
    closing.join();
    auto other = sender(at()).or_throw();
    EXPECT_EQ(recv(*rx).or_throw(), "full");
    std::jthread closing_receiver([&] { rx->close(); });
    EXPECT_TRUE(recv(*rx, patience::forever()).failed_with(errc::closed));
    rx->close();
  }
}

TEST_P(queues, the_receivers_end_reaches_senders_that_sleep_and_those_that_do_not) {
  auto rx = receiver(at(), {.capacity = 1}).or_throw();
  auto sleeping = sender(at()).or_throw();
  auto idle = sender(at()).or_throw();
  send(*sleeping, "full");
  std::jthread closing([&] { rx->close(); });
  EXPECT_TRUE(sleeping->send({}, patience::forever()).failed_with(errc::closed));
  closing.join();
  EXPECT_TRUE(try_send(*idle, "x").failed_with(errc::closed));
  EXPECT_TRUE(try_send(*idle, "x").failed_with(errc::closed));
}

TEST_P(queues, a_receiver_that_sleeps_sees_the_last_sender_leave) {
  auto rx = receiver(at()).or_throw();
  auto first = sender(at()).or_throw();
  auto second = first->clone().or_throw();
  first->close();
  EXPECT_TRUE(try_recv(*rx).failed_with(errc::would_block));
  std::jthread leaving([&] { second.reset(); });
  EXPECT_TRUE(recv(*rx, patience::forever()).failed_with(errc::closed));
}

TEST_P(queues, with_keep_open_senders_come_and_go) {
  auto rx = receiver(at(), {.keep_open = true}).or_throw();
  for (int i = 0; i < 3; ++i) {
    auto tx = sender(at()).or_throw();
    send(*tx, "x");
    tx.reset();
    EXPECT_EQ(recv(*rx).or_throw(), "x");
    EXPECT_TRUE(try_recv(*rx).failed_with(errc::would_block));
  }
}

TEST_P(queues, each_message_goes_to_one_of_several_receivers) {
  auto first = receiver(at(), {.capacity = 4}).or_throw();
  auto second = first->clone().or_throw();
  constexpr int senders = 2, each = 500;
  std::vector<std::jthread> sending;
  std::vector<std::unique_ptr<tp::sending_end>> ends;
  for (int s = 0; s < senders; ++s) ends.push_back(sender(at()).or_throw());
  for (int s = 0; s < senders; ++s) {
    sending.emplace_back([&, s] {
      for (int i = 0; i < each; ++i)
        send(*ends[static_cast<std::size_t>(s)], std::to_string(s) + ":" + std::to_string(i));
      ends[static_cast<std::size_t>(s)]->close();
    });
  }
  std::array<std::vector<std::string>, 2> got;
  std::jthread receiving([&] {
    while (auto one = recv(*second)) got[1].push_back(std::move(*one));
  });
  transom::result<std::string> last;
  while ((last = recv(*first))) got[0].push_back(*last);
  EXPECT_TRUE(last.failed_with(errc::closed));
  receiving.join();
  // Oracle: nothing missing, nothing twice, and each sender's messages in order at each receiver.
  std::map<std::string, int> seen;
  for (const auto& list : got) {
    std::map<char, int> before{{'0', -1}, {'1', -1}};
    for (const auto& text : list) {
      ++seen[text];
      const int number = std::stoi(text.substr(2));
      EXPECT_GT(number, before[text[0]]);
      before[text[0]] = number;
    }
  }
  EXPECT_EQ(seen.size(), static_cast<std::size_t>(senders * each));
  EXPECT_TRUE(std::ranges::all_of(seen, [](const auto& one) { return one.second == 1; }));
}

TEST_P(queues, a_second_owner_is_refused_where_one_was_promised) {
  {
    auto rx = receiver(at(), {.receivers = 1}).or_throw();
    auto other = receiver(at());
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error(), std::errc::address_in_use) << other.error().message();
    EXPECT_FALSE(rx->clone());
  }
  auto rx = receiver(at()).or_throw();
  auto other = receiver(at(), {.receivers = 1});
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error(), std::errc::address_in_use);
  auto tx = sender(at(), {.senders = 1}).or_throw();
  auto second = sender(at(), {.senders = 1});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error(), std::errc::address_in_use);
}

TEST_P(queues, a_sender_waits_for_the_owner_and_says_who_is_missing) {
  auto nobody = sender(at(), {.connect_timeout = 5ms});
  ASSERT_TRUE(nobody.failed_with(errc::no_peer));
  EXPECT_NE(nobody.error().message().find(at().text()), std::string::npos);
  std::unique_ptr<tp::receiving_end> rx;
  std::jthread opening([&] { rx = receiver(at()).or_throw(); });
  auto tx = sender(at(), {.connect_timeout = 20s}).or_throw();
  opening.join();
  send(*tx, "hello");
  EXPECT_EQ(recv(*rx).or_throw(), "hello");
}

TEST_P(queues, another_type_is_a_mismatch_with_both_descriptions) {
  auto rx = receiver(at()).or_throw();
  const tp::terms numbers{.schema_hash = 8, .schema_text = "numbers"};
  auto refused = sender(at(), {}, numbers);
  ASSERT_TRUE(refused.failed_with(errc::type_mismatch));
  EXPECT_NE(refused.error().detail().find("numbers"), std::string::npos);
  EXPECT_NE(refused.error().detail().find("bytes"), std::string::npos);
  EXPECT_TRUE(receiver(at(), {}, numbers).failed_with(errc::type_mismatch));
  const tp::terms lenient{.schema_hash = 8,
                          .schema_text = "numbers",
                          .compatible = [](std::uint64_t hash, std::string_view) { return hash == 7; }};
  auto tx = sender(at(), {}, lenient).or_throw();
  send(*tx, "understood");
  EXPECT_EQ(recv(*rx).or_throw(), "understood");
}

TEST_P(queues, a_sender_refused_for_its_type_never_was_one) {
  auto rx = receiver(at()).or_throw();
  ASSERT_FALSE(sender(at(), {}, {.schema_hash = 8, .schema_text = "numbers"}));
  EXPECT_TRUE(try_recv(*rx).failed_with(errc::would_block));
}

TEST_P(queues, a_buffer_too_small_leaves_the_message) {
  auto rx = receiver(at()).or_throw();
  auto tx = sender(at()).or_throw();
  send(*tx, "twelve bytes");
  const int ready = rx->ready_fd().or_throw();
  std::array<std::byte, 4> small{};
  std::array<std::byte, 20> large{};
  auto refused = rx->receive_into(small, 0, soon());
  ASSERT_TRUE(refused.failed_with(errc::message_too_large));
  EXPECT_EQ(refused.error().detail(), "12");
  EXPECT_TRUE(becomes_readable(ready));
  EXPECT_EQ(rx->receive_into(large, 0, patience::none()).or_throw(), 12u);
  EXPECT_EQ(transom::as_text(std::span(large).first(12)), "twelve bytes");
  EXPECT_TRUE(rx->receive_into(large, 0, patience::none()).failed_with(errc::would_block));
}

TEST_P(queues, what_is_claimed_is_sent_where_it_lies) {
  auto rx = receiver(at()).or_throw();
  auto tx = sender(at()).or_throw();
  auto memory = tx->claim(6, soon()).or_throw();
  std::ranges::copy(transom::as_bytes("filled"), memory.begin());
  EXPECT_TRUE(try_recv(*rx).failed_with(errc::would_block));
  tx->commit({.payload = memory.first(4)}, soon()).or_throw();
  EXPECT_EQ(recv(*rx).or_throw(), "fill");
  auto forgotten = tx->claim(100, soon()).or_throw();
  std::ranges::fill(forgotten, std::byte{1});
  send(*tx, "other");
  EXPECT_EQ(recv(*rx).or_throw(), "other");
  EXPECT_TRUE(tx->claim(tx->largest_message() + 1, soon()).failed_with(errc::message_too_large));
}

TEST_P(queues, many_messages_go_as_far_as_there_is_room) {
  auto rx = receiver(at(), {.capacity = 3}).or_throw();
  auto tx = sender(at()).or_throw();
  const std::array<tp::outgoing, 5> five{{{.payload = transom::as_bytes("0")},
                                          {.payload = transom::as_bytes("1")},
                                          {.payload = transom::as_bytes("2")},
                                          {.payload = transom::as_bytes("3")},
                                          {.payload = transom::as_bytes("4")}}};
  EXPECT_EQ(tx->send_many(five, soon()).or_throw(), 3u);
  EXPECT_TRUE(tx->send_many(std::span(five).subspan(3), patience::none()).failed_with(errc::would_block));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(recv(*rx).or_throw(), std::to_string(i));
  EXPECT_EQ(tx->send_many(std::span(five).subspan(3), soon()).or_throw(), 2u);
}

TEST_P(queues, the_descriptor_is_readable_when_there_is_something_to_do) {
  auto rx = receiver(at(), {.capacity = 1}).or_throw();
  auto tx = sender(at()).or_throw();
  const int can_receive = rx->ready_fd().or_throw();
  const int can_send = tx->ready_fd().or_throw();
  EXPECT_EQ(rx->ready_fd().or_throw(), can_receive);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(becomes_readable(can_send));
    while (try_send(*tx, "x")) {}
    ASSERT_TRUE(becomes_readable(can_receive));
    while (try_recv(*rx)) {}
  }
  std::jthread later([&] { send(*tx, "later"); });
  for (transom::result<std::string> got = try_recv(*rx); !got; got = try_recv(*rx)) {
    ASSERT_TRUE(got.failed_with(errc::would_block));
    ASSERT_TRUE(becomes_readable(can_receive));
  }
  later.join();
  tx.reset();
  transom::result<std::string> end = try_recv(*rx);
  while (end.failed_with(errc::would_block)) {
    ASSERT_TRUE(becomes_readable(can_receive));
    end = try_recv(*rx);
  }
  EXPECT_TRUE(end.failed_with(errc::closed));
  EXPECT_TRUE(becomes_readable(can_receive)) << "an ended channel stays readable";
}

TEST_P(queues, the_senders_descriptor_tells_the_receivers_end) {
  auto rx = receiver(at(), {.capacity = 1}).or_throw();
  auto tx = sender(at()).or_throw();
  const int can_send = tx->ready_fd().or_throw();
  while (try_send(*tx, "x")) {}
  rx->close();
  transom::result<void> end = try_send(*tx, "x");
  while (end.failed_with(errc::would_block)) {
    ASSERT_TRUE(becomes_readable(can_send));
    end = try_send(*tx, "x");
  }
  EXPECT_TRUE(end.failed_with(errc::closed));
}

TEST_P(queues, after_fork_the_child_may_do_nothing_and_the_parent_notices_nothing) {
  auto rx = receiver(at()).or_throw();
  auto tx = sender(at()).or_throw();
  (void)rx->ready_fd().or_throw();
  (void)tx->ready_fd().or_throw();
  forked child([&] {
    if (!try_send(*tx, "x").failed_with(errc::forked)) return 1;
    if (!try_recv(*rx).failed_with(errc::forked)) return 2;
    if (!tx->clone().failed_with(errc::forked) || !rx->clone().failed_with(errc::forked)) return 3;
    tx->close();
    rx->close();
    rx.reset();
    tx.reset();
    return 0;
  });
  EXPECT_EQ(child.wait(), 0);
  send(*tx, "still here");
  EXPECT_EQ(recv(*rx).or_throw(), "still here");
  EXPECT_TRUE(try_recv(*rx).failed_with(errc::would_block));
}

TEST_P(queues, what_the_mechanism_lacks_is_refused_by_name) {
  auto rx = receiver(at()).or_throw();
  auto tx = sender(at()).or_throw();
  if (!tx->features().contains(transom::priorities)) {
    EXPECT_TRUE(tx->send({.payload = {}, .priority = 1}, soon()).failed_with(errc::unsupported));
  }
  if (!tx->features().contains(transom::types)) {
    EXPECT_TRUE(tx->send({.payload = {}, .type = 1}, soon()).failed_with(errc::unsupported));
    EXPECT_TRUE(try_recv(*rx, 1).failed_with(errc::unsupported));
  }
  EXPECT_TRUE(tx->give().failed_with(errc::unsupported));
  EXPECT_TRUE(rx->give().failed_with(errc::unsupported));
  EXPECT_TRUE(receiver(at(), {.framing = transom::framing::line}).failed_with(errc::unsupported));
  EXPECT_TRUE(sender(at(), {.framing = transom::framing::length}).failed_with(errc::unsupported));
}

class queues_of_processes : public queues {};
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
    int full = 0;
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
      ++full;
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
