// transom/process/stop_on_signals_test.cpp - a signal becomes a stop request, once, and nothing is left changed.
#include "transom/process/stop_on_signals.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>

#include "transom/os/testing.hpp"

using transom::stop_on_signals;
using transom::os::testing::forked;

namespace {

bool is_blocked(int signo) {
  sigset_t mask;
  ::pthread_sigmask(SIG_BLOCK, nullptr, &mask);
  return ::sigismember(&mask, signo) == 1;
}

void wait_for_stop(const std::stop_token& token) {
  std::mutex mutex;
  std::condition_variable_any changed;
  std::unique_lock lock(mutex);
  changed.wait(lock, token, [] { return false; });
}

}  // namespace

TEST(stop_on_signals, a_listed_signal_stops_and_is_named) {
  stop_on_signals stop{SIGUSR1, SIGTERM};
  const auto token = stop.token();
  EXPECT_FALSE(token.stop_requested());
  EXPECT_EQ(stop.signal(), 0);
  ASSERT_EQ(::kill(::getpid(), SIGUSR1), 0);
  wait_for_stop(token);
  EXPECT_EQ(stop.signal(), SIGUSR1);
}

TEST(stop_on_signals, later_signals_change_nothing_and_do_not_end_the_program) {
  EXPECT_EQ(forked([] {
              int first = 0;
              {
                stop_on_signals stop{SIGINT, SIGTERM};
                ::kill(::getpid(), SIGTERM);
                wait_for_stop(stop.token());
                ::kill(::getpid(), SIGINT);
                ::kill(::getpid(), SIGTERM);
                first = stop.signal();
              }
              return first == SIGTERM && !is_blocked(SIGTERM) ? 0 : 1;
            }).wait(),
            0);
}

TEST(stop_on_signals, the_mask_is_put_back_and_the_thread_is_gone) {
  ASSERT_FALSE(is_blocked(SIGUSR2));
  {
    stop_on_signals stop{SIGUSR2};
    EXPECT_TRUE(is_blocked(SIGUSR2));
  }
  EXPECT_FALSE(is_blocked(SIGUSR2));
}

TEST(stop_on_signals, the_reading_thread_takes_no_signal_of_somebody_else) {
  // SIGUSR1 is handled here and not listed: only this thread may take it.
  EXPECT_EQ(forked([] {
              static pid_t taken_by;
              taken_by = 0;
              stop_on_signals stop{SIGTERM};
              ::signal(SIGUSR1, [](int) { taken_by = ::gettid(); });
              ::kill(::getpid(), SIGUSR1);
              return taken_by == ::getpid() && !stop.token().stop_requested() ? 0 : 1;
            }).wait(),
            0);
}

TEST(stop_on_signals, a_program_can_stop_itself_and_the_token_outlives_the_object) {
  std::stop_token token;
  {
    stop_on_signals stop{SIGUSR1};
    token = stop.token();
    stop.request_stop();
    EXPECT_EQ(stop.signal(), 0);
  }
  EXPECT_TRUE(token.stop_requested());
}

TEST(stop_on_signals, what_is_no_signal_throws) {
  EXPECT_THROW(stop_on_signals{SIGKILL}, transom::exception);
  EXPECT_THROW(stop_on_signals{0}, transom::exception);
}
