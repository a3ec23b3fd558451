// transom/channel/select_test.cpp - one ready case runs, ends are told once, and nothing spins.
#include "transom/channel/select.hpp"

#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "transom/channel/fake_ends.hpp"
#include "transom/os/pipe.hpp"
#include "transom/os/signal.hpp"

using namespace std::chrono_literals;
using transom::errc;
using transom::on;
using transom::receiver;
using transom::result;
using transom::sender;
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

}  // namespace

TEST(select, runs_the_case_that_is_ready_and_returns_its_index) {
  auto numbers = join<int>();
  auto words = join<std::string>();
  std::string heard;
  words.tx.send("hello").or_throw();
  auto turn = transom::select(on(numbers.rx, [&](int) { FAIL(); }), on(words.rx, [&](std::string w) { heard = w; }));
  EXPECT_EQ(turn.or_throw(), 1u);
  EXPECT_EQ(heard, "hello");
}

TEST(select, sleeps_until_something_comes) {
  auto [post, tx, rx] = join<int>();
  std::jthread speaker([&tx] { tx.send(5).or_throw(); });
  int got = 0;
  EXPECT_EQ(transom::select(on(rx, [&](int i) { got = i; })).or_throw(), 0u);
  EXPECT_EQ(got, 5);
}

TEST(select, a_timer_runs_when_nothing_else_does) {
  auto [post, tx, rx] = join<int>();
  int silences = 0;
  const auto silent = [&] { ++silences; };
  EXPECT_EQ(transom::select(on(rx, [](int) {}), transom::after(1ms, silent)).or_throw(), 1u);
  EXPECT_EQ(transom::select(on(rx, [](int) {}), transom::at(std::chrono::system_clock::now(), silent)).or_throw(), 1u);
  EXPECT_EQ(transom::select(transom::after(0s, silent)).or_throw(), 0u);
  EXPECT_EQ(silences, 3);
}

// Oracle: with 200 draws, never taking one of two ready cases has probability 2^-199.
TEST(select, chooses_among_ready_ones_at_random_and_biased_the_first) {
  auto a = join<int>({.capacity = 1000}), b = join<int>({.capacity = 1000});
  for (int i = 0; i < 300; ++i) {
    a.tx.send(i).or_throw();
    b.tx.send(i).or_throw();
  }
  std::set<std::size_t> taken;
  for (int i = 0; i < 200; ++i) taken.insert(transom::select(on(a.rx, [](int) {}), on(b.rx, [](int) {})).or_throw());
  EXPECT_EQ(taken, (std::set<std::size_t>{0, 1}));
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(transom::select_biased(on(a.rx, [](int) {}), on(b.rx, [](int) {})).or_throw(), 0u);
  }
}

TEST(select, try_select_does_not_wait) {
  auto [post, tx, rx] = join<int>();
  EXPECT_TRUE(transom::try_select(on(rx, [](int) {}), transom::after(1h, [] {})).failed_with(errc::would_block));
  tx.send(1).or_throw();
  EXPECT_EQ(transom::try_select(on(rx, [](int) {})).or_throw(), 0u);
}

TEST(select, an_end_is_told_once_to_who_takes_a_result_and_then_everything_is_closed) {
  auto a = join<int>(), b = join<int>();
  int sum = 0, ends = 0;
  const auto step = [&] {
    return transom::select(on(a.rx, [&](int i) { sum += i; }),
                           on(b.rx,
                              [&](result<int> i) {
                                if (i) sum += *i;
                                else ends += i.failed_with(errc::closed);
                              }),
                           transom::after(1h, [] { FAIL(); }), transom::on_stop({}, [] { FAIL(); }));
  };
  a.tx.send(1).or_throw();
  b.tx.send(2).or_throw();
  a.tx.close();
  b.tx.close();
  auto turn = step();
  int turns = 0;
  for (; turn; ++turns) turn = step();
  EXPECT_TRUE(turn.failed_with(errc::closed));
  EXPECT_EQ(turns, 3);
  EXPECT_EQ(sum, 3);
  EXPECT_EQ(ends, 1);
  EXPECT_TRUE(step().failed_with(errc::closed));
}

TEST(select, descriptors_outlive_the_channels_of_a_call) {
  auto [post, tx, rx] = join<int>();
  auto p = os::pipe::make().or_throw();
  tx.close();
  p.writer.write_all(std::vector<std::byte>(1)).or_throw();
  const auto step = [&] { return transom::select(on(rx, [](int) {}), transom::on_readable(p.reader.fd(), [] {})); };
  EXPECT_EQ(step().or_throw(), 1u);
  EXPECT_EQ(step().or_throw(), 1u);
  EXPECT_EQ(transom::select(transom::on_writable(p.writer.fd(), [] {})).or_throw(), 0u);
}

