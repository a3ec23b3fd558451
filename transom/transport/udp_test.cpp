// transom/transport/udp_test.cpp - udp promises little, and keeps it: whole messages or none, never one twice, and no
// datagram of whoever it may be is an error.
#include "transom/transport/udp.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "transom/os/udp_socket.hpp"
#include "transom/transport/frame.hpp"
#include "transom/transport/shared_testing.hpp"

using namespace transom::transport::testing;
using transom::errc;
using transom::patience;
namespace os = transom::os;
namespace shm = transom::shm;
namespace tp = transom::transport;

class udp : public testing::Test {
 protected:
  static transom::url at(const std::string& keys = "") {
    return transom::url::parse("udp://127.0.0.1:0" + (keys.empty() ? "" : "?" + keys)).or_throw();
  }
  static transom::url real(const tp::receiving_end& rx) { return transom::url::parse(rx.url()).or_throw(); }
  static transom::bytes frame(std::uint32_t sender, std::uint32_t number, std::string_view payload) {
    transom::bytes out(16 + payload.size());
    tp::encode_header({.length = static_cast<std::uint32_t>(payload.size()), .sender = sender, .sequence = number},
                      out.data());
    std::ranges::copy(transom::as_bytes(payload), out.begin() + 16);
    return out;
  }
  shm::testing::scratch records_;
};

