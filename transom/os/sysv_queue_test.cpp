// transom/os/sysv_queue_test.cpp - types choose, nothing is lost to a small buffer, and removal is an answer.
#include "transom/os/sysv_queue.hpp"

#include <gtest/gtest.h>
#include <sys/ipc.h>
#include <sys/msg.h>

#include <algorithm>
#include <cstring>
#include <thread>

#include "transom/base/bytes.hpp"
#include "transom/os/sysv_key.hpp"
#include "transom/os/testing.hpp"

using namespace std::chrono_literals;
using transom::deadline;
using transom::errc;
using transom::patience;
using transom::result;
namespace os = transom::os;
using os::sysv_message;
using os::sysv_queue;
namespace testing_os = transom::os::testing;

namespace {

// Removed with the object, unless somebody did before.
struct private_queue {
  sysv_queue queue = sysv_queue::make_private().or_throw();
  ~private_queue() { queue.remove().ignore(); }
};

result<void> send_text(const sysv_queue& queue, long type, std::string_view text, const patience& how = {}) {
  sysv_message message(text.size());
  std::memcpy(message.data().data(), text.data(), text.size());
  return queue.send(type, message, text.size(), how);
}

std::string receive_text(const sysv_queue& queue, long type = 0) {
  sysv_message message(100);
  auto got = queue.receive(message, type).or_throw();
  return std::to_string(got.type) + " " + std::string(transom::as_text(message.data().first(got.size)));
}

}  // namespace

TEST(sysv_queue, a_receiver_chooses_by_type) {
  private_queue q;
  send_text(q.queue, 5, "five").or_throw();
  send_text(q.queue, 2, "two").or_throw();
  send_text(q.queue, 5, "five again").or_throw();
  send_text(q.queue, 3, "three").or_throw();
  EXPECT_EQ(receive_text(q.queue, 3), "3 three");
  EXPECT_EQ(receive_text(q.queue, -5), "2 two");
  EXPECT_EQ(receive_text(q.queue), "5 five");
  EXPECT_EQ(receive_text(q.queue, 5), "5 five again");
}

TEST(sysv_queue, an_empty_one_and_a_full_one_would_block_and_time_out) {
  private_queue q;
  q.queue.set_capacity_bytes(16).or_throw();
  const auto soon = patience::until_time(deadline::after(3ms));
  sysv_message message(16);
  EXPECT_TRUE(q.queue.try_receive(message).failed_with(errc::would_block));
  EXPECT_TRUE(q.queue.receive(message, 0, soon).failed_with(errc::timed_out));
  q.queue.try_send(1, message, 16).or_throw();
  EXPECT_TRUE(q.queue.try_send(1, message, 16).failed_with(errc::would_block));
  EXPECT_TRUE(q.queue.send(1, message, 16, soon).failed_with(errc::timed_out));
  EXPECT_TRUE(q.queue.try_receive(message, 7).failed_with(errc::would_block));

  std::stop_source source;
  std::jthread stopper([&] { source.request_stop(); });
  EXPECT_TRUE(q.queue.send(1, message, 16, patience::forever(source.get_token())).failed_with(errc::canceled));
}

// Oracle: the child echoes with type + 1; both sides sleep in the kernel.
TEST(sysv_queue, two_processes_talk_through_one_queue) {
  private_queue q;
  testing_os::forked echo([&] {
    sysv_message message(100);
    for (int i = 0; i < 100; ++i) {
      auto got = q.queue.receive(message, 1).or_throw();
      q.queue.send(2, message, got.size).or_throw();
    }
    return 0;
  });
  for (int i = 0; i < 100; ++i) {
    send_text(q.queue, 1, std::to_string(i)).or_throw();
    EXPECT_EQ(receive_text(q.queue, 2), "2 " + std::to_string(i));
  }
  EXPECT_EQ(echo.wait(), 0);
  auto now = q.queue.stat().or_throw();
  EXPECT_EQ(now.messages, 0u);
  EXPECT_EQ(now.last_receiver, ::getpid());
  EXPECT_NE(now.last_sender, ::getpid());
  EXPECT_GT(now.last_send, 0);
}

