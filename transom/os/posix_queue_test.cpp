// transom/os/posix_queue_test.cpp - order by priority, limits that are named, and waits that end.
#include "transom/os/posix_queue.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <array>
#include <thread>
#include <vector>

#include "transom/base/bytes.hpp"
#include "transom/os/poll.hpp"
#include "transom/os/testing.hpp"

using namespace std::chrono_literals;
using transom::as_bytes;
using transom::deadline;
using transom::errc;
using transom::patience;
namespace os = transom::os;
using os::posix_queue;
namespace testing_os = transom::os::testing;

namespace {

struct named_queue {
  std::string name = "/" + testing_os::unique_name();
  posix_queue queue;
  explicit named_queue(posix_queue::options how = {.max_messages = 4, .message_size = 64})
      : queue(posix_queue::create(name, how).or_throw()) {}
  ~named_queue() { posix_queue::unlink(name).ignore(); }
};

short polled(const posix_queue& queue) {
  os::poll_item item{queue.fd(), os::interest::readable | os::interest::writable, 0};
  os::poll({&item, 1}, deadline::passed()).or_throw();
  return item.got;
}

}  // namespace

TEST(posix_queue, the_highest_priority_comes_first_then_the_oldest) {
  named_queue q;
  q.queue.send(as_bytes("low"), 1).or_throw();
  q.queue.send(as_bytes("high"), 9).or_throw();
  q.queue.send(as_bytes("low too"), 1).or_throw();
  EXPECT_EQ(q.queue.attributes().or_throw().messages, 3u);
  std::array<std::byte, 64> into{};
  std::vector<std::string> order;
  for (int i = 0; i < 3; ++i) {
    auto got = q.queue.receive(into).or_throw();
    order.emplace_back(transom::as_text(std::span(into).first(got.size)));
    EXPECT_EQ(got.priority, i == 0 ? 9u : 1u);
  }
  EXPECT_EQ(order, (std::vector<std::string>{"high", "low", "low too"}));
  EXPECT_TRUE(testing_os::is_close_on_exec(q.queue.fd()));
}

TEST(posix_queue, an_empty_one_and_a_full_one_would_block_and_time_out) {
  named_queue q({.max_messages = 1, .message_size = 8});
  std::array<std::byte, 8> into{};
  const auto soon = patience::until_time(deadline::after(3ms));
  EXPECT_TRUE(q.queue.try_receive(into).failed_with(errc::would_block));
  EXPECT_TRUE(q.queue.receive(into, soon).failed_with(errc::timed_out));
  EXPECT_EQ(polled(q.queue), os::interest::writable);
  q.queue.try_send(as_bytes("x")).or_throw();
  EXPECT_EQ(polled(q.queue), os::interest::readable);
  EXPECT_TRUE(q.queue.try_send(as_bytes("x")).failed_with(errc::would_block));
  EXPECT_TRUE(q.queue.send(as_bytes("x"), 0, soon).failed_with(errc::timed_out));
  EXPECT_TRUE(q.queue.send(as_bytes("x"), 0, patience::none()).failed_with(errc::would_block));
}

TEST(posix_queue, a_stop_token_ends_a_receive_that_sleeps) {
  named_queue q;
  std::stop_source source;
  std::jthread stopper([&] { source.request_stop(); });
  std::array<std::byte, 64> into{};
  EXPECT_TRUE(q.queue.receive(into, patience::forever(source.get_token())).failed_with(errc::canceled));
}

TEST(posix_queue, another_process_receives_what_was_sent_and_the_queue_outlives_it) {
  named_queue q;
  EXPECT_TRUE(testing_os::in_child([&] {
    auto mine = posix_queue::open(q.name).or_throw();
    return !mine.created() && mine.message_size() == 64 && mine.send(as_bytes("from the child"), 3).has_value();
  }));
  std::array<std::byte, 64> into{};
  EXPECT_EQ(q.queue.receive(into).or_throw().size, 14u);
}

