// transom/channel/wait_set_test.cpp - a set tells what is ready, ends once, and forgets what is removed.
#include "transom/channel/wait_set.hpp"

#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "transom/channel/fake_ends.hpp"
#include "transom/os/pipe.hpp"

using namespace std::chrono_literals;
using transom::errc;
using transom::receiver;
using transom::result;
using transom::sender;
using transom::wait_set;
namespace fake = transom::fake;
namespace os = transom::os;

namespace {

template <typename T>
struct line {
  std::shared_ptr<fake::post> post;
  sender<T> tx;
  receiver<T> rx;
};
template <typename T>
line<T> join(fake::settings how = {}) {
  auto post = std::make_shared<fake::post>(how);
  return {post, transom::detail::end_access::wrap<T>(std::make_unique<fake::sending>(post)),
          transom::detail::end_access::wrap<T>(std::make_unique<fake::receiving>(post))};
}

// The one event of a wait that has one.
wait_set::event only(wait_set& ws) {
  auto events = ws.wait_for(10s).or_throw();
  EXPECT_EQ(events.size(), 1u);
  return events.front();
}

bool is_readable(int fd) {
  std::vector<os::poll_item> item{{fd, os::interest::readable, 0}};
  return os::poll(item, transom::deadline::passed()).or_throw() > 0;
}

}  // namespace

class wait_set_of_receivers : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(emulated, wait_set_of_receivers, testing::Bool());

TEST_P(wait_set_of_receivers, tells_readable_until_it_is_read_and_the_end_once) {
  auto [post, tx, rx] = join<int>({.emulated = GetParam()});
  wait_set ws;
  const auto id = ws.add(rx).or_throw();
  EXPECT_TRUE(ws.try_wait().failed_with(errc::would_block));
  EXPECT_TRUE(ws.wait_for(2ms).failed_with(errc::timed_out));
  tx.send(4).or_throw();
  EXPECT_EQ(only(ws), (wait_set::event{id, wait_set::kind::readable}));
  EXPECT_EQ(only(ws), (wait_set::event{id, wait_set::readable}));
  EXPECT_EQ(rx.try_recv().or_throw(), 4);
  tx.close();
  auto event = only(ws);
  if (GetParam()) {  // nobody can tell the end from a message without trying
    EXPECT_EQ(event.kind, wait_set::kind::readable);
    EXPECT_TRUE(rx.try_recv().failed_with(errc::closed));
    EXPECT_EQ(only(ws).kind, wait_set::kind::ended);
  } else {
    EXPECT_EQ(event, (wait_set::event{id, wait_set::kind::ended}));
  }
  EXPECT_TRUE(ws.wait().failed_with(errc::closed));
  if (GetParam()) {
    EXPECT_EQ(post->ready_fds, 0);
  }
}

TEST(wait_set, a_death_is_readable_and_told_by_the_receiver) {
  auto [post, tx, rx] = join<int>();
  wait_set ws;
  ws.add(rx).or_throw();
  post->kill_sender(4711);
  EXPECT_EQ(only(ws).kind, wait_set::kind::readable);
  EXPECT_EQ(only(ws).kind, wait_set::kind::readable);
  EXPECT_TRUE(rx.try_recv().failed_with(errc::peer_died));
  EXPECT_EQ(only(ws).kind, wait_set::kind::ended);
}

TEST(wait_set, a_message_comes_while_it_sleeps) {
  auto [post, tx, rx] = join<int>();
  wait_set ws;
  ws.add(rx).or_throw();
  std::jthread speaker([&tx] { tx.send(1).or_throw(); });
  EXPECT_EQ(ws.wait().or_throw().front().kind, wait_set::kind::readable);
}

TEST(wait_set, a_stop_ends_the_sleep_and_comes_first) {
  auto [post, tx, rx] = join<int>();
  wait_set ws;
  ws.add(rx).or_throw();
  std::stop_source source;
  {
    std::jthread stopper([&] { source.request_stop(); });
    EXPECT_TRUE(ws.wait(source.get_token()).failed_with(errc::canceled));
  }
  tx.send(1).or_throw();
  EXPECT_TRUE(ws.wait(source.get_token()).failed_with(errc::canceled));
  EXPECT_EQ(only(ws).kind, wait_set::kind::readable);
}

TEST(wait_set, descriptors_tell_what_was_asked_for) {
  auto p = os::pipe::make().or_throw();
  wait_set ws;
  const auto reader = ws.add_fd(p.reader.fd(), os::interest::readable).or_throw();
  EXPECT_FALSE(is_readable(ws.fd()));
  p.writer.write_all(std::vector<std::byte>(1)).or_throw();
  EXPECT_TRUE(is_readable(ws.fd()));
  EXPECT_EQ(only(ws), (wait_set::event{reader, wait_set::kind::readable}));
  ws.remove(reader).or_throw();
  const auto writer = ws.add_fd(p.writer.fd(), os::interest::writable).or_throw();
  EXPECT_EQ(only(ws), (wait_set::event{writer, wait_set::kind::writable}));
  EXPECT_NE(reader, writer);
  EXPECT_TRUE(ws.remove(reader).failed_with(std::errc::invalid_argument));
  EXPECT_TRUE(ws.add_fd(p.reader.fd(), 0x40).failed_with(std::errc::invalid_argument));
}

TEST(wait_set, timers_tick_once_or_again_and_do_not_keep_it_alive) {
  wait_set ws;
  const auto once = ws.add_timer(1ms).or_throw();
  EXPECT_EQ(only(ws), (wait_set::event{once, wait_set::kind::timer}));
  const auto again = ws.add_timer(0ms, 1ms).or_throw();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(only(ws), (wait_set::event{again, wait_set::kind::timer}));
  auto [post, tx, rx] = join<int>();
  const auto id = ws.add(rx).or_throw();
  tx.close();
  bool ended = false;
  auto events = ws.wait();
  for (; events; events = ws.wait()) {
    for (const auto& event : *events) ended = ended || event == wait_set::event{id, wait_set::kind::ended};
  }
  EXPECT_TRUE(events.failed_with(errc::closed));
  EXPECT_TRUE(ended);
}

TEST(wait_set, an_empty_set_has_nothing_to_wait_for) {
  wait_set ws;
  EXPECT_TRUE(ws.wait().failed_with(errc::closed));
}

TEST(wait_set, signals_and_children) {
  os::signal_set set{SIGRTMIN + 4};
  struct {
    os::waker alarm = os::waker::make().or_throw();
    int fd() const { return alarm.fd(); }
    result<int> try_wait() const { return 0; }
  } child;
  wait_set ws;
  const auto signals = ws.add(set).or_throw();
  const auto exits = ws.add(child).or_throw();
  ASSERT_EQ(::pthread_kill(::pthread_self(), SIGRTMIN + 4), 0);
  EXPECT_EQ(only(ws), (wait_set::event{signals, wait_set::kind::signal}));
  EXPECT_EQ(set.try_wait().or_throw().signo, SIGRTMIN + 4);
  child.alarm.ring();
  EXPECT_EQ(only(ws), (wait_set::event{exits, wait_set::kind::child_exit}));
  EXPECT_TRUE(ws.try_wait().failed_with(errc::would_block));
}
