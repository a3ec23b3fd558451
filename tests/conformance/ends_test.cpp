// tests/conformance/ends_test.cpp - how channels end: in good order, by death, in the middle of a call; and that the
// survivor is told what the matrix says, after everything that was accepted, once.
#include "tests/conformance/suite.hpp"

using namespace transom;
using namespace transom::conformance;

namespace {

class orderly_end : public suite {};
class sender_death : public suite {};
class interrupted_senders : public suite {};
class receiver_death : public suite {};
class many_deaths : public suite {};

bool is(const char* what, const char* said) { return std::string_view(what) == said; }
bool sees_close_row(const row& r) { return !is(r.sees.sender_closes, "never"); }
bool sees_sender_death_row(const row& r) { return !is(r.sees.sender_dies, "never"); }
bool sees_receiver_death_row(const row& r) { return !is(r.sees.receiver_dies, "never"); }
// A last line without its end is delivered as it is, so nobody can tell whether it is torn.
bool tells_torn_messages_row(const row& r) {
  return sees_sender_death_row(r) && std::string_view(r.url).find("framing=line") == std::string_view::npos;
}
bool counts_deaths_row(const row& r) { return r.named() && r.has(sees_death | many_senders); }
const auto named_circumstance = [](const auto& info) { return name_of(info.param); };

// A name whose owner was killed: the next owner replaces what is left, and then nothing is.
void bury(const std::string& url) { receiver<std::string>::open(url).or_throw().close(); }

}  // namespace

TEST_P(orderly_end, what_was_sent_is_received_and_then_it_is_closed_for_good) {
  receive_here();
  EXPECT_RUN(other->send({.count = 5}), 5, "ok");
  other->close();
  expect_received(5);
  EXPECT_EQ(outcome_of(rx->try_recv()), "closed") << "an ended channel is never called empty";
  EXPECT_EQ(outcome_of(rx->recv_for(soon)), "closed");
  EXPECT_EQ(outcome_of(rx->recv()), "closed");
}

TEST_P(orderly_end, a_receiver_asleep_is_told) {
  receive_here();
  std::jthread closer([&] { other->close(); });
  EXPECT_EQ(outcome_of(rx->recv()), "closed");
}

TEST_P(orderly_end, a_full_channel_still_ends_in_good_order) {
  receive_here();
  const auto tried = other->begin({.what = verb::try_send, .run = {.count = -1, .size = 3000}}).finish();
  EXPECT_EQ(tried.outcome, "would_block") << tried.complaint;
  other->begin({.what = verb::close});
  expect_received(tried.count);
  EXPECT_EQ(outcome_of(rx->recv()), "closed");
  other->finish();
}

TEST_P(orderly_end, a_sender_is_told_that_its_receiver_closed) {
  send_here();
  EXPECT_RUN(send_all_of(*tx, {.count = 3}), 3, "ok");
  EXPECT_RUN(other->recv(3, here().stream), 3, "ok");
  other->close();
  const auto told = send_all_of(*tx, {.first = 3, .count = -1, .size = 1000});
  EXPECT_EQ(told.outcome, here().sees.receiver_closes) << told.complaint;
  EXPECT_EQ(outcome_of(tx->try_send("x")), "closed") << "closed is final";
  EXPECT_EQ(outcome_of(tx->send("x")), "closed");
}

TEST_P(orderly_end, a_sender_asleep_is_told) {
  send_here();
  try_send_all_of(*tx, {.count = -1, .size = 3000});
  std::jthread closer([&] { other->close(); });
  EXPECT_EQ(send_all_of(*tx, {.count = -1, .size = 3000}).outcome, here().sees.receiver_closes);
}

TEST_P(orderly_end, ones_own_close_ends_ones_own_call) {
  receive_here();
  std::jthread closer([&] { rx->close(); });
  EXPECT_EQ(outcome_of(rx->recv()), "closed");
  closer.join();
  EXPECT_EQ(outcome_of(rx->try_recv()), "closed");
  rx->close();
}

