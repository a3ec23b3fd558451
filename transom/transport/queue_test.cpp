// transom/transport/queue_test.cpp - the rules of transport.hpp over the three queues: inproc, posix-mq and sysv-mq.
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
namespace tp = transom::transport;

class queues : public testing::TestWithParam<const char*> {
 protected:
  transom::url at(const std::string& keys = "") const { return place_.make(GetParam(), keys); }
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
  std::vector<std::unique_ptr<tp::sending_end>> ends;
  std::vector<std::jthread> sending;
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
