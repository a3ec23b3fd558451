// transom/channel/channel_test.cpp - what senders and receivers promise on every mechanism, over one in memory.
#include "transom/channel.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "transom/channel/fake_ends.hpp"

using namespace std::chrono_literals;
using transom::bytes;
using transom::errc;
using transom::receiver;
using transom::sender;
namespace fake = transom::fake;

namespace {

struct point {
  std::int32_t x = 0;
  bool lit = false;
  bool operator==(const point&) const = default;
};
struct order {
  std::uint64_t id = 0;
  std::string symbol;
  std::vector<double> prices;
  bool operator==(const order&) const = default;
};
struct with_descriptor {
  int number = 0;
  transom::fd file;
};

template <typename T>
struct line {
  std::shared_ptr<fake::post> post;
  sender<T> tx;
  receiver<T> rx;
};
template <typename T>
line<T> join(fake::settings how = {}, const transom::options& options = {}) {
  auto post = std::make_shared<fake::post>(how);
  return {post, transom::detail::end_access::wrap<T>(std::make_unique<fake::sending>(post), options),
          transom::detail::end_access::wrap<T>(std::make_unique<fake::receiving>(post), options)};
}
template <typename... Features>
fake::settings having(Features... more) {
  return {.features = (fake::usual | ... | more)};
}

}  // namespace

TEST(channel, any_message_arrives_as_it_was_sent) {
  auto [post, tx, rx] = join<order>();
  const order sent{7, "EURUSD", {1.5, 2.5}};
  tx.send(sent).or_throw();
  tx.send({8, "", {}}).or_throw();
  EXPECT_EQ(rx.recv().or_throw(), sent);
  EXPECT_EQ(rx.recv_for(5s).or_throw(), (order{8, "", {}}));
  EXPECT_TRUE(rx.try_recv().failed_with(errc::would_block));
  EXPECT_TRUE(rx.recv_for(1ms).failed_with(errc::timed_out));
  EXPECT_TRUE(rx.recv_until(std::chrono::system_clock::now()).failed_with(errc::timed_out));
}

TEST(channel, an_empty_message_is_a_message) {
  auto [post, tx, rx] = join<std::string>();
  tx.send("").or_throw();
  EXPECT_EQ(rx.recv().or_throw(), "");
}

TEST(channel, closed_comes_after_everything_sent_and_is_final) {
  auto [post, tx, rx] = join<int>();
  for (int i : {1, 2, 3}) tx.send(i).or_throw();
  tx.close();
  int sum = 0;
  for (int i : rx) sum += i;
  EXPECT_EQ(sum, 6);
  EXPECT_TRUE(rx.try_recv().failed_with(errc::closed));
  EXPECT_TRUE(tx.send(4).failed_with(errc::closed));
}

TEST(channel, range_for_throws_what_is_not_the_end) {
  auto [post, tx, rx] = join<int>();
  tx.send(1).or_throw();
  post->kill_sender(4711);
  int seen = 0;
  try {
    for (int i : rx) seen += i;
    FAIL() << "the death of the sender was not reported";
  } catch (const transom::exception& died) {
    EXPECT_EQ(died.reason(), errc::peer_died);
    EXPECT_EQ(died.reason().peer_pid(), 4711);
  }
  EXPECT_EQ(seen, 1);
  EXPECT_TRUE(rx.recv().failed_with(errc::closed));
}

TEST(channel, a_full_channel_blocks_until_a_deadline_or_a_stop) {
  auto [post, tx, rx] = join<int>({.capacity = 1});
  tx.try_send(1).or_throw();
  EXPECT_TRUE(tx.try_send(2).failed_with(errc::would_block));
  EXPECT_TRUE(tx.send_for(2, 1ms).failed_with(errc::timed_out));
  EXPECT_TRUE(tx.send_until(2, std::chrono::steady_clock::now()).failed_with(errc::timed_out));
  std::stop_source source;
  std::jthread stopper([&] { source.request_stop(); });
  EXPECT_TRUE(tx.send(2, source.get_token()).failed_with(errc::canceled));
  EXPECT_TRUE(rx.recv(source.get_token()).failed_with(errc::canceled));  // although a message waits
  EXPECT_EQ(rx.recv().or_throw(), 1);
}

TEST(channel, on_full_fail_makes_send_say_would_block) {
  auto [post, tx, rx] = join<int>({.capacity = 1}, {.on_full = transom::overflow::fail});
  tx.send(1).or_throw();
  EXPECT_TRUE(tx.send(2).failed_with(errc::would_block));
  EXPECT_TRUE(tx.send_for(2, 1ms).failed_with(errc::timed_out));  // a time that was given counts
}