TEST(posix_queue, too_large_a_message_and_too_small_a_buffer_take_nothing) {
  named_queue q;
  const std::vector<std::byte> large(65);
  auto refused = q.queue.send(large);
  ASSERT_TRUE(refused.failed_with(errc::message_too_large));
  EXPECT_EQ(refused.error().detail(), "65 bytes; the queue takes 64");
  q.queue.send(as_bytes("x")).or_throw();
  std::array<std::byte, 63> small{};
  EXPECT_TRUE(q.queue.receive(small).failed_with(errc::message_too_large));
  EXPECT_EQ(q.queue.attributes().or_throw().messages, 1u);
}

TEST(posix_queue, creating_says_whose_it_is) {
  named_queue q;
  EXPECT_TRUE(q.queue.created());
  auto again = posix_queue::create(q.name, {.max_messages = 2, .message_size = 8}).or_throw();
  EXPECT_FALSE(again.created());
  EXPECT_EQ(again.max_messages(), 4u);
  EXPECT_TRUE(posix_queue::create(q.name, {.exclusive = true}).failed_with(std::errc::file_exists));
  posix_queue::unlink(q.name).or_throw();
  EXPECT_TRUE(posix_queue::open(q.name).failed_with(std::errc::no_such_file_or_directory));
  EXPECT_TRUE(posix_queue::unlink(q.name).failed_with(std::errc::no_such_file_or_directory));
}

TEST(posix_queue, the_mode_is_the_one_asked_for) {
  named_queue q({.max_messages = 1, .message_size = 8, .mode = 0622});
  struct stat found{};
  ASSERT_EQ(::fstat(q.queue.fd(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0622u);
  EXPECT_TRUE(
      testing_os::as_nobody([&] { return posix_queue::open(q.name).failed_with(std::errc::permission_denied); }));
}

TEST(posix_queue, each_limit_is_named) {
  const std::string name = "/" + testing_os::unique_name();
  auto limits = posix_queue::limits().or_throw();
  EXPECT_GT(limits.max_messages, 0);
  EXPECT_GT(limits.message_size, 0);
  EXPECT_GT(limits.queues, 0);
  EXPECT_TRUE(testing_os::as_nobody([&] {
    const auto beyond = static_cast<std::size_t>(limits.max_messages) + 1;
    auto refused = posix_queue::create(name, {.max_messages = beyond});
    return refused.failed_with(std::errc::invalid_argument) &&
           refused.error().detail().find("fs.mqueue.msg_max is ") != std::string_view::npos;
  }));
  EXPECT_TRUE(testing_os::with_limit(RLIMIT_MSGQUEUE, 1000, [&] {
    auto refused = posix_queue::create(name);
    return refused.failed_with(std::errc::too_many_files_open) &&
           refused.error().detail().find("RLIMIT_MSGQUEUE (ulimit -q), which is 1000") != std::string_view::npos;
  }));
  EXPECT_TRUE(testing_os::with_limit(
      RLIMIT_NOFILE, 3, [&] { return posix_queue::create(name).failed_with(std::errc::too_many_files_open); }));
  auto nameless = posix_queue::open("no-slash");
  ASSERT_TRUE(nameless.failed_with(std::errc::invalid_argument));
  EXPECT_TRUE(posix_queue::open(name).failed_with(std::errc::no_such_file_or_directory));
}

TEST(posix_queue, a_notification_arrives_once_and_belongs_to_one_process) {
  named_queue q;
  EXPECT_TRUE(testing_os::in_child([&] {
    sigset_t wanted;
    ::sigemptyset(&wanted);
    ::sigaddset(&wanted, SIGRTMIN);
    ::sigprocmask(SIG_BLOCK, &wanted, nullptr);
    q.queue.notify_by_signal(SIGRTMIN, 42).or_throw();
    const bool busy = testing_os::in_child(
        [&] { return q.queue.notify_by_signal(SIGRTMIN, 1).failed_with(std::errc::device_or_resource_busy); });
    q.queue.send(as_bytes("x")).or_throw();
    siginfo_t info{};
    if (::sigwaitinfo(&wanted, &info) != SIGRTMIN || info.si_value.sival_int != 42) return false;
    q.queue.notify_by_signal(SIGRTMIN, 1).or_throw();
    q.queue.cancel_notification().or_throw();
    q.queue.notify_by_signal(SIGRTMIN, 2).or_throw();  // free again
    return busy;
  }));
}
