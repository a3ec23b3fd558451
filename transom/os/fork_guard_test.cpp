// transom/os/fork_guard_test.cpp - a child knows that it is one, however it was made.
#include "transom/os/fork_guard.hpp"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/syscall.h>

#include <set>
#include <thread>
#include <vector>

#include "transom/os/testing.hpp"

using transom::os::fork_epoch;
namespace testing_os = transom::os::testing;

TEST(fork_guard, is_never_zero_and_stays_the_same_in_one_process) {
  const auto epoch = fork_epoch();
  EXPECT_NE(epoch, 0u);
  EXPECT_EQ(fork_epoch(), epoch);
}

TEST(fork_guard, all_threads_agree_even_when_they_ask_first_and_together) {
  EXPECT_TRUE(testing_os::in_child([] {  // where nobody has asked yet
    std::vector<std::uint32_t> seen(8);
    std::vector<std::jthread> threads;
    for (auto& one : seen) threads.emplace_back([&one] { one = fork_epoch(); });
    threads.clear();
    return std::set<std::uint32_t>(seen.begin(), seen.end()).size() == 1;
  }));
}

TEST(fork_guard, differs_in_a_child_and_again_in_a_grandchild) {
  const auto parent = fork_epoch();
  EXPECT_TRUE(testing_os::in_child([&] {
    const auto child = fork_epoch();
    return child != parent && child != 0 && child == fork_epoch() &&
           testing_os::in_child([&] { return fork_epoch() != child && fork_epoch() != parent; });
  }));
  EXPECT_EQ(fork_epoch(), parent);
}

TEST(fork_guard, a_grandchild_of_a_child_that_never_asked_still_differs) {
  const auto parent = fork_epoch();
  EXPECT_TRUE(testing_os::in_child([&] { return testing_os::in_child([&] { return fork_epoch() != parent; }); }));
}

TEST(fork_guard, a_child_made_by_the_system_call_itself_differs_too) {
  const auto parent = fork_epoch();
  const long pid = ::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (pid == 0) ::_exit(fork_epoch() == parent ? 1 : 0);
  int status = -1;
  ASSERT_EQ(::waitpid(static_cast<pid_t>(pid), &status, 0), pid);
  EXPECT_EQ(status, 0);
}
