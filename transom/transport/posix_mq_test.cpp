// transom/transport/posix_mq_test.cpp - what posix-mq has beyond the rules of queue_test.cpp.
#include "transom/transport/posix_mq.hpp"

#include "transom/transport/queue_testing.hpp"

using namespace transom::transport::testing;
using transom::errc;
using transom::patience;
namespace os = transom::os;
namespace tp = transom::transport;

class posix_mq : public testing::Test {
 protected:
  transom::url at() const { return place_.make("posix-mq"); }
  place_for_queues place_;
};

TEST_F(posix_mq, larger_priorities_come_first_and_equal_ones_in_order) {
  auto rx = receiver(at()).or_throw();
  auto tx = sender(at()).or_throw();
  const auto send_at = [&](int priority, std::string_view text) {
    tx->send({.payload = transom::as_bytes(text), .priority = priority}, soon()).or_throw();
  };
  send_at(1, "dust");
  send_at(9, "fire");
  send_at(32'000, "flood");
  send_at(9, "flame");
  send_at(0, "nothing");
  auto first = rx->front(0, soon()).or_throw();
  EXPECT_EQ(first.info.priority, 32'000);
  for (const char* text : {"flood", "fire", "flame", "dust", "nothing"}) EXPECT_EQ(recv(*rx).or_throw(), text);
  for (const int wrong : {-1, 32'001}) {
    auto refused = tx->send({.payload = {}, .priority = wrong}, soon());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error(), std::errc::invalid_argument);
  }
}

TEST_F(posix_mq, urgent_messages_in_pieces_overtake_and_nothing_is_mixed_up) {
  auto rx = receiver(at(), {.receivers = 1}).or_throw();
  auto tx = sender(at()).or_throw();
  for (int i = 0; i < 3; ++i) {
    const std::string low = filled(20'000 + static_cast<std::size_t>(i));
    const std::string high = filled(30'000 + static_cast<std::size_t>(i));
    tx->send({.payload = transom::as_bytes(low), .priority = 1}, soon()).or_throw();
    tx->send({.payload = transom::as_bytes(high), .priority = 2}, soon()).or_throw();
    EXPECT_EQ(recv(*rx).or_throw(), high);
    EXPECT_EQ(recv(*rx).or_throw(), low);
  }
}

TEST_F(posix_mq, the_default_capacity_is_ten_and_the_mode_is_as_asked) {
  auto rx = receiver(at(), {.mode = 0640}).or_throw();
  const auto queue = os::posix_queue::open(place_.posix()).or_throw();
  EXPECT_EQ(queue.max_messages(), 10u);
  EXPECT_EQ(queue.message_size(), static_cast<std::size_t>(os::posix_queue::limits().or_throw().message_size));
  EXPECT_EQ(rx->largest_message(), queue.message_size() - 16);
  auto small = receiver(place_.make("posix-mq"), {.max_message = 8}).or_throw();
  EXPECT_EQ(small->largest_message(), 8u);
}

TEST_F(posix_mq, a_strangers_queue_is_used_and_never_removed) {
  auto stranger = os::posix_queue::create(place_.posix(), {.max_messages = 2, .message_size = 64}).or_throw();
  {
    auto rx = receiver(at()).or_throw();
    EXPECT_EQ(rx->largest_message(), 48u);
    auto tx = sender(at()).or_throw();
    EXPECT_EQ(tx->largest_message(), 48u);
    send(*tx, filled(48));
    EXPECT_EQ(recv(*rx).or_throw(), filled(48));
  }
  EXPECT_TRUE(place_.posix_exists());
  {
    auto only = receiver(at(), {.receivers = 1}).or_throw();
    EXPECT_EQ(only->largest_message(), 48u) << "its geometry is a stranger's: no pieces";
  }
  auto refused = receiver(at(), {}, {.schema_hash = 7, .schema_text = "large", .least_message = 100});
  EXPECT_TRUE(refused.failed_with(errc::unsupported));
  auto alone = sender(at(), {.connect_timeout = 5ms}).or_throw();
  EXPECT_FALSE(alone->features().contains(transom::sees_close));
  send(*alone, "for whoever reads it");
  EXPECT_EQ(stranger.attributes().or_throw().messages, 1u);
  os::posix_queue::unlink(place_.posix()).or_throw();
}

TEST_F(posix_mq, a_leftover_of_a_stranger_used_by_a_dead_owner_is_not_removed) {
  auto stranger = os::posix_queue::create(place_.posix(), {.max_messages = 2, .message_size = 64}).or_throw();
  {
    transom::shm::testing::standing_child owner([&] { return receiver(at()).or_throw(); });
    owner.kill_and_reap();
  }
  {
    auto rx = receiver(at()).or_throw();
    EXPECT_EQ(rx->largest_message(), 48u);
  }
  os::posix_queue::unlink(place_.posix()).or_throw();
}

TEST_F(posix_mq, a_sender_that_leaves_an_empty_queue_takes_no_room_for_long) {
  auto rx = receiver(at(), {.capacity = 3, .keep_open = true}).or_throw();
  for (int i = 0; i < 10; ++i) {
    auto tx = sender(at()).or_throw();
    tx.reset();
  }
  EXPECT_EQ(os::posix_queue::open(place_.posix()).or_throw().attributes().or_throw().messages, 1u);
  EXPECT_TRUE(try_recv(*rx).failed_with(errc::would_block));
  auto tx = sender(at()).or_throw();
  for (int i = 0; i < 3; ++i) try_send(*tx, "x").or_throw();
}

TEST_F(posix_mq, limits_and_permissions_are_named) {
  EXPECT_TRUE(os::testing::with_limit(RLIMIT_MSGQUEUE, 1000, [&] {
    auto refused = receiver(at());
    return !refused && refused.error() == std::errc::too_many_files_open && refused.error().url() == at().text() &&
           refused.error().detail().find("RLIMIT_MSGQUEUE") != std::string_view::npos;
  }));
  auto rx = receiver(at(), {.mode = 0600}).or_throw();
  EXPECT_TRUE(os::testing::as_nobody([&] {
    auto refused = sender(at(), {.framing = transom::framing::raw, .connect_timeout = 1ms});
    return !refused && refused.error() == std::errc::permission_denied;
  }));
}