TEST_F(udp, messages_arrive_whole_on_a_port_that_was_free) {
  auto rx = named_receiver(at()).or_throw();
  EXPECT_NE(real(*rx).port(), 0);
  EXPECT_EQ(rx->features(), tp::udp_features);
  EXPECT_EQ(rx->largest_message(), 65'000u);
  auto tx = named_sender(real(*rx)).or_throw();
  for (const std::size_t size : {0u, 1u, 1400u, 65'000u}) {
    send(*tx, filled(size));
    EXPECT_EQ(recv(*rx).or_throw(), filled(size));
  }
  EXPECT_TRUE(try_send(*tx, filled(65'001)).failed_with(errc::message_too_large));
  EXPECT_TRUE(try_recv(*rx).failed_with(errc::would_block));
  EXPECT_TRUE(recv(*rx, patience::until_time(transom::deadline::after(5ms))).failed_with(errc::timed_out));
  rx.reset();
  tx.reset();
  EXPECT_TRUE(records_.files().empty());
}

TEST_F(udp, many_messages_go_and_come_in_few_calls) {
  auto rx = named_receiver(at()).or_throw();
  auto tx = named_sender(real(*rx)).or_throw();
  const int number = rx->ready_fd().or_throw();
  EXPECT_FALSE(is_readable(number));
  const std::string one = filled(64);
  const std::vector<tp::outgoing> all(200, tp::outgoing{.payload = transom::as_bytes(one)});
  EXPECT_EQ(tx->send_many(all, soon()).or_throw(), 200u);
  for (std::uint64_t n = 1; n <= 200; ++n) {
    EXPECT_TRUE(becomes_readable(number));
    auto got = rx->front(0, soon()).or_throw();
    ASSERT_EQ(got.info.sequence, n);
    rx->release();
  }
  EXPECT_FALSE(is_readable(number));
}

TEST_F(udp, what_nobody_listens_for_is_lost_and_no_error) {
  auto rx = named_receiver(at()).or_throw();
  const auto where = real(*rx);
  auto tx = named_sender(where).or_throw();
  rx.reset();
  for (int i = 0; i < 20; ++i) send(*tx, "into the void");
  auto next = named_receiver(where).or_throw();
  send(*tx, "heard");
  EXPECT_EQ(recv(*next).or_throw(), "heard");
}

TEST_F(udp, garbage_and_doubles_are_dropped) {
  auto rx = named_receiver(at("max_message=100")).or_throw();
  auto stranger = os::udp_socket::connect("127.0.0.1", real(*rx).port()).or_throw();
  const auto say = [&](std::span<const std::byte> what) { stranger.send(what, soon()).or_throw(); };
  say(transom::as_bytes("hello, is anybody there?"));
  say(transom::as_bytes(""));
  say(frame(1, 1, filled(101)));
  auto lying = frame(1, 1, "four");
  lying.pop_back();
  say(lying);
  std::array<std::byte, 16> close;
  tp::encode_header({.kind = tp::frame_kind::close, .sender = 1, .sequence = 2}, close.data());
  say(close);
  say(frame(1, 3, "three"));
  say(frame(1, 3, "three"));
  say(frame(1, 2, "two"));
  say(frame(1, 2, "two"));
  say(frame(2, 3, "another sender"));
  say(frame(1, 200, "far ahead"));
  say(frame(1, 4, "far behind"));
  say(frame(1, 150, "overtaken"));
  for (const char* text : {"three", "two", "another sender", "far ahead", "overtaken"})
    EXPECT_EQ(recv(*rx).or_throw(), text);
  EXPECT_TRUE(try_recv(*rx).failed_with(errc::would_block));
}

TEST_F(udp, raw_is_one_datagram_without_a_header) {
  auto rx = named_receiver(at("framing=raw"), {}, {}).or_throw();
  auto tx = named_sender(real(*rx), {}, {}).or_throw();
  for (const char* text : {"one", "", "three"}) {
    send(*tx, text);
    EXPECT_EQ(recv(*rx).or_throw(), text);
  }
}

TEST_F(udp, what_it_does_not_promise_cannot_be_required) {
  for (const auto feature : {transom::reliable, transom::ordered, transom::backpressure, transom::sees_close})
    EXPECT_TRUE(named_receiver(at(), {.require = feature}).failed_with(errc::unsupported));
  EXPECT_TRUE(named_receiver(at("max_message=65001")).failed_with(errc::message_too_large));
  EXPECT_TRUE(named_receiver(at("framing=line")).failed_with(errc::unsupported));
  EXPECT_TRUE(named_sender(at()).failed_with(errc::bad_url));
}

TEST_F(udp, a_port_has_one_owner_and_on_this_host_one_type) {
  auto rx = named_receiver(at()).or_throw();
  auto second = named_receiver(real(*rx));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error(), std::errc::address_in_use);
  EXPECT_TRUE(named_sender(real(*rx), {}, {.schema_hash = 8, .schema_text = "u32"}).failed_with(errc::type_mismatch));
}

TEST_F(udp, close_and_stop_end_a_receiver_that_waits) {
  auto rx = named_receiver(at()).or_throw();
  auto tx = named_sender(real(*rx)).or_throw();
  std::stop_source source;
  std::jthread stopper([&] { source.request_stop(); });
  EXPECT_TRUE(recv(*rx, patience::forever(source.get_token())).failed_with(errc::canceled));
  tx->close();
  EXPECT_TRUE(tx->send({.payload = {}}, soon()).failed_with(errc::closed));
  EXPECT_TRUE(try_recv(*rx).failed_with(errc::would_block)) << "nobody's end is ever seen";
  std::jthread closer([&] { rx->close(); });
  EXPECT_TRUE(recv(*rx).failed_with(errc::closed));
  stopper.join();  // a fork copies one thread; the others should be no more
  closer.join();
  EXPECT_TRUE(os::testing::in_child([&] { return try_recv(*rx).failed_with(errc::forked); }));
}

TEST_F(udp, clones_send_on_their_own) {
  auto rx = named_receiver(at()).or_throw();
  auto tx = named_sender(real(*rx)).or_throw();
  auto other = tx->clone().or_throw();
  auto memory = other->claim(3, soon()).or_throw();
  std::ranges::copy(transom::as_bytes("abc"), memory.begin());
  other->commit({.payload = memory}, soon()).or_throw();
  EXPECT_EQ(recv(*rx).or_throw(), "abc");
  EXPECT_TRUE(rx->give().failed_with(errc::unsupported));
  EXPECT_TRUE(tx->give().failed_with(errc::unsupported));
}
