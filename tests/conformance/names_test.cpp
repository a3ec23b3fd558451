// tests/conformance/names_test.cpp - who has a name, who may have it next, and who may not.
#include "tests/conformance/suite.hpp"

using namespace transom;
using namespace transom::conformance;

namespace {

class names : public suite {};
class owned_names : public suite {};
class known_names : public suite {};
class dead_names : public suite {};
class dead_owners : public suite {};

bool named_row(const row& r) { return r.named(); }
// Where a sender needs an owner at all: a datagram to nobody is just lost.
bool owned_row(const row& r) { return r.named() && !r.loses(); }
// Where a record tells what a dead owner left from an object that a stranger made: that is used, and never removed.
bool recorded_row(const row& r) { return r.named() && !(r.foreign && !r.has(sees_close)); }
// A free port is known only once it is taken.
bool known_before_row(const row& r) { return owned_row(r) && !r.has(crosses_hosts); }
bool tells_the_dead_row(const row& r) { return recorded_row(r) && r.has(sees_close); }
const auto named_circumstance = [](const auto& info) { return name_of(info.param); };

}  // namespace

TEST_P(owned_names, without_an_owner_there_is_no_peer) {
  const std::string nobody = url().find(":0") != std::string::npos ? std::string("tcp://127.0.0.1:1") : url();
  const std::string keys = nobody.find('?') == std::string::npos ? "?" : "&";
  EXPECT_EQ(outcome_of(sender<std::string>::open(nobody + keys + "connect_timeout=0ms")), "no_peer");
  EXPECT_EQ(outcome_of(sender<std::string>::open(nobody + keys + "connect_timeout=30ms")), "no_peer");
}

TEST_P(known_names, start_order_does_not_matter) {
  other.emplace(as());
  order early{.what = verb::open_sender};
  url("connect_timeout=20s").copy(early.url, sizeof early.url - 1);
  other->begin(early);
  rx.emplace(url());
  EXPECT_RUN(other->finish(), 0, "ok");
  EXPECT_RUN(other->send({.count = 2}), 2, "ok");
  expect_received(2);
}

TEST_P(names, can_be_had_again_after_an_orderly_end) {
  for (int round = 0; round < 3; ++round) {
    books = ledger();
    receive_here();
    EXPECT_RUN(other->send({.count = 2}), 2, "ok");
    expect_received(2);
    if (round % 2 == 0) other.reset();
    rx.reset();
    other.reset();
  }
}

TEST_P(names, a_second_owner_is_refused_or_joins_as_the_matrix_says) {
  other.emplace(as());
  const auto first = other->open_receiver(url(), here().loses());
  ASSERT_EQ(first.outcome, "ok") << first.complaint;
  const auto second = receiver<std::string>::open(first.complaint, how());
  EXPECT_EQ(outcome_of(second), here().has(many_receivers) ? "ok" : "address_in_use");
  other->close();
}

TEST_P(names, a_sender_does_not_wait_for_the_owners_code_to_run) {
  rx.emplace(url(), how());
  tx.emplace(rx->url(), how());  // in the same thread: nobody is in recv()
  EXPECT_EQ(outcome_of(tx->try_send(message_of({.size = 64}))), "ok");
  tx.reset();
  expect_received(1);
}

TEST_P(dead_owners, leave_a_name_that_the_next_one_gets) {
  for (int round = 0; round < 2; ++round) {
    books = ledger();
    other.emplace(as());
    const auto first = other->open_receiver(url(), here().loses());
    ASSERT_EQ(first.outcome, "ok") << first.complaint;
    other->kill();
    rx.emplace(first.complaint, how());
    other.emplace(as());
    ASSERT_EQ(other->open_sender(first.complaint, here().loses()).outcome, "ok");
    EXPECT_RUN(other->send({.count = 3}), 3, "ok");
    expect_received(3);
    other->close();
    rx.reset();
  }
}

TEST_P(dead_names, have_no_peer) {
  other.emplace(as());
  const auto opened = other->open_receiver(url(), here().loses());
  ASSERT_EQ(opened.outcome, "ok") << opened.complaint;
  other->kill();
  const std::string keys = opened.complaint.find('?') == std::string::npos ? "?" : "&";
  EXPECT_EQ(outcome_of(sender<std::string>::open(opened.complaint + keys + "connect_timeout=30ms")), "no_peer");
  receiver<std::string>::open(opened.complaint, how()).or_throw().close();
}

TEST_P(dead_names, lose_nothing_of_a_sender_that_waited_for_the_next_owner) {
  std::string at = url();
  for (int round = 0; round < 5; ++round) {
    peer first(as()), waiting(as());
    const auto opened = first.open_receiver(at, here().loses());
    ASSERT_EQ(opened.outcome, "ok") << opened.complaint;
    at = opened.complaint;
    first.kill();
    order early{.what = verb::open_sender};
    (at + (at.find('?') == std::string::npos ? "?" : "&") + "connect_timeout=20s")
        .copy(early.url, sizeof early.url - 1);
    waiting.begin(early).begin({.what = verb::send, .run = {.count = 5}});
    books = ledger();
    rx.emplace(at);
    expect_received(5);
    EXPECT_RUN(waiting.finish(), 0, "ok");
    EXPECT_RUN(waiting.finish(), 5, "ok");
    waiting.close();
    rx.reset();
  }
}

TEST_P(dead_owners, another_user_is_refused_by_the_living_ones) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become another user";
  rx.emplace(url(), how());
  other.emplace(as());
  ASSERT_EQ(other->tell(verb::become_nobody).outcome, "ok");
  const std::string keys = rx->url().find('?') == std::string::npos ? "?" : "&";
  const auto sending = other->open_sender(rx->url() + keys + "connect_timeout=100ms", here().loses());
  EXPECT_EQ(sending.outcome, here().refuses_users ? "permission_denied" : "ok") << sending.complaint;
  const auto owning = other->open_receiver(rx->url(), here().loses());
  EXPECT_TRUE(owning.outcome == "permission_denied" || owning.outcome == "address_in_use")
      << owning.outcome << ": " << owning.complaint;
  other->close();
  other.reset();
  tx.emplace(rx->url(), how());
  EXPECT_EQ(outcome_of(tx->send(message_of({.size = 64}))), "ok") << "ours goes on";
}

INSTANTIATE_TEST_SUITE_P(on, names, ::testing::ValuesIn(where(named_row)), named_circumstance);
INSTANTIATE_TEST_SUITE_P(on, owned_names, ::testing::ValuesIn(where(owned_row)), named_circumstance);
INSTANTIATE_TEST_SUITE_P(on, known_names, ::testing::ValuesIn(where(known_before_row)), named_circumstance);
INSTANTIATE_TEST_SUITE_P(on, dead_names, ::testing::ValuesIn(where(tells_the_dead_row, with::processes)),
                         named_circumstance);
INSTANTIATE_TEST_SUITE_P(on, dead_owners, ::testing::ValuesIn(where(recorded_row, with::processes)),
                         named_circumstance);