TEST(channel, on_full_drop_newest_drops_and_counts) {
  auto [post, tx, rx] = join<int>({.capacity = 2}, {.on_full = transom::overflow::drop_newest});
  for (int i = 0; i < 5; ++i) tx.send(i).or_throw();
  EXPECT_EQ(tx.dropped(), 3u);
  EXPECT_EQ(tx.send_all(std::array{8, 9}).or_throw(), 0u);
  EXPECT_EQ(tx.dropped(), 5u);
  EXPECT_EQ(rx.recv().or_throw(), 0);
  EXPECT_EQ(rx.recv().or_throw(), 1);
}

TEST(channel, priorities_and_types_are_refused_where_there_are_none) {
  auto [post, tx, rx] = join<std::string>();
  auto urgent = tx.send("urgent", {.priority = 1});
  ASSERT_TRUE(urgent.failed_with(errc::unsupported));
  EXPECT_EQ(urgent.error().detail(), "priorities");
  EXPECT_TRUE(tx.try_send("typed", {.type = 1}).failed_with(errc::unsupported));
  EXPECT_TRUE(rx.try_recv({.type = 1}).failed_with(errc::unsupported));
  EXPECT_TRUE(rx.try_recv().failed_with(errc::would_block));
}

TEST(channel, priorities_out_of_range_are_invalid) {
  auto [post, tx, rx] = join<std::string>(having(transom::priorities, transom::types));
  tx.send("x", {.priority = 32000, .type = 1}).or_throw();
  EXPECT_TRUE(tx.send("x", {.priority = 32001}).failed_with(std::errc::invalid_argument));
  EXPECT_TRUE(tx.send("x", {.priority = -1}).failed_with(std::errc::invalid_argument));
  EXPECT_TRUE(tx.send("x", {.type = -1}).failed_with(std::errc::invalid_argument));
  EXPECT_EQ(rx.recv_view().or_throw().info().priority, 32000);
}

TEST(channel, a_message_that_is_no_T_is_dropped_and_the_channel_goes_on) {
  auto [post, tx, rx] = join<point>();
  post->put(bytes(3));
  tx.send({1, true}).or_throw();
  auto wrong = rx.recv();
  ASSERT_TRUE(wrong.failed_with(errc::decode_failed));
  EXPECT_EQ(wrong.error().url(), "inproc:");
  EXPECT_NE(wrong.error().detail(), "");
  EXPECT_EQ(rx.recv().or_throw(), (point{1, true}));

  bytes lie(sizeof(point), std::byte{2});  // no bool
  for (auto features : {transom::feature_set(), transom::zero_copy}) {
    auto [their, out, in] = join<point>(having(features));
    their->put(lie);
    EXPECT_TRUE(in.recv_view().failed_with(errc::decode_failed));
    EXPECT_TRUE(in.try_recv().failed_with(errc::would_block));
  }
}

TEST(channel, an_encoded_message_beyond_max_message_is_too_large) {
  auto [post, tx, rx] = join<order>({.largest_message = 100});
  auto large = tx.send({1, std::string(200, 'x'), {}});
  ASSERT_TRUE(large.failed_with(errc::message_too_large));
  EXPECT_NE(large.error().detail().find("max_message is 100"), std::string_view::npos);
  tx.send({1, "x", {}}).or_throw();
}

TEST(channel, bytes_go_into_a_buffer_of_the_caller_and_stay_if_it_is_too_small) {
  auto [post, tx, rx] = join<bytes>();
  std::array<std::byte, 32> buffer{};
  tx.send(std::span(buffer).first(20)).or_throw();
  tx.try_send(std::span(buffer).first(0)).or_throw();
  auto refused = rx.recv_into(std::span(buffer).first(16));
  ASSERT_TRUE(refused.failed_with(errc::message_too_large));
  EXPECT_EQ(rx.try_recv_into(buffer).or_throw(), 20u);
  EXPECT_EQ(rx.recv_into_for(buffer, 1s).or_throw(), 0u);
  EXPECT_TRUE(rx.recv_into_until(buffer, std::chrono::steady_clock::now()).failed_with(errc::timed_out));
}