TEST(select, a_death_is_the_result_unless_the_handler_takes_it) {
  auto [post, tx, rx] = join<int>();
  post->kill_sender(4711);
  auto died = transom::select(on(rx, [](int) { FAIL(); }));
  ASSERT_TRUE(died.failed_with(errc::peer_died));
  EXPECT_EQ(died.error().peer_pid(), 4711);
  EXPECT_TRUE(transom::select(on(rx, [](int) { FAIL(); })).failed_with(errc::closed));

  auto other = join<int>();
  other.post->kill_sender(4712);
  int told = 0;
  EXPECT_EQ(transom::select(on(other.rx, [&](result<int> r) { told = r.error().peer_pid(); })).or_throw(), 0u);
  EXPECT_EQ(told, 4712);
}

TEST(select, sends_when_there_is_room) {
  auto [post, tx, rx] = join<int>({.capacity = 1});
  int sent = 0;
  EXPECT_EQ(transom::select(transom::on_send(tx, 7, [&] { ++sent; })).or_throw(), 0u);
  EXPECT_TRUE(transom::try_select(transom::on_send(tx, 8, [&] { ++sent; })).failed_with(errc::would_block));
  std::jthread reader([&rx] { EXPECT_EQ(rx.recv().or_throw(), 7); });
  const int eight = 8;
  EXPECT_EQ(transom::select(transom::on_send(tx, eight, [&] { ++sent; })).or_throw(), 0u);
  EXPECT_EQ(sent, 2);
  reader.join();
  rx.close();
  EXPECT_EQ(transom::select(transom::on_send(tx, 9, [&](result<void> r) { EXPECT_TRUE(r.failed_with(errc::closed)); }))
                .or_throw(),
            0u);
  EXPECT_TRUE(transom::select(transom::on_send(tx, 9, [] {})).failed_with(errc::closed));
}

TEST(select, a_stop_that_was_requested_comes_before_any_message) {
  auto [post, tx, rx] = join<int>({.capacity = 100});
  for (int i = 0; i < 50; ++i) tx.send(i).or_throw();
  std::stop_source source;
  source.request_stop();
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(transom::select(on(rx, [](int) {}), transom::on_stop(source.get_token(), [] {})).or_throw(), 1u);
  }
}

TEST(select, a_stop_ends_the_sleep) {
  auto [post, tx, rx] = join<int>();
  std::stop_source source;
  std::jthread stopper([&] { source.request_stop(); });
  EXPECT_EQ(transom::select(on(rx, [](int) {}), transom::on_stop(source.get_token(), [] {})).or_throw(), 1u);
}

TEST(select, signals_and_whatever_has_a_descriptor_and_try_wait) {
  os::signal_set set{SIGRTMIN + 3};
  ASSERT_EQ(::pthread_kill(::pthread_self(), SIGRTMIN + 3), 0);
  int signo = 0;
  EXPECT_EQ(transom::select(transom::on_signal(set, [&](os::signal_info s) { signo = s.signo; })).or_throw(), 0u);
  EXPECT_EQ(signo, SIGRTMIN + 3);

  struct {
    os::waker alarm = os::waker::make().or_throw();
    int fd() const { return alarm.fd(); }
    result<int> try_wait() const { return 7; }
  } child;
  int status = 0;
  EXPECT_EQ(transom::select(transom::on_exit(child, [&](int s) { status = s; })).or_throw(), 0u);
  EXPECT_EQ(status, 7);
}

TEST(select, exceptions_of_a_handler_pass_through) {
  auto [post, tx, rx] = join<int>();
  tx.send(1).or_throw();
  EXPECT_THROW(transom::select(on(rx, [](int) { throw std::runtime_error("mine"); })).ignore(), std::runtime_error);
}

TEST(select, a_handler_may_select_again) {
  auto a = join<int>(), b = join<int>();
  a.tx.send(1).or_throw();
  b.tx.send(2).or_throw();
  int inner = 0;
  EXPECT_EQ(transom::select(on(a.rx, [&](int) { transom::select(on(b.rx, [&](int i) { inner = i; })).or_throw(); }))
                .or_throw(),
            0u);
  EXPECT_EQ(inner, 2);
}

TEST(select, a_generic_handler_gets_the_value) {
  auto [post, tx, rx] = join<int>();
  tx.send(3).or_throw();
  int sum = 0;
  transom::select(on(rx, [&](auto i) { sum += i; })).or_throw();
  EXPECT_EQ(sum, 3);
}

TEST(select, an_end_without_descriptor_is_looked_at_and_starts_no_thread) {
  auto [post, tx, rx] = join<int>({.emulated = true});
  std::jthread speaker([&tx] { tx.send(5).or_throw(); });
  int got = 0;
  transom::select(on(rx, [&](int i) { got = i; })).or_throw();
  EXPECT_EQ(got, 5);
  EXPECT_EQ(post->ready_fds, 0);
}
