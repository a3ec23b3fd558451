// tests/conformance/delivery_test.cpp - what is sent arrives: each message once, whole, in its sender's order, and what
// cannot be accepted just now says so.
#include "tests/conformance/suite.hpp"

using namespace transom;
using namespace transom::conformance;

namespace {

class delivery : public suite {};
class reliable_delivery : public suite {};
class many_sides : public suite {};

bool every_row(const row&) { return true; }
bool reliable_row(const row& r) { return !r.loses(); }
bool many_senders_row(const row& r) { return r.named() && !r.loses() && !r.stream && r.has(transom::many_senders); }
const auto named_circumstance = [](const auto& info) { return name_of(info.param); };

}  // namespace

TEST_P(delivery, both_ends_have_the_features_of_the_matrix) {
  receive_here();
  EXPECT_EQ(rx->features(), here().features)
      << "has " << rx->features().names() << "\nwhere the matrix says " << here().features.names();
  rx.reset();
  other.reset();
  send_here();
  EXPECT_EQ(tx->features(), here().features)
      << "has " << tx->features().names() << "\nwhere the matrix says " << here().features.names();
}

TEST_P(delivery, nothing_has_come_yet) {
  receive_here();
  EXPECT_EQ(outcome_of(rx->try_recv()), "would_block");
  EXPECT_EQ(outcome_of(rx->recv_for(0s)), "timed_out");
  EXPECT_EQ(outcome_of(rx->recv_for(20ms)), "timed_out");
  EXPECT_EQ(outcome_of(rx->recv_until(std::chrono::system_clock::now())), "timed_out");
  EXPECT_RUN(other->send({.count = 1}), 1, "ok");
  expect_received(1);
}

TEST_P(delivery, a_requested_stop_comes_before_everything_else) {
  receive_here();
  std::stop_source stopped;
  stopped.request_stop();
  EXPECT_EQ(outcome_of(rx->recv(stopped.get_token())), "canceled");
  EXPECT_RUN(other->send({.count = 1}), 1, "ok");
  EXPECT_EQ(outcome_of(rx->recv(stopped.get_token())), "canceled") << "even with data";
  expect_received(1);
  rx.reset();
  other.reset();
  send_here();
  EXPECT_EQ(outcome_of(tx->send("x", stopped.get_token())), "canceled");
}

TEST_P(delivery, a_stop_ends_a_wait_that_has_begun) {
  receive_here();
  std::stop_source source;
  std::jthread stopper([&] { source.request_stop(); });
  EXPECT_EQ(outcome_of(rx->recv(source.get_token())), "canceled");
}

TEST_P(delivery, the_descriptor_is_readable_when_there_is_something_to_receive) {
  receive_here();
  const int descriptor = rx->readable_fd().or_throw();
  EXPECT_RUN(other->send({.count = 3}), 3, "ok");
  std::int64_t received = 0;
  while (received < 3) {
    std::array<os::poll_item, 1> item{{{descriptor, os::interest::readable, 0}}};
    ASSERT_EQ(os::poll(item, deadline::after(soon)).or_throw(), 1u);
    for (;;) {
      const auto got = rx->try_recv();
      if (!got) {
        EXPECT_EQ(outcome_of(got), "would_block");
        break;
      }
      ASSERT_TRUE(here().stream ? books.accept_stream(*got) : books.accept(*got)) << books.complaint();
    }
    received = static_cast<std::int64_t>(books.count());
  }
}

