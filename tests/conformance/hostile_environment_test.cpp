// tests/conformance/hostile_environment_test.cpp - signals by the thousand, no descriptor left, a peer that is stopped,
// a child of fork(): calls keep their promises or say why not.
#include <signal.h>
#include <sys/wait.h>

#include <atomic>
#include <cstring>
#include <fstream>

#include "tests/conformance/suite.hpp"

using namespace transom;
using namespace transom::conformance;

namespace {

class signals : public suite {};
class descriptor_famine : public suite {};
class door_famine : public suite {};
class stopped_peer : public suite {};
class after_fork : public suite {};

bool every_row(const row&) { return true; }
bool reliable_row(const row& r) { return !r.loses(); }
bool named_between_processes(const row& r) { return r.named() && !r.one_process; }
bool has_a_door(const row& r) {
  const std::string_view url = r.url;
  return r.named() && (url.starts_with("unix:") || url.starts_with("unix+stream:") || url.starts_with("tcp:"));
}
const auto named_circumstance = [](const auto& info) { return name_of(info.param); };

// Catches SIGUSR1 in the way that interrupts calls, from now on: the last ones may still be on their way.
void let_signals_interrupt() {
  struct sigaction action = {};
  action.sa_handler = [](int) {};
  ::sigaction(SIGUSR1, &action, nullptr);
}

}  // namespace

TEST_P(signals, by_the_thousand_are_not_seen) {
  let_signals_interrupt();
  receive_here();
  if (other->is_process()) {
    ASSERT_EQ(other->tell(verb::catch_signals).outcome, "ok");
  }
  const pthread_t receiving = ::pthread_self();
  std::int64_t sent = 0;
  std::jthread storm([&](std::stop_token stop) {
    while (!stop.stop_requested()) {
      ::pthread_kill(receiving, SIGUSR1);
      other->pester(SIGUSR1);
      ++sent;
      std::this_thread::yield();
    }
  });
  other->begin({.what = verb::send, .run = {.count = 300, .size = std::min<std::size_t>(here().largest(), 30'000)}});
  expect_received(300);
  EXPECT_EQ(outcome_of(rx->recv_for(20ms)), "timed_out") << "the deadline survives interruptions";
  storm.request_stop();
  storm.join();
  EXPECT_RUN(other->finish(), 300, "ok");
  EXPECT_GT(sent, 0);
}

TEST_P(descriptor_famine, is_an_error_with_a_name_and_leaves_what_is_open_alone) {
  receive_here();
  ASSERT_EQ(other->send({.count = 1}).outcome, "ok");
  expect_received(1);
  ASSERT_EQ(other->tell(verb::use_up_descriptors).outcome, "ok");
  EXPECT_RUN(other->send({.first = 1, .count = 2}), 2, "ok");
  expect_received(2);

  peer starving(as());
  ASSERT_EQ(starving.tell(verb::use_up_descriptors).outcome, "ok");
  const auto sending = starving.open_sender(rx->url(), here().loses());
  EXPECT_EQ(sending.outcome, "too_many_files_open") << sending.complaint;
  std::string another = url();
  if (const auto at = another.find("object"); at != std::string::npos) another.replace(at, 6, "other");
  const bool needs_none = std::string_view(here().url).starts_with("sysv-mq:") && here().foreign;
  if (!needs_none && another != url()) {
    const auto owning = starving.open_receiver(another, here().loses());
    EXPECT_EQ(owning.outcome, "too_many_files_open") << owning.complaint;
  }
  ASSERT_EQ(starving.tell(verb::free_descriptors).outcome, "ok");
  const auto fed = starving.open_sender(rx->url(), here().loses());
  EXPECT_EQ(fed.outcome, "ok") << fed.complaint;
  EXPECT_RUN(starving.send({.sender = 1, .count = 2}), 2, "ok");
  expect_received(2);
}

TEST_P(door_famine, is_reported_and_reception_goes_on) {
  other.emplace(as());
  const auto opened = other->open_receiver(url());
  ASSERT_EQ(opened.outcome, "ok") << opened.complaint;
  ASSERT_EQ(other->tell(verb::use_up_descriptors).outcome, "ok");
  tx.emplace(opened.complaint);
  EXPECT_EQ(outcome_of(tx->send_for(message_of({.size = 64}), soon)), "ok");
  const auto starved = other->recv(1, here().stream);
  EXPECT_EQ(starved.outcome, "too_many_files_open") << starved.complaint;
  ASSERT_EQ(other->tell(verb::free_descriptors).outcome, "ok");
  EXPECT_RUN(other->recv(1, here().stream), 1, "ok");
  other->close();
}

TEST_P(stopped_peer, is_alive_and_cannot_hold_up_a_deadline) {
  send_here();
  EXPECT_RUN(send_all_of(*tx, {.count = 1, .size = 2000}), 1, "ok");
  EXPECT_RUN(other->recv(1, here().stream), 1, "ok");
  other->signal(SIGSTOP);
  const std::uint64_t accepted = fill_up(1, 2000);
  const std::string next = message_of({.sequence = 1 + accepted, .size = 2000});
  EXPECT_EQ(outcome_of(tx->send_for(next, 250ms)), "timed_out") << "stopped is not dead";
  other->signal(SIGCONT);
  other->begin(
      {.what = verb::recv, .is_stream = here().stream, .run = {.count = static_cast<std::int64_t>(accepted) + 1}});
  EXPECT_EQ(outcome_of(tx->send_for(next, soon)), "ok");
  EXPECT_RUN(other->finish(), accepted + 1, "ok");
}

TEST_P(after_fork, the_childs_copy_is_refused_and_harms_nothing) {
  receive_here();
  if (here().meets == meeting::named) tx.emplace(rx->url(), how());
  const bool refused = os::testing::in_child([&] {
    const bool rx_says = outcome_of(rx->recv_for(0s)) == "forked";
    const bool tx_says = !tx || outcome_of(tx->try_send("x")) == "forked";
    rx.reset();
    tx.reset();
    return rx_says && tx_says;
  });
  EXPECT_TRUE(refused);
  tx.reset();
  EXPECT_RUN(other->send({.count = 2}), 2, "ok");
  expect_received(2);
}

INSTANTIATE_TEST_SUITE_P(on, signals, ::testing::ValuesIn(where(reliable_row)), named_circumstance);
INSTANTIATE_TEST_SUITE_P(on, descriptor_famine, ::testing::ValuesIn(where(named_between_processes, with::processes)),
                         named_circumstance);
INSTANTIATE_TEST_SUITE_P(on, door_famine, ::testing::ValuesIn(where(has_a_door, with::processes)), named_circumstance);
INSTANTIATE_TEST_SUITE_P(on, stopped_peer, ::testing::ValuesIn(where(reliable_row, with::processes)),
                         named_circumstance);
INSTANTIATE_TEST_SUITE_P(on, after_fork, ::testing::ValuesIn(where(every_row, with::processes)), named_circumstance);
