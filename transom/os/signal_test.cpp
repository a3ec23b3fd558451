// transom/os/signal_test.cpp - signals are read in order, with value and sender, and masks are put back.
#include "transom/os/signal.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "transom/os/poll.hpp"
#include "transom/os/testing.hpp"

using namespace std::chrono_literals;
using transom::deadline;
using transom::errc;
namespace os = transom::os;
using os::signal_set;

namespace {

bool is_blocked(int signo) {
  sigset_t mask;
  ::pthread_sigmask(SIG_BLOCK, nullptr, &mask);
  return ::sigismember(&mask, signo) == 1;
}

}  // namespace

TEST(signal_set, values_arrive_in_order_with_their_sender) {
  signal_set numbers{SIGRTMIN};
  EXPECT_TRUE(os::testing::is_close_on_exec(numbers.fd()));
  os::testing::forked child([] {
    for (const int value : {3, -30, 300}) os::sigqueue(::getppid(), SIGRTMIN, value).or_throw();
    return 0;
  });
  for (const int value : {3, -30, 300}) {
    const auto came = numbers.wait().or_throw();
    EXPECT_EQ(came.signo, SIGRTMIN);
    EXPECT_EQ(came.value, value);
    EXPECT_EQ(came.pid, child.pid());
    EXPECT_EQ(came.uid, ::getuid());
  }
  EXPECT_TRUE(numbers.try_wait().failed_with(errc::would_block));
}

// Oracle: the signals are blocked and nobody reads, so all that were sent wait together.
TEST(signal_set, standard_signals_are_merged_and_real_time_signals_are_not) {
  signal_set both{SIGUSR1, SIGRTMIN + 5};
  for (int i = 0; i < 5; ++i) {
    os::sigqueue(::getpid(), SIGUSR1, i).or_throw();
    os::sigqueue(::getpid(), SIGRTMIN + 5, i).or_throw();
  }
  EXPECT_GE(os::signals_waiting().or_throw().waiting, 6u);
  const auto standard = both.try_wait().or_throw();
  EXPECT_EQ(standard.signo, SIGUSR1);
  EXPECT_EQ(standard.value, 0) << "the first of the five";
  EXPECT_EQ(standard.merged, 0u) << "nobody counted them";
  for (int i = 0; i < 5; ++i) EXPECT_EQ(both.try_wait().or_throw().value, i);
  EXPECT_TRUE(both.try_wait().failed_with(errc::would_block));
}

TEST(signal_set, the_lowest_number_comes_first) {
  signal_set three{SIGRTMIN + 6, SIGRTMIN + 7, SIGRTMIN + 8};
  for (const int above : {8, 6, 7}) os::sigqueue(::getpid(), SIGRTMIN + above, above).or_throw();
  for (const int above : {6, 7, 8}) EXPECT_EQ(three.try_wait().or_throw().value, above);
}

TEST(signal_set, a_timer_counts_what_was_merged) {
  signal_set ticks{SIGRTMIN + 9};
  sigevent how{};
  how.sigev_notify = SIGEV_SIGNAL;
  how.sigev_signo = SIGRTMIN + 9;
  timer_t timer{};
  ASSERT_EQ(::timer_create(CLOCK_MONOTONIC, &how, &timer), 0);
  const itimerspec often{.it_interval = {0, 100'000}, .it_value = {0, 100'000}};
  ASSERT_EQ(::timer_settime(timer, 0, &often, nullptr), 0);
  const auto began = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - began < 5ms) {}
  EXPECT_GT(ticks.wait().or_throw().merged, 0u);
  ::timer_delete(timer);
}

TEST(signal_set, a_wait_ends_by_time_or_by_a_stop) {
  signal_set numbers{SIGRTMIN + 1};
  EXPECT_TRUE(numbers.wait_for(1ms).failed_with(errc::timed_out));
  std::stop_source source;
  std::jthread stopper([&] { source.request_stop(); });
  EXPECT_TRUE(numbers.wait(source.get_token()).failed_with(errc::canceled));
  EXPECT_TRUE(numbers.wait_for(1h, source.get_token()).failed_with(errc::canceled));
}

TEST(signal_set, the_descriptor_is_readable_as_long_as_a_signal_waits) {
  signal_set numbers{SIGRTMIN + 2};
  os::poll_item item{numbers.fd(), os::interest::readable, 0};
  EXPECT_EQ(os::poll({&item, 1}, deadline::passed()).or_throw(), 0);
  os::sigqueue(::getpid(), SIGRTMIN + 2, 1).or_throw();
  EXPECT_EQ(os::poll({&item, 1}, deadline::passed()).or_throw(), 1);
  EXPECT_EQ(os::poll({&item, 1}, deadline::passed()).or_throw(), 1);
  EXPECT_EQ(numbers.try_wait().or_throw().value, 1);
  EXPECT_EQ(os::poll({&item, 1}, deadline::passed()).or_throw(), 0);
}

