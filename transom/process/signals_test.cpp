// transom/process/signals_test.cpp - signals, children and channels are waited for together, and a program that is told
// to stop leaves in good order.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <vector>

#include "transom/channel/channel_pair.hpp"
#include "transom/channel/select.hpp"
#include "transom/channel/wait_set.hpp"
#include "transom/os/signal.hpp"
#include "transom/os/signal_handler.hpp"
#include "transom/process/command.hpp"
#include "transom/process/stop_on_signals.hpp"
#include "transom/sync/event.hpp"

using namespace std::chrono_literals;
using transom::errc;
using transom::wait_set;
namespace os = transom::os;

namespace {

transom::child shell(const std::string& script) {
  return transom::command{"/bin/sh"}.arg("-c").arg(script).spawn().or_throw();
}

}  // namespace

// Oracle: every source is told by its own id and kind, with what it carries, whatever the order they come in.
TEST(signals, real_time_values_a_child_and_a_channel_in_one_wait_set) {
  os::signal_set numbers{SIGRTMIN + 10};
  auto [tx, rx] = transom::channel<int>();
  auto worker = shell("exit 7");
  wait_set ws;
  const auto signals = ws.add(numbers).or_throw();
  const auto exits = ws.add(worker).or_throw();
  const auto messages = ws.add(rx).or_throw();
  for (const int value : {1, 2, 3}) os::sigqueue(::getpid(), SIGRTMIN + 10, value).or_throw();
  tx.send(42).or_throw();

  std::vector<int> values;
  int received = 0, ended = 0;
  while (values.size() < 3 || received == 0 || ended == 0) {
    for (const auto& event : ws.wait_for(10s).or_throw()) {
      if (event == wait_set::event{signals, wait_set::signal}) {
        values.push_back(numbers.try_wait().or_throw().value);
      } else if (event == wait_set::event{exits, wait_set::child_exit}) {
        ended += 1;
        EXPECT_EQ(worker.try_wait().or_throw(), (transom::exit_status{.code = 7}));
      } else if (event == wait_set::event{messages, wait_set::readable}) {
        received += rx.try_recv().or_throw();
      }
    }
  }
  EXPECT_EQ(values, (std::vector{1, 2, 3}));
  EXPECT_EQ(received, 42);
  EXPECT_EQ(ended, 1) << "an exit is told once";
  EXPECT_TRUE(ws.try_wait().failed_with(errc::would_block));
}

TEST(signals, a_merged_signal_is_one_event_and_children_are_told_each) {
  os::signal_set merged{SIGUSR1};
  auto one = shell("kill -USR1 $PPID; kill -USR1 $PPID"), two = shell("exit 1");
  wait_set ws;
  ws.add(one).or_throw();
  ws.add(two).or_throw();
  int exits = 0;
  while (exits < 2) {
    for (const auto& event : ws.wait_for(10s).or_throw()) exits += event.kind == wait_set::child_exit ? 1 : 0;
  }
  ws.add(merged).or_throw();
  EXPECT_EQ(ws.wait_for(10s).or_throw().front().kind, wait_set::signal);
  EXPECT_EQ(merged.try_wait().or_throw().signo, SIGUSR1);
  EXPECT_TRUE(merged.try_wait().failed_with(errc::would_block)) << "two were sent before one was read";
}

TEST(signals, select_takes_a_signal_a_child_and_a_channel) {
  os::signal_set numbers{SIGRTMIN + 11};
  auto [tx, rx] = transom::channel<int>();
  auto worker = shell("exit 3");
  os::sigqueue(::getpid(), SIGRTMIN + 11, 5).or_throw();
  tx.send(6).or_throw();
  int value = 0, message = 0, code = 0;
  while (value == 0 || message == 0 || code == 0) {
    if (code == 0) {
      transom::select(on(rx, [&](int m) { message = m; }),
                      transom::on_signal(numbers, [&](os::signal_info s) { value = s.value; }),
                      on_exit(worker, [&](transom::exit_status s) { code = s.code; }))
          .or_throw();
    } else {
      transom::select(on(rx, [&](int m) { message = m; }),
                      transom::on_signal(numbers, [&](os::signal_info s) { value = s.value; }))
          .or_throw();
    }
  }
  EXPECT_EQ(value, 5);
  EXPECT_EQ(message, 6);
  EXPECT_EQ(code, 3);
}

// Oracle: the waiter would sleep for an hour; the only one who could wake it is the handler.
TEST(signals, a_handler_notifies_an_event) {
  transom::sync::event told;
  auto handler = os::signal_handler::bump(SIGUSR1, told).or_throw();
  auto sender = shell("kill -USR1 $PPID");
  EXPECT_EQ(told.wait_for(0, 1h).or_throw(), 1u);
  EXPECT_EQ(handler.times(), 1u);
  EXPECT_TRUE(sender.wait().or_throw().success());
}

TEST(signals, a_child_that_is_killed_is_told_with_its_signal) {
  auto worker = shell("kill -KILL $$");
  wait_set ws;
  ws.add(worker).or_throw();
  EXPECT_EQ(ws.wait_for(10s).or_throw().front().kind, wait_set::child_exit);
  EXPECT_EQ(worker.try_wait().or_throw(), (transom::exit_status{.signal = SIGKILL}));
  EXPECT_TRUE(worker.kill(SIGTERM).failed_with(errc::no_peer));
}

TEST(signals, a_receiver_that_waits_is_ended_by_a_signal_in_good_order) {
  auto [tx, rx] = transom::channel<int>();
  transom::stop_on_signals stop{SIGUSR2};
  ASSERT_EQ(::kill(::getpid(), SIGUSR2), 0);
  EXPECT_TRUE(rx.recv(stop.token()).failed_with(errc::canceled));
  EXPECT_EQ(stop.signal(), SIGUSR2);
  tx.send(1).or_throw();
  tx.close();
  EXPECT_EQ(rx.recv().or_throw(), 1) << "a stop takes nothing";
  EXPECT_TRUE(rx.recv().failed_with(errc::closed));
}