TEST(channel, send_all_uses_one_call_of_the_mechanism_and_says_how_many_went) {
  auto [post, tx, rx] = join<order>({.capacity = 3}, {.on_full = transom::overflow::fail});
  const std::vector<order> some{{1, "a", {}}, {2, "b", {1.0}}};
  EXPECT_EQ(tx.send_all(some).or_throw(), 2u);
  EXPECT_EQ(post->calls_of_send_many, 1);
  EXPECT_EQ(tx.send_all(some).or_throw(), 1u);
  EXPECT_TRUE(tx.send_all(some).failed_with(errc::would_block));
  for (const std::uint64_t id : {1u, 2u, 1u}) EXPECT_EQ(rx.recv().or_throw().id, id);
  EXPECT_EQ(tx.send_all(std::vector<order>{}).or_throw(), 0u);
}

TEST(channel, send_all_takes_elements_where_they_are_and_in_portions) {
  auto [post, tx, rx] = join<int>({.capacity = 5000});
  std::vector<int> many(2000);
  std::iota(many.begin(), many.end(), 0);
  EXPECT_EQ(tx.send_all(many).or_throw(), many.size());
  EXPECT_EQ(tx.send_all(std::views::iota(2000, 2100)).or_throw(), 100u);
  for (int i = 0; i < 2100; ++i) ASSERT_EQ(rx.recv().or_throw(), i);
}

TEST(channel, send_all_stops_before_an_element_that_is_too_large) {
  auto [post, tx, rx] = join<std::string>({.largest_message = 10});
  EXPECT_EQ(tx.send_all(std::vector<std::string>{"a", "b", std::string(11, 'x'), "c"}).or_throw(), 2u);
  EXPECT_TRUE(tx.send_all(std::vector<std::string>{std::string(11, 'x')}).failed_with(errc::message_too_large));
  EXPECT_EQ(rx.recv().or_throw(), "a");
  EXPECT_EQ(rx.recv().or_throw(), "b");
  EXPECT_TRUE(rx.try_recv().failed_with(errc::would_block));
}

TEST(channel, descriptors_travel_and_are_closed_where_they_were_given_away) {
  auto [post, tx, rx] = join<with_descriptor>(having(transom::fd_passing));
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  transom::fd reader(ends[0]);
  tx.send(with_descriptor{3, transom::fd(ends[1])}).or_throw();
  {
    auto got = rx.recv().or_throw();
    EXPECT_EQ(got.number, 3);
    EXPECT_EQ(::write(got.file.get(), "x", 1), 1);
  }
  char two[2];
  EXPECT_EQ(::read(reader.get(), two, 2), 1);
  EXPECT_EQ(::read(reader.get(), two, 2), 0);  // nobody else has the writing end
}

TEST(channel, close_in_another_thread_ends_a_call_that_sleeps) {
  auto [post, tx, rx] = join<int>();
  std::jthread closer([&rx] { rx.close(); });
  EXPECT_TRUE(rx.recv().failed_with(errc::closed));
}

TEST(channel, a_clone_is_a_further_handle_on_the_same_channel) {
  auto [post, tx, rx] = join<int>();
  auto further = tx.clone().or_throw();
  further.send(5).or_throw();
  EXPECT_EQ(rx.recv().or_throw(), 5);
  EXPECT_EQ(further.url(), tx.url());
  EXPECT_EQ(further.features(), tx.features());
}

TEST(channel, plain_values_cross_hosts_as_messagepack) {
  auto [post, tx, rx] = join<point>(having(transom::crosses_hosts, transom::zero_copy));
  tx.send({300, true}).or_throw();
  EXPECT_EQ(post->letters.front().payload.size(), 5u);  // array of two, u16, true
  EXPECT_EQ(*rx.recv_view().or_throw(), (point{300, true}));
  auto slot = tx.loan().or_throw();
  *slot = {1, false};
  tx.send(std::move(slot)).or_throw();
  EXPECT_EQ(rx.recv().or_throw(), (point{1, false}));
}

class lending : public testing::TestWithParam<bool> {
 protected:
  fake::settings how() const { return GetParam() ? having(transom::zero_copy) : fake::settings(); }
};
INSTANTIATE_TEST_SUITE_P(zero_copy, lending, testing::Bool());

TEST_P(lending, a_loan_is_filled_and_sent_or_dropped) {
  auto [post, tx, rx] = join<point>(how());
  {
    auto dropped = tx.loan().or_throw();
    dropped->x = 1;
  }
  auto slot = tx.try_loan().or_throw();
  *slot = {2, true};
  tx.send(std::move(slot)).or_throw();
  EXPECT_EQ(rx.recv().or_throw(), (point{2, true}));
  EXPECT_TRUE(rx.try_recv().failed_with(errc::would_block));
}

