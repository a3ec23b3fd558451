// transom/process/command_test.cpp - programs start with what they are given and nothing else, and never stay behind.
#include "transom/process/command.hpp"

#include <dirent.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "transom/channel.hpp"
#include "transom/os/pipe.hpp"
#include "transom/process/inherited.hpp"

using namespace std::chrono_literals;
using transom::command;
using transom::errc;
using transom::exit_status;

namespace {

// This test program runs itself as a child with TRANSOM_TEST_ROLE set; the role ends before main() of the tests.
struct role_player {
  role_player() {
    const char* role = std::getenv("TRANSOM_TEST_ROLE");
    if (role == nullptr) return;
    std::_Exit(play(role));
  }

  static int count_descriptors() {
    int count = 0;
    DIR* all = ::opendir("/proc/self/fd");
    while (const dirent* entry = ::readdir(all)) count += entry->d_name[0] != '.';
    ::closedir(all);
    return count - 1;  // without the directory's own
  }

  static int play(const std::string& role) {
    if (role == "count") return count_descriptors();
    if (role == "mask") {
      sigset_t mask;
      ::sigprocmask(SIG_BLOCK, nullptr, &mask);
      return ::sigismember(&mask, SIGUSR1) + 2 * (::signal(SIGUSR2, SIG_DFL) == SIG_IGN);
    }
    if (role == "echo") {
      auto in = transom::inherited<transom::receiver<int>>("in");
      auto out = transom::inherited<transom::sender<int>>("out");
      for (int n : in) out.send(n + 1).or_throw();
      return 0;
    }
    if (role == "wrong") {
      const bool type = transom::open_inherited<transom::receiver<double>>("in").failed_with(errc::type_mismatch);
      const bool kind = transom::open_inherited<transom::receiver<int>>("out").failed_with(errc::type_mismatch);
      auto none = transom::open_inherited<transom::receiver<int>>("nothing");
      const bool listed =
          none.failed_with(errc::no_peer) && none.error().detail().find("out") != std::string_view::npos;
      return type && kind && listed ? 0 : 1;
    }
    if (role == "descriptor") {
      auto given = transom::inherited<transom::fd>("file");
      return ::write(given.get(), "x", 1) == 1 ? 0 : 1;
    }
    return 99;
  }
} const player;

command self(const char* role) { return std::move(command("/proc/self/exe").env("TRANSOM_TEST_ROLE", role)); }

}  // namespace

TEST(command, a_child_has_three_descriptors_and_no_mask_of_ours) {
  sigset_t some, before;
  ::sigemptyset(&some);
  ::sigaddset(&some, SIGUSR1);
  ::pthread_sigmask(SIG_BLOCK, &some, &before);
  auto old = ::signal(SIGUSR2, SIG_IGN);
  auto open_without_cloexec = ::dup(1);
  EXPECT_EQ(self("count").spawn().or_throw().wait().or_throw(), exit_status{.code = 3});
  EXPECT_EQ(self("mask").spawn().or_throw().wait().or_throw(), exit_status{});
  ::close(open_without_cloexec);
  ::signal(SIGUSR2, old);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST(command, ends_are_given_by_name_and_work_in_the_child) {
  for (const char* scheme : {"unix:", "unix+stream:", "pipe:"}) {
    transom::channel<int> there(scheme), back(scheme);
    auto c = self("echo").give("in", std::move(there.rx)).give("out", std::move(back.tx)).spawn().or_throw();
    for (int n : {1, 20, 300}) {
      there.tx.send(n).or_throw();
      EXPECT_EQ(back.rx.recv_for(20s).or_throw(), n + 1) << scheme;
    }
    there.tx.close();
    EXPECT_TRUE(back.rx.recv_for(20s).failed_with(errc::closed)) << scheme;
    EXPECT_TRUE(c.wait().or_throw().success());
  }
}

TEST(command, what_was_received_before_giving_reaches_the_child) {
  transom::channel<int> there("unix+stream:"), back;
  there.tx.send_all(std::vector{1, 2, 3}).or_throw();
  EXPECT_EQ(there.rx.recv().or_throw(), 1);  // 2 and 3 now lie in the receiver's own buffer
  auto c = self("echo").give("in", std::move(there.rx)).give("out", std::move(back.tx)).spawn().or_throw();
  EXPECT_EQ(back.rx.recv_for(20s).or_throw(), 3);
  EXPECT_EQ(back.rx.recv_for(20s).or_throw(), 4);
}

TEST(command, a_wrong_name_kind_or_type_is_told_apart) {
  transom::channel<int> there, back;
  auto c = self("wrong").give("in", std::move(there.rx)).give("out", std::move(back.tx)).spawn().or_throw();
  EXPECT_TRUE(c.wait().or_throw().success());
}

TEST(command, a_descriptor_can_be_given_and_streams_redirected) {
  auto p = transom::os::pipe::make().or_throw();
  auto c = self("descriptor").give("file", std::move(p.writer).release()).spawn().or_throw();
  std::array<std::byte, 4> some{};
  EXPECT_EQ(p.reader.read(some).or_throw(), 1u);
  EXPECT_TRUE(c.wait().or_throw().success());

  auto q = transom::os::pipe::make().or_throw();
  q.writer.inherit_as_stdio().or_throw();
  auto echo = command("echo").arg("hi").stdout_to(std::move(q.writer).release()).spawn().or_throw();
  EXPECT_EQ(q.reader.read(some).or_throw(), 3u);
  EXPECT_TRUE(echo.wait().or_throw().success());
}

TEST(command, failing_to_start_is_an_error_with_its_reason) {
  auto missing = command("/no/such/program").spawn();
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error(), std::errc::no_such_file_or_directory) << missing.error().message();
  auto forbidden = command("/etc/passwd").spawn();
  ASSERT_FALSE(forbidden);
  EXPECT_EQ(forbidden.error(), std::errc::permission_denied);
  auto nowhere = command("true").directory("/no/such/place").spawn();
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error(), std::errc::no_such_file_or_directory);
  transom::channel<int> a, b;
  auto twice = command("true").give("x", std::move(a.rx)).give("x", std::move(b.rx)).spawn();
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error(), std::errc::invalid_argument);
}

TEST(child, waiting_repeats_and_signals_after_the_end_find_nobody) {
  auto c = command("sh").arg("-c").arg("exit 7").spawn().or_throw();
  EXPECT_EQ(c.wait().or_throw(), exit_status{.code = 7});
  EXPECT_EQ(c.wait().or_throw(), exit_status{.code = 7});
  EXPECT_TRUE(c.kill(SIGTERM).failed_with(errc::no_peer));
}

TEST(child, one_that_is_dropped_is_killed_and_reaped) {
  int pid = 0;
  {
    auto c = command("sleep").arg("1000").spawn().or_throw();
    pid = c.pid();
    EXPECT_TRUE(c.try_wait().failed_with(errc::would_block));
    EXPECT_TRUE(c.wait_for(1ms).failed_with(errc::timed_out));
  }
  EXPECT_EQ(::kill(pid, 0), -1);
}
