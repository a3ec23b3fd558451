// tests/conformance/lifetimes_test.cpp - channels that go on after an end: kept by nobody, kept open by the receiver,
// found again by the sender. And that who cannot do it says so.
#include "tests/conformance/suite.hpp"
#include "transom/channel/channel_pair.hpp"
#include "transom/os/posix_queue.hpp"
#include "transom/os/sysv_queue.hpp"

using namespace transom;
using namespace transom::conformance;

namespace {

class kept_channels : public suite {
 protected:
  // Ends what nobody ends by himself: a receiver without keep owns lanes for good, a queue that was found it leaves.
  void end_it() {
    rx.reset();
    tx.reset();
    other.reset();
    receiver<std::string>::open(url()).or_throw().close();
    os::posix_queue::unlink("/" + free_name()).ignore();
    if (auto queue = os::sysv_queue::open(key_file(), 1)) queue->remove().ignore();
  }
};
class kept_channels_of_the_dead : public kept_channels {};
class fleeting_channels : public suite {};
class open_receivers : public suite {};
class open_receivers_of_the_dead : public suite {};
class reconnecting_senders : public suite {
 protected:
  void own(const std::string& at) {
    other.emplace(as());
    const auto opened = other->open_receiver(at);
    ASSERT_EQ(opened.outcome, "ok") << opened.complaint;
    at_ = opened.complaint;
  }
  void attach() {
    tx.emplace(at_ + (at_.find('?') == std::string::npos ? "?" : "&") + "reconnect=true&connect_timeout=20s", how());
  }
  // From one owner to the next one, `told` in between.
  void find_the_next(const char* told) {
    const auto last = send_all_of(*tx, {.first = 3, .count = -1, .size = 1000});
    EXPECT_EQ(last.outcome, told) << last.complaint;
    own(at_);
    EXPECT_RUN(send_all_of(*tx, {.sender = 1, .count = 3}), 3, "ok");
    EXPECT_RUN(other->recv(3, here().stream), 3, "ok");
  }
  std::string at_;
};
class reconnecting_senders_of_the_dead : public reconnecting_senders {};

bool keeps_row(const row& r) { return r.keeps; }
bool keeps_nothing_row(const row& r) { return !r.keeps && r.meets != meeting::descriptor; }
bool named_row(const row& r) { return r.named(); }
bool sees_close_row(const row& r) { return r.named() && std::string_view(r.sees.receiver_closes) != "never"; }
bool sees_death_row(const row& r) { return r.named() && std::string_view(r.sees.receiver_dies) != "never"; }
const auto named_circumstance = [](const auto& info) { return name_of(info.param); };

}  // namespace

TEST_P(kept_channels, say_so_and_hand_what_was_not_received_to_the_next_receiver) {
  receive_here("keep=true");
  EXPECT_TRUE(rx->features().contains(outlives_processes)) << rx->features().names();
  EXPECT_RUN(other->send({.count = 3}), 3, "ok");
  expect_received(1);
  rx.reset();
  EXPECT_RUN(other->send({.first = 3, .count = 2}), 2, "ok");  // a sender is not told
  other->close();
  rx.emplace(url("keep=true"), how());
  expect_received(4);
  end_it();
}

TEST_P(kept_channels, take_messages_before_there_is_any_receiver) {
  other.emplace(as());
  const auto opened = other->open_sender(url("keep=true"));
  ASSERT_EQ(opened.outcome, "ok") << opened.complaint;
  EXPECT_RUN(other->send({.count = 3}), 3, "ok");
  other->close();
  rx.emplace(url("keep=true"), how());
  expect_received(3);
  end_it();
}

TEST_P(kept_channels_of_the_dead, lose_nothing_of_what_a_dead_receiver_did_not_take) {
  other.emplace(as());
  const auto opened = other->open_receiver(url("keep=true"));
  ASSERT_EQ(opened.outcome, "ok") << opened.complaint;
  tx.emplace(url("keep=true"), how());
  EXPECT_RUN(send_all_of(*tx, {.count = 3}), 3, "ok");
  EXPECT_RUN(other->recv(1, here().stream), 1, "ok");
  other->kill();
  EXPECT_RUN(send_all_of(*tx, {.first = 3, .count = 2}), 2, "ok");  // a sender is not told
  rx.emplace(url("keep=true"), how());
  EXPECT_EQ(outcome_of(rx->recv_for(soon)), "ok");
  books = ledger(true);
  const auto rest = recv_some(*rx, books, here().stream, 3);
  EXPECT_RUN(rest, 3, "ok");
  EXPECT_EQ(books.next_of(0), 5u);
  end_it();
}

