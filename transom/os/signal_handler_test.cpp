// transom/os/signal_handler_test.cpp - a handler does its one thing, in one process, until it is gone.
#include "transom/os/signal_handler.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <memory>
#include <thread>

#include "transom/os/futex.hpp"
#include "transom/os/mapping.hpp"
#include "transom/os/pipe.hpp"
#include "transom/os/testing.hpp"

using namespace std::chrono_literals;
using transom::errc;
namespace os = transom::os;
using os::signal_handler;
namespace testing_os = transom::os::testing;

namespace {

bool is_default(int signo) {
  struct sigaction now{};
  ::sigaction(signo, nullptr, &now);
  return now.sa_handler == SIG_DFL;
}

}  // namespace

TEST(signal_handler, sets_a_flag_and_leaves_with_its_object) {
  std::atomic<bool> flag{false};
  {
    auto handler = signal_handler::set_flag(SIGUSR1, flag).or_throw();
    signal_handler moved = std::move(handler);
    EXPECT_FALSE(is_default(SIGUSR1));
    ::raise(SIGUSR1);
    EXPECT_TRUE(flag.load());
    ::raise(SIGUSR1);
    EXPECT_EQ(moved.times(), 2u);
    EXPECT_EQ(handler.times(), 0u);
  }
  EXPECT_TRUE(is_default(SIGUSR1));
}

TEST(signal_handler, a_bump_wakes_who_sleeps_on_the_word) {
  std::atomic<std::uint32_t> word{0};
  auto handler = signal_handler::bump(SIGUSR1, word).or_throw();
  const pthread_t here = ::pthread_self();
  std::jthread sender([here] { ::pthread_kill(here, SIGUSR1); });
  while (word.load() == 0) os::futex_wait(&word, 0, {1h});  // an hour, unless it is woken
  EXPECT_EQ(word.load(), 1u);
}

TEST(signal_handler, another_process_can_wait_for_the_word) {
  auto memory = os::mapping::anonymous(4, os::share::shared).or_throw();
  auto& word = *new (memory.data()) std::atomic<std::uint32_t>(0);
  testing_os::forked waiter([&] {
    while (word.load() == 0) os::futex_wait(&word, 0, {1h});
    return 0;
  });
  auto handler = signal_handler::bump(SIGUSR1, word).or_throw();
  ::raise(SIGUSR1);
  EXPECT_EQ(waiter.wait(), 0);
}

TEST(signal_handler, writes_one_byte_and_drops_what_finds_no_room) {
  auto p = os::pipe::make().or_throw();
  auto handler = signal_handler::write_byte(SIGUSR2, p.writer.fd()).or_throw();
  { const auto gone = std::move(p.writer); }  // it has a copy of its own
  std::array<std::byte, 1> byte{};
  ::raise(SIGUSR2);
  EXPECT_EQ(p.reader.read(byte).or_throw(), 1u);
  EXPECT_EQ(byte[0], static_cast<std::byte>(SIGUSR2));
  for (int i = 0; i < 100'000; ++i) ::raise(SIGUSR2);  // more than any pipe holds
  { const auto gone = std::move(p.reader); }
  ::raise(SIGUSR2);  // and no SIGPIPE
  EXPECT_EQ(handler.times(), 100'002u);
}

TEST(signal_handler, errno_is_kept_and_system_calls_go_on) {
  std::atomic<bool> flag{false};
  auto handler = signal_handler::set_flag(SIGUSR1, flag).or_throw();
  errno = E2BIG;
  ::raise(SIGUSR1);
  EXPECT_EQ(errno, E2BIG);
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const pthread_t here = ::pthread_self();
  std::jthread sender([&] {
    ::pthread_kill(here, SIGUSR1);
    while (!flag) std::this_thread::yield();
    EXPECT_EQ(::write(ends[1], "x", 1), 1);
  });
  char byte = 0;
  EXPECT_EQ(::read(ends[0], &byte, 1), 1);
  for (const int end : ends) ::close(end);
}

TEST(signal_handler, what_cannot_be_handled_safely_is_refused) {
  std::atomic<bool> flag{false};
  for (const int signo : {0, -1, 32, 65, SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) {
    auto refused = signal_handler::set_flag(signo, flag);
    ASSERT_TRUE(refused.failed_with(std::errc::invalid_argument)) << signo;
    EXPECT_EQ(refused.error().url(), "signal " + std::to_string(signo));
  }
  auto handler = signal_handler::set_flag(SIGUSR1, flag).or_throw();
  EXPECT_TRUE(signal_handler::set_flag(SIGUSR1, flag).failed_with(std::errc::device_or_resource_busy));
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  auto blocking = signal_handler::write_byte(SIGUSR2, ends[1]);
  EXPECT_TRUE(blocking.failed_with(std::errc::invalid_argument)) << "a handler must not wait";
  for (const int end : ends) ::close(end);
  EXPECT_TRUE(signal_handler::write_byte(SIGUSR2, ends[1]).failed_with(std::errc::bad_file_descriptor));
  EXPECT_TRUE(is_default(SIGUSR2));
}

TEST(signal_handler, a_full_descriptor_table_is_an_error_and_changes_nothing) {
  auto p = os::pipe::make().or_throw();
  EXPECT_TRUE(testing_os::with_limit(RLIMIT_NOFILE, 3, [&] {
    return signal_handler::write_byte(SIGUSR2, p.writer.fd()).failed_with(std::errc::too_many_files_open) &&
           is_default(SIGUSR2);
  }));
}

// Oracle: SIGTERM ends the child, as it would without the handler, and no byte comes to the parent.
TEST(signal_handler, a_forked_child_is_as_if_there_were_none) {
  auto p = os::pipe::make().or_throw();
  auto handler = signal_handler::write_byte(SIGTERM, p.writer.fd()).or_throw();
  EXPECT_EQ(testing_os::forked([] {
              ::raise(SIGTERM);
              return 0;
            }).wait(),
            1000 + SIGTERM);
  std::array<std::byte, 1> byte{};
  EXPECT_TRUE(p.reader.read(byte, transom::patience::none()).failed_with(errc::would_block));
}

// Oracle: under a sanitizer a handler that wrote after the destructor would touch memory that is gone.
TEST(signal_handler, none_runs_when_the_destructor_has_returned) {
  std::atomic<bool> over{false};
  EXPECT_EQ(testing_os::forked([&] {
              ::signal(SIGUSR1, SIG_IGN);  // between two handlers
              std::jthread sender([&] {
                while (!over) ::kill(::getpid(), SIGUSR1);
              });
              bool any = false;
              for (int i = 0; i < 300 || !any; ++i) {
                auto flag = std::make_unique<std::atomic<bool>>(false);
                auto handler = signal_handler::set_flag(SIGUSR1, *flag).or_throw();
                std::this_thread::yield();
                any = any || *flag;
              }
              over = true;
              return 0;
            }).wait(),
            0);
}