TEST(signal_set, exactly_what_it_blocked_is_unblocked) {
  ASSERT_FALSE(is_blocked(SIGUSR1));
  {
    signal_set outer{SIGUSR1};
    EXPECT_TRUE(is_blocked(SIGUSR1));
    {
      signal_set inner{SIGUSR1, SIGUSR2};
      signal_set moved = std::move(inner);
      EXPECT_TRUE(is_blocked(SIGUSR2));
    }
    EXPECT_TRUE(is_blocked(SIGUSR1));
    EXPECT_FALSE(is_blocked(SIGUSR2));
  }
  EXPECT_FALSE(is_blocked(SIGUSR1));
}

TEST(signal_set, what_still_waits_is_delivered_after_the_destructor) {
  EXPECT_EQ(os::testing::forked([] {
              signal_set set{SIGTERM};
              ::raise(SIGTERM);
              return 0;
            }).wait(),
            1000 + SIGTERM);
}

TEST(signal_set, what_is_no_signal_is_refused_and_changes_nothing) {
  for (const int signo : {0, -1, 32, 65, 1000, SIGKILL, SIGSTOP}) {
    auto refused = signal_set::make({SIGUSR1, signo});
    ASSERT_FALSE(refused) << signo;
    EXPECT_EQ(refused.error(), std::errc::invalid_argument);
    EXPECT_EQ(refused.error().url(), "signal " + std::to_string(signo));
  }
  EXPECT_FALSE(is_blocked(SIGUSR1));
  EXPECT_THROW(signal_set{SIGKILL}, transom::exception);
}

TEST(signal_set, a_full_descriptor_table_is_an_error_and_changes_nothing) {
  EXPECT_TRUE(os::testing::with_limit(RLIMIT_NOFILE, 3, [] {
    return signal_set::make({SIGUSR1}).failed_with(std::errc::too_many_files_open) && !is_blocked(SIGUSR1);
  }));
}

TEST(sigqueue, a_full_queue_names_the_limit) {
  EXPECT_TRUE(os::testing::as_nobody([] {
    rlimit few{8, 8};
    if (::setrlimit(RLIMIT_SIGPENDING, &few) != 0) return false;
    signal_set numbers{SIGRTMIN};
    for (int i = 0; i < 100; ++i) {
      auto sent = os::sigqueue(::getpid(), SIGRTMIN, i);
      if (sent) continue;
      const bool good = sent.failed_with(errc::would_block) &&
                        sent.error().detail().find("RLIMIT_SIGPENDING (ulimit -i) of the receiver's user is 8, ") !=
                            std::string::npos;
      while (numbers.try_wait()) {}
      return good;
    }
    return false;
  }));
}

// Oracle: kill(2) cannot fail for want of room, so at the limit the kernel lets go of what it would have kept.
TEST(sigqueue, at_the_limit_a_killed_real_time_signal_comes_without_sender) {
  EXPECT_TRUE(os::testing::as_nobody([] {
    rlimit none{0, 0};
    if (::setrlimit(RLIMIT_SIGPENDING, &none) != 0) return false;
    signal_set numbers{SIGRTMIN};
    if (::kill(::getpid(), SIGRTMIN) != 0) return false;
    const auto came = numbers.try_wait().or_throw();
    return came.signo == SIGRTMIN && came.pid == 0 && os::signals_waiting().or_throw().most == 0;
  }));
  EXPECT_TRUE(os::signals_waiting(0x7ffffff).failed_with(errc::no_peer));
}

TEST(sigqueue, nobody_is_no_peer_and_a_stranger_is_not_permitted) {
  auto nobody = os::sigqueue(0x7ffffff, SIGRTMIN, 1);
  EXPECT_TRUE(nobody.failed_with(errc::no_peer));
  EXPECT_TRUE(os::sigqueue(::getpid(), 1000, 1).failed_with(std::errc::invalid_argument));
  EXPECT_TRUE(os::testing::as_nobody(
      [] { return os::sigqueue(::getppid(), 0, 1).failed_with(std::errc::operation_not_permitted); }));
}

TEST(all_signals_blocked, threads_inherit_it_and_the_mask_is_put_back) {
  ASSERT_FALSE(is_blocked(SIGHUP));
  {
    const os::all_signals_blocked now;
    EXPECT_TRUE(is_blocked(SIGHUP));
    std::jthread([] { EXPECT_TRUE(is_blocked(SIGHUP) && is_blocked(SIGRTMAX)); });
  }
  EXPECT_FALSE(is_blocked(SIGHUP));
}
