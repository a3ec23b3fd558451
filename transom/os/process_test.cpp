// transom/os/process_test.cpp - a handle never means anybody else, and an end is seen by all and learnt once.
#include "transom/os/process.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <chrono>
#include <fstream>
#include <string>
#include <thread>

#include "transom/os/old_kernel.hpp"
#include "transom/os/pipe.hpp"
#include "transom/os/testing.hpp"

using namespace std::chrono_literals;
using transom::deadline;
using transom::errc;
using transom::patience;
namespace os = transom::os;

namespace {

pid_t forked_child(int (*body)()) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(body());
  return pid;
}

int sleep_for_ever() {
  for (;;) ::pause();
}

}  // namespace

TEST(process, a_child_that_ends_by_itself_tells_its_code_again_and_again) {
  auto child = os::process::open(forked_child([] { return 42; })).or_throw();
  EXPECT_TRUE(os::testing::is_close_on_exec(child.fd()));
  EXPECT_EQ(child.wait().or_throw(), (os::exit_state{.code = 42, .signal = 0}));
  EXPECT_EQ(child.wait().or_throw(), (os::exit_state{.code = 42, .signal = 0}));
  EXPECT_EQ(child.try_wait().or_throw().code, 42);
  EXPECT_TRUE(child.has_ended().or_throw());
}

TEST(process, a_child_that_is_killed_tells_the_signal) {
  auto child = os::process::open(forked_child(sleep_for_ever)).or_throw();
  EXPECT_FALSE(child.has_ended().or_throw());
  EXPECT_TRUE(child.try_wait().failed_with(errc::would_block));
  EXPECT_TRUE(child.wait(patience::until_time(deadline::after(1ms))).failed_with(errc::timed_out));
  std::stop_source source;
  std::jthread stopper([&] { source.request_stop(); });
  EXPECT_TRUE(child.wait(patience::forever(source.get_token())).failed_with(errc::canceled));
  child.send_signal(SIGKILL).or_throw();
  EXPECT_EQ(child.wait().or_throw(), (os::exit_state{.code = 0, .signal = SIGKILL}));
}

TEST(process, an_ended_process_takes_no_signal_neither_as_a_zombie_nor_when_reaped) {
  auto child = os::process::open(forked_child([] { return 0; })).or_throw();
  child.wait_ended().or_throw();
  EXPECT_TRUE(child.send_signal(SIGTERM).failed_with(errc::no_peer));
  child.wait().or_throw();
  auto late = child.send_signal(SIGTERM);
  EXPECT_TRUE(late.failed_with(errc::no_peer));
  EXPECT_EQ(late.error().peer_pid(), child.pid());
  EXPECT_TRUE(os::process::open(child.pid()).failed_with(errc::no_peer));
}

TEST(process, the_end_of_a_stranger_is_seen_but_not_reaped) {
  auto p = os::pipe::make().or_throw();
  // The child is the stranger's parent; it ends only when we have looked.
  os::testing::forked child([&] {
    const pid_t grandchild = forked_child(sleep_for_ever);
    p.writer.write_all(std::as_bytes(std::span(&grandchild, 1))).or_throw();
    int status = 0;
    return ::waitpid(grandchild, &status, 0) == grandchild && WIFSIGNALED(status) ? WTERMSIG(status) : 1;
  });
  pid_t grandchild = 0;
  ASSERT_EQ(p.reader.read(std::as_writable_bytes(std::span(&grandchild, 1))).or_throw(), sizeof grandchild);
  auto stranger = os::process::open(grandchild).or_throw();
  stranger.send_signal(SIGUSR1).or_throw();
  stranger.wait_ended().or_throw();
  auto refused = stranger.wait();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), std::errc::no_child_process);
  EXPECT_EQ(child.wait(), SIGUSR1);
}

TEST(process, somebody_elses_process_cannot_be_signalled) {
  auto self = os::process::self().or_throw();
  EXPECT_EQ(self.pid(), ::getpid());
  self.send_signal(0).or_throw();
  EXPECT_TRUE(os::testing::as_nobody(
      [&] { return self.send_signal(SIGTERM).failed_with(std::errc::operation_not_permitted); }));
}

TEST(process, no_such_pid_is_no_peer_and_nonsense_is_invalid) {
  EXPECT_TRUE(os::process::open(0x7ffffff).failed_with(errc::no_peer));
  EXPECT_TRUE(os::process::open(-1).failed_with(std::errc::invalid_argument));
  EXPECT_TRUE(os::start_time_of(0x7ffffff).failed_with(errc::no_peer));
}

TEST(process, a_full_descriptor_table_is_named) {
  EXPECT_TRUE(os::testing::with_limit(RLIMIT_NOFILE, 3, [] {
    return os::process::self().failed_with(std::errc::too_many_files_open) &&
           os::start_time_of(::getpid()).failed_with(std::errc::too_many_files_open);
  }));
}

TEST(process, the_identity_of_self_is_complete_and_stable) {
  const long before = os::testing::open_descriptors();
  const auto self = os::identity_of_self();
  EXPECT_EQ(self, os::identity_of_self());
  EXPECT_EQ(os::testing::open_descriptors(), before);
  EXPECT_EQ(self.pid, ::getpid());
  EXPECT_EQ(self.uid, ::geteuid());
  EXPECT_NE(self.start_time, 0u);
  EXPECT_EQ(self.start_time, os::start_time_of(::getpid()).or_throw());
  EXPECT_NE(self.pid_namespace, 0u);
  EXPECT_NE(self.boot_id, (std::array<std::byte, 16>{}));
  EXPECT_EQ(self.pidfs_inode, os::pidfs_inode_of(os::process::self().or_throw()));
  std::string comm;
  std::ifstream("/proc/self/comm") >> comm;
  EXPECT_EQ(std::string(self.comm.data()), comm);
}

TEST(process, the_boot_id_is_the_kernels) {
  std::string text, printed;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> text;
  std::erase(text, '-');
  for (const std::byte b : os::identity_of_self().boot_id) {
    printed += "0123456789abcdef"[std::to_integer<int>(b >> 4)];
    printed += "0123456789abcdef"[std::to_integer<int>(b & std::byte{15})];
  }
  EXPECT_EQ(printed, text);
}

TEST(process, a_child_is_somebody_else_also_with_a_strange_name) {
  const auto parent = os::identity_of_self();
  EXPECT_TRUE(os::testing::in_child([&] {
    ::prctl(PR_SET_NAME, "a) R 1 (b", 0, 0, 0);
    const auto child = os::identity_of_self();
    return child != parent && child.pid == ::getpid() && child.boot_id == parent.boot_id &&
           child.start_time >= parent.start_time && std::string(child.comm.data()) == "a) R 1 (b" &&
           (child.pidfs_inode == 0 || child.pidfs_inode != parent.pidfs_inode);
  }));
}

TEST(process, a_kernel_without_pidfds_is_unsupported) {
  EXPECT_TRUE(os::testing::in_child([] {
    if (!os::testing::refuse_call(SYS_pidfd_open, ENOSYS)) return false;
    const auto self = os::identity_of_self();
    return os::process::self().failed_with(errc::unsupported) && self.pidfs_inode == 0 && self.start_time != 0;
  }));
}