TEST(sysv_queue, a_message_larger_than_the_buffer_stays_queued) {
  private_queue q;
  send_text(q.queue, 1, "twelve bytes").or_throw();
  sysv_message small(11);
  auto refused = q.queue.receive(small);
  ASSERT_TRUE(refused.failed_with(errc::message_too_large));
  EXPECT_EQ(refused.error().detail(), "room for 11 bytes; it stays queued");
  EXPECT_EQ(q.queue.stat().or_throw().messages, 1u);
  EXPECT_EQ(receive_text(q.queue), "1 twelve bytes");
}

TEST(sysv_queue, a_message_that_can_never_fit_is_refused_and_not_waited_for) {
  private_queue q;
  q.queue.set_capacity_bytes(16).or_throw();
  sysv_message large(17);
  auto refused = q.queue.send(1, large, 17);
  ASSERT_TRUE(refused.failed_with(errc::message_too_large));
  EXPECT_NE(refused.error().detail().find("the queue holds 16 (kernel.msgmnb is "), std::string_view::npos)
      << refused.error().message();
  sysv_message huge(1 << 24);
  auto beyond = q.queue.send(1, huge, huge.capacity());
  ASSERT_TRUE(beyond.failed_with(errc::message_too_large));
  EXPECT_NE(beyond.error().detail().find("kernel.msgmax is "), std::string_view::npos) << beyond.error().message();
}

// Oracle: the child says over a second queue that it is about to sleep; removal may come before or after it does.
TEST(sysv_queue, removal_ends_every_wait_with_a_code_of_its_own) {
  private_queue q, ready;
  testing_os::forked waiting([&] {
    send_text(ready.queue, 1, "ready").or_throw();
    sysv_message message(8);
    return q.queue.receive(message).failed_with(std::errc::identifier_removed) ? 0 : 1;
  });
  receive_text(ready.queue);
  q.queue.remove().or_throw();
  EXPECT_EQ(waiting.wait(), 0);
  EXPECT_TRUE(send_text(q.queue, 1, "x").failed_with(std::errc::identifier_removed));
  EXPECT_FALSE(sysv_queue::from_number(q.queue.number()).has_value());
}

TEST(sysv_queue, path_and_id_lead_to_the_same_queue) {
  testing_os::temporary_directory dir;
  EXPECT_TRUE(sysv_queue::open(dir.path(), 7).failed_with(std::errc::no_such_file_or_directory));
  auto mine = sysv_queue::create(dir.path(), 7, {.mode = 0622}).or_throw();
  EXPECT_TRUE(mine.created());
  auto theirs = sysv_queue::create(dir.path(), 7).or_throw();
  EXPECT_FALSE(theirs.created());
  EXPECT_EQ(mine.number(), sysv_queue::open(dir.path(), 7).or_throw().number());
  EXPECT_EQ(mine.stat().or_throw().mode, 0622u);
  EXPECT_TRUE(sysv_queue::create(dir.path(), 7, {.exclusive = true}).failed_with(std::errc::file_exists));
  EXPECT_TRUE(testing_os::as_nobody([&] {
    sysv_message message(8);
    return mine.try_receive(message).failed_with(std::errc::permission_denied);
  }));
  mine.remove().or_throw();
  EXPECT_TRUE(sysv_queue::create(dir / "missing", 1).failed_with(std::errc::no_such_file_or_directory));
  EXPECT_TRUE(sysv_queue::create(dir.path(), 256).failed_with(std::errc::invalid_argument));
  EXPECT_TRUE(os::sysv_key(dir.path(), 0).failed_with(std::errc::invalid_argument));
}

TEST(sysv_queue, more_capacity_than_the_limit_needs_a_privilege) {
  private_queue q;
  EXPECT_TRUE(testing_os::as_nobody([] {
    auto mine = sysv_queue::make_private().or_throw();
    auto refused = mine.set_capacity_bytes(1 << 24);
    mine.remove().or_throw();
    return refused.failed_with(std::errc::operation_not_permitted) &&
           refused.error().detail().find("kernel.msgmnb is ") != std::string_view::npos;
  }));
}
