// transom/os/pipe_test.cpp - a pipe is a bounded byte stream whose end is seen, and which raises no signal.
#include "transom/os/pipe.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <array>
#include <chrono>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using transom::deadline;
using transom::errc;
using transom::patience;
namespace os = transom::os;

TEST(pipe, what_is_written_is_read_in_order) {
  auto p = os::pipe::make().or_throw();
  std::array<std::byte, 3> sent{std::byte{1}, std::byte{2}, std::byte{3}}, got{};
  p.writer.write_all(sent).or_throw();
  EXPECT_EQ(p.reader.pending().or_throw(), 3u);
  EXPECT_EQ(p.reader.read(got).or_throw(), 3u);
  EXPECT_EQ(got, sent);
}

TEST(pipe, both_ends_are_close_on_exec) {
  auto p = os::pipe::make().or_throw();
  EXPECT_TRUE(::fcntl(p.reader.fd(), F_GETFD) & FD_CLOEXEC);
  EXPECT_TRUE(::fcntl(p.writer.fd(), F_GETFD) & FD_CLOEXEC);
}

TEST(pipe, an_empty_pipe_would_block_and_a_full_one_too) {
  auto p = os::pipe::make().or_throw();
  std::vector<std::byte> page(4096);
  EXPECT_TRUE(p.reader.try_read(page).failed_with(errc::would_block));
  const std::size_t room = p.writer.capacity().or_throw();
  for (std::size_t written = 0; written < room; written += page.size()) p.writer.try_write(page).or_throw();
  EXPECT_TRUE(p.writer.try_write(page).failed_with(errc::would_block));
  EXPECT_TRUE(p.writer.write(page, patience::until_time(deadline::after(5ms))).failed_with(errc::timed_out));
}

TEST(pipe, a_stop_token_ends_a_read_that_sleeps) {
  auto p = os::pipe::make().or_throw();
  std::stop_source source;
  std::jthread stopper([&] { source.request_stop(); });
  std::array<std::byte, 1> one{};
  EXPECT_TRUE(p.reader.read(one, patience::forever(source.get_token())).failed_with(errc::canceled));
}

TEST(pipe, end_of_file_is_zero_and_a_broken_pipe_is_an_error_without_a_signal) {
  auto p = os::pipe::make().or_throw();
  std::array<std::byte, 8> some{};
  { auto gone = std::move(p.writer); }
  EXPECT_EQ(p.reader.read(some).or_throw(), 0u);

  auto q = os::pipe::make().or_throw();
  { auto gone = std::move(q.reader); }
  ASSERT_EQ(::signal(SIGPIPE, SIG_DFL), SIG_DFL);  // so that a SIGPIPE would end this test
  auto broken = q.writer.write(some);
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error(), std::errc::broken_pipe);
  EXPECT_EQ(broken.error().message(), "write pipe:: Broken pipe");
}

TEST(pipe, the_capacity_can_be_chosen_and_the_limit_is_named) {
  auto p = os::pipe::make({.capacity = 4096}).or_throw();
  EXPECT_EQ(p.reader.capacity().or_throw(), 4096u);
  EXPECT_EQ(p.reader.set_capacity(100'000).or_throw(), 131'072u);
  auto refused = p.writer.set_capacity(std::size_t{1} << 40);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), std::errc::operation_not_permitted);
}
