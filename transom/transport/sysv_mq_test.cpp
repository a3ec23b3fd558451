// transom/transport/sysv_mq_test.cpp - what sysv-mq has beyond the rules of queue_test.cpp.
#include "transom/transport/sysv_mq.hpp"

#include <filesystem>
#include <thread>

#include "transom/transport/queue_testing.hpp"

using namespace transom::transport::testing;
using transom::errc;
using transom::patience;
namespace os = transom::os;
namespace tp = transom::transport;

class sysv_mq : public testing::Test {
 protected:
  transom::url at() const { return place_.make("sysv-mq"); }
  static void send_as(tp::sending_end& tx, long type, std::string_view text) {
    tx.send({.payload = transom::as_bytes(text), .type = type}, soon()).or_throw();
  }
  place_for_queues place_;
};

TEST_F(sysv_mq, a_receiver_chooses_by_type) {
  auto rx = receiver(at()).or_throw();
  auto tx = sender(at()).or_throw();
  send_as(*tx, 5, "five");
  send_as(*tx, 2, "two");
  send_as(*tx, 9, "nine");
  send_as(*tx, 2, "two again");
  send(*tx, "none is one");
  EXPECT_EQ(try_recv(*rx, -4).or_throw(), "none is one");
  EXPECT_EQ(try_recv(*rx, -4).or_throw(), "two");
  EXPECT_EQ(try_recv(*rx, 9).or_throw(), "nine");
  EXPECT_TRUE(try_recv(*rx, 7).failed_with(errc::would_block));
  auto five = rx->front(0, soon()).or_throw();
  EXPECT_EQ(five.info.type, 5);
  rx->release();
  EXPECT_EQ(recv(*rx).or_throw(), "two again");
  auto refused = tx->send({.payload = {}, .type = -1}, soon());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), std::errc::invalid_argument);
}

TEST_F(sysv_mq, a_type_ends_when_no_sender_is_left_though_others_are_queued) {
  auto rx = receiver(at()).or_throw();
  auto tx = sender(at()).or_throw();
  send_as(*tx, 2, "two");
  send_as(*tx, 1, "one");
  tx.reset();
  EXPECT_EQ(recv(*rx, soon(), 1).or_throw(), "one");
  EXPECT_TRUE(try_recv(*rx, 1).failed_with(errc::closed));
  EXPECT_TRUE(recv(*rx, soon(), 1).failed_with(errc::closed));
  EXPECT_EQ(recv(*rx).or_throw(), "two");
  EXPECT_TRUE(recv(*rx).failed_with(errc::closed));
  EXPECT_TRUE(try_recv(*rx, 2).failed_with(errc::closed));
}

TEST_F(sysv_mq, a_message_looked_at_steps_aside_for_another_type) {
  auto rx = receiver(at()).or_throw();
  auto tx = sender(at()).or_throw();
  send_as(*tx, 2, "two");
  send_as(*tx, 3, "three");
  (void)rx->front(0, soon()).or_throw();
  EXPECT_EQ(recv(*rx, soon(), 3).or_throw(), "three");
  EXPECT_TRUE(try_recv(*rx, 3).failed_with(errc::would_block));
  EXPECT_TRUE(rx->looks_ready());
  EXPECT_EQ(recv(*rx).or_throw(), "two");
  EXPECT_FALSE(rx->looks_ready());
}

TEST_F(sysv_mq, one_who_waits_for_a_type_is_not_disturbed_by_others) {
  auto rx = receiver(at()).or_throw();
  auto tx = sender(at()).or_throw();
  std::jthread sending([&] {
    for (int i = 0; i < 50; ++i) send_as(*tx, 2, std::to_string(i));
    send_as(*tx, 1, "wanted");
  });
  EXPECT_EQ(recv(*rx, soon(), 1).or_throw(), "wanted");
  for (int i = 0; i < 50; ++i) EXPECT_EQ(recv(*rx, soon(), 2).or_throw(), std::to_string(i));
}

TEST_F(sysv_mq, without_a_capacity_the_queues_bytes_decide) {
  auto rx = receiver(at()).or_throw();
  auto tx = sender(at()).or_throw();
  EXPECT_TRUE(tx->ready_fd_is_emulated());
  EXPECT_TRUE(tx->looks_ready());
  int sent = 0;
  while (try_send(*tx, "")) ++sent;
  const auto now = os::sysv_queue::open(place_.key(), 1).or_throw().stat().or_throw();
  EXPECT_EQ(static_cast<std::size_t>(sent), now.capacity_bytes / 16);
  EXPECT_FALSE(tx->looks_ready());
}

TEST_F(sysv_mq, the_same_file_is_the_same_queue_however_its_path_is_spelled) {
  const std::string other = place_.key() + "-link";
  std::filesystem::create_symlink(place_.key(), other);
  auto rx = receiver(transom::url::parse("sysv-mq://" + other + "?id=1&capacity=4").or_throw()).or_throw();
  EXPECT_EQ(rx->url(), "sysv-mq://" + place_.key() + "?id=1&capacity=4");
  auto tx = sender(at()).or_throw();
  send(*tx, "found");
  EXPECT_EQ(recv(*rx).or_throw(), "found");
  const auto missing = transom::url::parse("sysv-mq:///transom/nowhere?id=1").or_throw();
  auto refused = receiver(missing);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), std::errc::no_such_file_or_directory);
  EXPECT_EQ(refused.error().url(), missing.text());
}

TEST_F(sysv_mq, a_strangers_queue_is_used_and_never_removed) {
  auto stranger = os::sysv_queue::create(place_.key(), 1).or_throw();
  {
    auto rx = receiver(at()).or_throw();
    auto tx = sender(at()).or_throw();
    send(*tx, "x");
    EXPECT_EQ(recv(*rx).or_throw(), "x");
  }
  EXPECT_TRUE(place_.sysv_exists());
  stranger.remove().or_throw();
}

TEST_F(sysv_mq, a_queue_removed_by_hand_is_an_error_that_says_so) {
  auto rx = receiver(at()).or_throw();
  auto tx = sender(at()).or_throw();
  os::sysv_queue::open(place_.key(), 1).or_throw().remove().or_throw();
  auto sent = tx->send({}, soon());
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error(), std::errc::identifier_removed) << sent.error().message();
  auto got = recv(*rx);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error(), std::errc::identifier_removed);
}

TEST_F(sysv_mq, a_permission_that_is_missing_is_named) {
  auto rx = receiver(at(), {.mode = 0600}).or_throw();
  EXPECT_TRUE(os::testing::as_nobody([&] {
    auto refused = sender(at(), {.framing = transom::framing::raw, .connect_timeout = 1ms});
    return !refused && refused.error() == std::errc::permission_denied;
  }));
}