TEST_P(sender_death, what_it_sent_is_received_before_its_death) {
  receive_here();
  EXPECT_RUN(other->send({.count = 5}), 5, "ok");
  other->kill();
  expect_received(5);
  EXPECT_EQ(outcome_of(rx->recv_for(soon)), here().sees.sender_dies);
  EXPECT_EQ(outcome_of(rx->recv_for(soon)), "closed") << "told once";
  EXPECT_EQ(outcome_of(rx->try_recv()), "closed");
}

TEST_P(sender_death, a_receiver_asleep_is_told) {
  receive_here();
  std::jthread killer([&] { other->kill(); });
  EXPECT_EQ(outcome_of(rx->recv()), here().sees.sender_dies);
  killer.join();
}

TEST_P(interrupted_senders, tear_nothing) {
  receive_here();
  other->begin(endless_send(0, here().largest()));
  expect_received(20);
  other->kill();
  const auto rest = receive(-1);
  const bool was_cut = here().foreign && rest.outcome == "peer_died";  // in a frame: more than the end of a stream
  EXPECT_TRUE(rest.outcome == here().sees.sender_dies || was_cut) << rest.outcome << ": " << rest.complaint;
}

TEST_P(receiver_death, the_next_send_says_so) {
  send_here();
  EXPECT_RUN(send_all_of(*tx, {.count = 3}), 3, "ok");
  EXPECT_RUN(other->recv(3, here().stream), 3, "ok");
  other->kill();
  const auto told = send_all_of(*tx, {.first = 3, .count = -1, .size = 1000});
  EXPECT_EQ(told.outcome, here().sees.receiver_dies) << told.complaint;
  const std::string gone = tx->url();
  tx.reset();
  if (here().named()) bury(gone);
}

TEST_P(receiver_death, a_sender_asleep_is_told) {
  send_here();
  try_send_all_of(*tx, {.count = -1, .size = 3000});
  std::jthread killer([&] { other->kill(); });
  EXPECT_EQ(send_all_of(*tx, {.count = -1, .size = 3000}).outcome, here().sees.receiver_dies);
  killer.join();
  const std::string gone = tx->url();
  tx.reset();
  if (here().named()) bury(gone);
}

TEST_P(many_deaths, each_is_reported_once_after_its_last_message_and_reception_goes_on) {
  receive_here();
  peer second = further_sender(), third = further_sender();
  EXPECT_RUN(other->send({.sender = 0, .count = 3}), 3, "ok");
  EXPECT_RUN(second.send({.sender = 1, .count = 3}), 3, "ok");
  EXPECT_RUN(third.send({.sender = 2, .count = 3}), 3, "ok");
  other->kill();
  second.kill();
  int deaths = 0;
  for (int message = 0; message < 9;) {
    const auto got = rx->recv_for(soon);
    if (got) {
      ASSERT_TRUE(books.accept(*got)) << books.complaint();
      ++message;
    } else {
      ASSERT_EQ(outcome_of(got), "peer_died");
      ASSERT_LE(++deaths, 2);
    }
  }
  for (; deaths < 2; ++deaths) EXPECT_EQ(outcome_of(rx->recv_for(soon)), "peer_died");
  EXPECT_EQ(outcome_of(rx->try_recv()), "would_block") << "the third lives";
  EXPECT_RUN(third.send({.sender = 2, .first = 3, .count = 2}), 2, "ok");
  expect_received(2);
  third.close();
  EXPECT_EQ(outcome_of(rx->recv_for(soon)), "closed");
}

INSTANTIATE_TEST_SUITE_P(on, orderly_end, ::testing::ValuesIn(where(sees_close_row)), named_circumstance);
INSTANTIATE_TEST_SUITE_P(on, sender_death, ::testing::ValuesIn(where(sees_sender_death_row, with::processes)),
                         named_circumstance);
INSTANTIATE_TEST_SUITE_P(on, interrupted_senders, ::testing::ValuesIn(where(tells_torn_messages_row, with::processes)),
                         named_circumstance);
INSTANTIATE_TEST_SUITE_P(on, receiver_death, ::testing::ValuesIn(where(sees_receiver_death_row, with::processes)),
                         named_circumstance);
INSTANTIATE_TEST_SUITE_P(on, many_deaths, ::testing::ValuesIn(where(counts_deaths_row, with::processes)),
                         named_circumstance);