TEST_P(fleeting_channels, refuse_to_be_kept) {
  if (here().named()) {
    EXPECT_EQ(outcome_of(receiver<std::string>::open(url("keep=true"), how())), "unsupported");
    EXPECT_EQ(outcome_of(sender<std::string>::open(url("keep=true&connect_timeout=0ms"), how())), "unsupported");
  } else {
    EXPECT_EQ(outcome_of(channel<std::string>::open(url("keep=true"))), "unsupported");
  }
}

TEST_P(open_receivers, see_senders_come_and_go_unreported) {
  receive_here("keep_open=true");
  for (unsigned visitor = 0; visitor < 3; ++visitor) {
    if (visitor != 0) other.emplace(further_sender());
    EXPECT_RUN(other->send({.sender = visitor, .count = 2}), 2, "ok");
    other->close();
    expect_received(2);
    EXPECT_EQ(outcome_of(rx->try_recv()), "would_block");
    EXPECT_EQ(outcome_of(rx->recv_for(20ms)), "timed_out");
  }
  rx->close();
  EXPECT_EQ(outcome_of(rx->try_recv()), "closed");
}

TEST_P(open_receivers_of_the_dead, hear_of_no_death) {
  receive_here("keep_open=true");
  for (unsigned visitor = 0; visitor < 2; ++visitor) {
    if (visitor != 0) other.emplace(further_sender());
    EXPECT_RUN(other->send({.sender = visitor, .count = 2}), 2, "ok");
    other->kill();
    expect_received(2);
    EXPECT_EQ(outcome_of(rx->recv_for(120ms)), "timed_out");
  }
}

TEST_P(reconnecting_senders, are_told_of_a_close_once_and_find_the_next_owner) {
  own(url());
  attach();
  EXPECT_RUN(send_all_of(*tx, {.count = 3}), 3, "ok");
  EXPECT_RUN(other->recv(3, here().stream), 3, "ok");
  other->close();
  find_the_next(here().sees.receiver_closes);
  other->close();
}

TEST_P(reconnecting_senders, wait_for_an_owner_no_longer_than_they_were_told) {
  own(url());
  attach();
  other->close();
  EXPECT_EQ(send_all_of(*tx, {.count = -1, .size = 1000}).outcome, here().sees.receiver_closes);
  const auto nobody = tx->send_for(message_of({.size = 64}), 30ms);
  EXPECT_EQ(outcome_of(nobody), "no_peer");
  std::jthread impatient([&] { tx->close(); });
  EXPECT_EQ(outcome_of(tx->send(message_of({.size = 64}))), "closed");
  impatient.join();
  EXPECT_EQ(outcome_of(tx->try_send("x")), "closed") << "one's own close is final";
}

TEST_P(reconnecting_senders_of_the_dead, are_told_of_a_death_once_and_find_the_next_owner) {
  own(url());
  attach();
  EXPECT_RUN(send_all_of(*tx, {.count = 3}), 3, "ok");
  EXPECT_RUN(other->recv(3, here().stream), 3, "ok");
  other->kill();
  find_the_next(here().sees.receiver_dies);
  other->close();
}

INSTANTIATE_TEST_SUITE_P(on, kept_channels, ::testing::ValuesIn(where(keeps_row)), named_circumstance);
INSTANTIATE_TEST_SUITE_P(on, kept_channels_of_the_dead, ::testing::ValuesIn(where(keeps_row, with::processes)),
                         named_circumstance);
INSTANTIATE_TEST_SUITE_P(on, fleeting_channels, ::testing::ValuesIn(where(keeps_nothing_row, with::threads)),
                         named_circumstance);
INSTANTIATE_TEST_SUITE_P(on, open_receivers, ::testing::ValuesIn(where(named_row)), named_circumstance);
INSTANTIATE_TEST_SUITE_P(on, open_receivers_of_the_dead, ::testing::ValuesIn(where(named_row, with::processes)),
                         named_circumstance);
INSTANTIATE_TEST_SUITE_P(on, reconnecting_senders, ::testing::ValuesIn(where(sees_close_row)), named_circumstance);
INSTANTIATE_TEST_SUITE_P(on, reconnecting_senders_of_the_dead,
                         ::testing::ValuesIn(where(sees_death_row, with::processes)), named_circumstance);