TEST_P(reliable_delivery, each_message_arrives_once_and_in_order) {
  receive_here();
  other->begin({.what = verb::send,
                .run = {.count = 400, .size = std::min<std::size_t>(here().largest(), 20'000), .varied = true}});
  expect_received(400);
  EXPECT_RUN(other->finish(), 400, "ok");
}

TEST_P(reliable_delivery, each_message_arrives_once_and_in_order_on_the_other_side) {
  send_here();
  other->begin({.what = verb::recv, .is_stream = here().stream, .run = {.count = 400}});
  EXPECT_RUN(send_all_of(*tx, {.count = 400, .size = here().largest(), .varied = true}), 400, "ok");
  EXPECT_RUN(other->finish(), 400, "ok");
}

TEST_P(reliable_delivery, a_full_channel_takes_nothing_and_loses_nothing) {
  send_here();
  const std::uint64_t accepted = fill_up(0, 2000);
  ASSERT_GT(accepted, 0u);
  const std::string next = message_of({.sequence = accepted, .size = 2000});
  EXPECT_EQ(outcome_of(tx->try_send(next)), "would_block");
  EXPECT_EQ(outcome_of(tx->send_for(next, 0s)), "timed_out");
  std::stop_source source;
  std::jthread stopper([&] { source.request_stop(); });
  EXPECT_EQ(outcome_of(tx->send(next, source.get_token())), "canceled");
  stopper.join();

  other->begin(
      {.what = verb::recv, .is_stream = here().stream, .run = {.count = static_cast<std::int64_t>(accepted) + 1}});
  EXPECT_EQ(outcome_of(tx->send_for(next, soon)), "ok") << "there is room again";
  EXPECT_RUN(other->finish(), accepted + 1, "ok");
}

TEST_P(reliable_delivery, a_slow_reader_delays_its_sender_and_gets_everything) {
  receive_here();
  other->begin({.what = verb::send, .run = {.count = 300, .size = 5000}});
  while (books.count() < 300) {  // it falls behind by itself: it waits and checks, the sender does not
    std::this_thread::yield();
    const auto some = receive(std::min<std::int64_t>(10, 300 - static_cast<std::int64_t>(books.count())));
    ASSERT_EQ(some.outcome, "ok") << some.complaint;
  }
  EXPECT_RUN(other->finish(), 300, "ok");
}

TEST_P(reliable_delivery, many_at_once_are_many_messages) {
  send_here();
  other->begin({.what = verb::recv, .is_stream = here().stream, .run = {.count = 200}});
  std::vector<std::string> all;
  for (std::uint64_t n = 0; n < 200; ++n) all.push_back(message_of({.sequence = n, .size = 100}));
  EXPECT_EQ(tx->send_all(all).or_throw(), 200u);
  EXPECT_RUN(other->finish(), 200, "ok");
}

TEST_P(many_sides, each_sender_keeps_its_order) {
  receive_here();
  std::vector<peer> more;
  for (int i = 0; i < 3; ++i) more.push_back(further_sender());
  constexpr std::int64_t each = 100;
  unsigned id = 0;
  const auto begin = [&](peer& one) {
    one.begin({.what = verb::send, .run = {.sender = id++, .count = each, .size = 3000, .varied = true}});
  };
  begin(*other);
  for (peer& one : more) begin(one);
  expect_received(4 * each);
  for (unsigned sender = 0; sender < 4; ++sender) EXPECT_EQ(books.next_of(sender), static_cast<std::uint64_t>(each));
  EXPECT_RUN(other->finish(), each, "ok");
  for (peer& one : more) EXPECT_RUN(one.finish(), each, "ok");
}

// udp: what it loses it loses whole, and nobody loses by accident.
class lossy_delivery : public suite {};

TEST_P(lossy_delivery, a_program_that_did_not_agree_to_lose_is_refused) {
  EXPECT_EQ(outcome_of(receiver<std::string>::open(url())), "unsupported");
  EXPECT_EQ(outcome_of(sender<std::string>::open("udp://127.0.0.1:9?connect_timeout=10ms")), "unsupported");
  EXPECT_EQ(outcome_of(receiver<std::string>::open(url(), {.on_full = overflow::drop_newest, .require = reliable})),
            "unsupported");
}

TEST_P(lossy_delivery, what_arrives_is_whole_and_in_order) {
  receive_here();
  books = ledger(true);
  EXPECT_RUN(other->send({.count = 50, .size = 1000}), 50, "ok");
  run_report got;
  do got = recv_run(books, false, 50, [&] { return rx->recv_for(200ms); });
  while (got.outcome == "ok" && books.count() < 50);
  EXPECT_TRUE(got.outcome == "ok" || got.outcome == "timed_out") << got.complaint;
  EXPECT_GT(books.count(), 0u);
}

INSTANTIATE_TEST_SUITE_P(on, delivery, ::testing::ValuesIn(where(every_row)), named_circumstance);
INSTANTIATE_TEST_SUITE_P(on, reliable_delivery, ::testing::ValuesIn(where(reliable_row)), named_circumstance);
INSTANTIATE_TEST_SUITE_P(on, many_sides, ::testing::ValuesIn(where(many_senders_row)), named_circumstance);
INSTANTIATE_TEST_SUITE_P(on, lossy_delivery, ::testing::ValuesIn(where([](const row& r) { return r.loses(); })),
                         named_circumstance);