TEST_P(lending, a_loan_that_could_not_be_sent_is_still_there) {
  auto [post, tx, rx] = join<point>(how());
  auto slot = tx.loan_for(1s).or_throw();
  *slot = {3, false};
  std::stop_source stopped;
  stopped.request_stop();
  EXPECT_TRUE(tx.send(std::move(slot), stopped.get_token()).failed_with(errc::canceled));
  EXPECT_EQ(slot->x, 3);
  tx.send(std::move(slot)).or_throw();
  EXPECT_EQ(rx.recv().or_throw().x, 3);
}

TEST_P(lending, room_for_bytes_can_be_made_smaller) {
  auto [post, tx, rx] = join<bytes>(how());
  auto slot = tx.loan(100).or_throw();
  slot.span()[0] = std::byte{7};
  slot.resize(2);
  slot.span()[1] = std::byte{8};
  tx.send(std::move(slot)).or_throw();
  auto seen = rx.recv_view().or_throw();
  EXPECT_EQ(*seen, (bytes{std::byte{7}, std::byte{8}}));
  EXPECT_EQ(seen->size(), 2u);
  EXPECT_EQ(seen.info().sequence, 1u);
  EXPECT_TRUE(tx.try_loan(1 << 20).failed_with(errc::message_too_large));
}

TEST_P(lending, a_view_may_go_in_another_thread_and_frees_the_message) {
  auto [post, tx, rx] = join<point>(how());
  for (int i : {1, 2}) tx.send({i, false}).or_throw();
  auto first = rx.recv_view().or_throw();
  std::jthread([seen = std::move(first)] { EXPECT_EQ(seen->x, 1); }).join();
  receiver<point> moved = std::move(rx);
  EXPECT_EQ(moved.recv_view_for(1s).or_throw()->x, 2);
  EXPECT_TRUE(moved.try_recv_view().failed_with(errc::would_block));
}

TEST(lending, where_memory_is_the_mechanisms_own_one_view_and_one_loan_at_a_time) {
  auto [post, tx, rx] = join<point>(having(transom::zero_copy));
  for (int i : {1, 2}) tx.send({i, false}).or_throw();
  auto first = rx.recv_view();
  EXPECT_TRUE(rx.recv().failed_with(errc::unsupported));
  EXPECT_EQ((**first).x, 1);
  first = transom::error(errc::closed, "test");
  EXPECT_EQ(rx.recv().or_throw().x, 2);

  auto slot = tx.loan().or_throw();
  EXPECT_TRUE(tx.send({3, false}).failed_with(errc::unsupported));
  EXPECT_TRUE(tx.loan().failed_with(errc::unsupported));
  slot->x = 4;
  tx.send(std::move(slot)).or_throw();
  EXPECT_EQ(rx.recv().or_throw().x, 4);
}

TEST(lending, where_messages_are_copied_there_are_any_number) {
  auto [post, tx, rx] = join<int>();
  for (int i : {1, 2, 3}) tx.send(i).or_throw();
  std::vector<transom::view<int>> views;
  for (int i = 0; i < 3; ++i) views.push_back(rx.recv_view().or_throw());
  EXPECT_EQ(*views[0] + *views[1] + *views[2], 6);
  auto a = tx.loan().or_throw(), b = tx.loan().or_throw();
  *a = 10, *b = 20;
  tx.send(std::move(b)).or_throw();
  tx.send(std::move(a)).or_throw();
  EXPECT_EQ(rx.recv().or_throw(), 20);
  EXPECT_EQ(rx.recv().or_throw(), 10);
}

TEST(channel_death, a_moved_from_handle_aborts_with_a_sentence) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  auto [post, tx, rx] = join<int>();
  auto kept = std::move(tx);
  auto taken = std::move(rx);
  EXPECT_DEATH(tx.send(1).ignore(), "a moved-from sender is used");
  EXPECT_DEATH(rx.recv().ignore(), "a moved-from receiver is used");
}

TEST(channel_death, a_loan_that_was_sent_aborts_with_a_sentence) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  auto [post, tx, rx] = join<int>();
  auto slot = tx.loan().or_throw();
  tx.send(std::move(slot)).or_throw();
  EXPECT_DEATH(*slot = 1, "a loan is used that was sent or moved from");
}

#ifndef NDEBUG
TEST(channel_death, two_threads_in_one_handle_are_caught_and_named) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  EXPECT_DEATH(
      {
        transom::detail::occupancy where;
        const transom::detail::occupancy::stay inside(where);
        const transom::detail::occupancy::stay again(where);  // the same thread may
        std::jthread([&] { const transom::detail::occupancy::stay second(where); }).join();
      },
      "used by two threads at the same time: thread .* is inside, and thread .* comes");
}
#endif
