// transom/transport/connections_test.cpp - connections over real sockets and pipes: what the conformance suite cannot
// see from outside, because it needs a peer that misbehaves.
#include "transom/transport/connections.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <latch>
#include <string>
#include <thread>
#include <vector>

#include "transom/os/memfd.hpp"
#include "transom/os/own_process.hpp"
#include "transom/os/pipe.hpp"
#include "transom/os/poll.hpp"
#include "transom/os/tcp_socket.hpp"
#include "transom/os/unix_socket.hpp"
#include "transom/transport/frame.hpp"

using namespace std::chrono_literals;
using transom::deadline;
using transom::errc;
using transom::patience;
using transom::url;
namespace os = transom::os;
namespace tp = transom::transport;

namespace {

const tp::terms some_bytes{.schema_hash = 7, .schema_text = "bytes"};
const patience soon = patience::until_time(deadline::after(20s));

std::string unique(const char* scheme) {
  static std::atomic<int> count{0};
  return std::string(scheme) + ":///tmp/transom-connections-" + std::to_string(os::own_pid()) + '-' +
         std::to_string(++count);
}

transom::bytes filled(std::size_t size) {
  transom::bytes b(size);
  for (std::size_t i = 0; i < size; ++i) b[i] = static_cast<std::byte>(i * 7 + size);
  return b;
}

tp::ends pair_of(const char* text, transom::options how = {}) {
  const auto where = url::parse(text).or_throw();
  return where.scheme() == transom::scheme::pipe ? tp::open_pipe_pair(where, how, some_bytes).or_throw()
                                                 : tp::open_unix_pair(where, how, some_bytes).or_throw();
}

void send(tp::sending_end& tx, std::span<const std::byte> payload) { tx.send({.payload = payload}, soon).or_throw(); }

// Sends raw bytes to a new connection of a named receiver and says what the receiver makes of them.
transom::result<tp::incoming> after_garbage(std::span<const std::byte> garbage, tp::receiving_end& rx,
                                            const std::string& path) {
  auto stranger = os::unix_socket::connect(os::unix_address::path(path), os::socket_kind::stream, soon).or_throw();
  stranger.send_all(garbage, soon).or_throw();
  return rx.front(0, soon);
}

}  // namespace

class anonymous : public testing::TestWithParam<const char*> {};

TEST_P(anonymous, messages_of_every_size_arrive_whole_and_in_order) {
  auto ends = pair_of(GetParam(), {.max_message = 2u << 20});
  const std::vector<std::size_t> sizes{1,      0,      17,      4080,   4096, 60'000,   65'536,
                                       65'536, 65'536, 100'000, 65'536, 1,    2u << 20, 5};
  std::jthread sender([&] {
    for (std::size_t size : sizes) send(*ends.tx, filled(size));
    ends.tx->close();
  });
  for (std::size_t size : sizes) {
    auto got = ends.rx->front(0, soon).or_throw();
    ASSERT_EQ(got.payload.size(), size);
    ASSERT_TRUE(std::ranges::equal(got.payload, filled(size)));
    ends.rx->release();
  }
  EXPECT_TRUE(ends.rx->front(0, soon).failed_with(errc::closed));
  EXPECT_TRUE(ends.rx->front(0, patience::none()).failed_with(errc::closed));
}

TEST_P(anonymous, a_message_goes_straight_into_the_callers_memory_or_stays) {
  auto ends = pair_of(GetParam());
  const std::vector<std::size_t> sizes{65'536, 65'536, 30'000, 65'536, 3, 65'536, 65'536};
  std::jthread sender([&] {
    for (std::size_t size : sizes) send(*ends.tx, filled(size));
  });
  transom::bytes room(65'536);
  for (std::size_t size : sizes) {
    if (size > 100) {
      auto refused = ends.rx->receive_into(std::span(room).first(100), 0, soon);
      ASSERT_TRUE(refused.failed_with(errc::message_too_large));
      EXPECT_EQ(refused.error().detail(), std::to_string(size));
    }
    ASSERT_EQ(ends.rx->receive_into(room, 0, soon).or_throw(), size);
    ASSERT_TRUE(std::ranges::equal(std::span(room).first(size), filled(size)));
  }
}

TEST_P(anonymous, larger_messages_than_expected_go_straight_too) {
  auto ends = pair_of(GetParam(), {.max_message = 200'000});
  transom::bytes room(200'000);
  for (std::size_t size : {4096u, 4096u, 5000u, 9000u, 8999u, 30'000u, 8000u, 50'000u}) {
    send(*ends.tx, filled(size));
    ASSERT_EQ(ends.rx->receive_into(room, 0, soon).or_throw(), size);
    ASSERT_TRUE(std::ranges::equal(std::span(room).first(size), filled(size)));
  }
}

TEST_P(anonymous, what_is_claimed_and_filled_is_sent) {
  auto ends = pair_of(GetParam());
  for (std::size_t size : {10u, 0u, 2048u, 2049u, 4080u, 30'000u, 5u}) {
    const auto content = filled(size);
    auto memory = ends.tx->claim(size, soon).or_throw();
    std::ranges::copy(content, memory.begin());
    ends.tx->commit({.payload = memory}, soon).or_throw();
    auto got = ends.rx->front(0, soon).or_throw();
    EXPECT_TRUE(std::ranges::equal(got.payload, content));
    ends.rx->release();
  }
}

TEST_P(anonymous, many_messages_go_in_few_calls_and_arrive_each) {
  auto ends = pair_of(GetParam());
  constexpr std::size_t count = 5000;
  const auto one = filled(64);
  std::jthread sender([&] {
    std::vector<tp::outgoing> all(count, tp::outgoing{.payload = one});
    for (std::size_t sent = 0; sent < count;) sent += ends.tx->send_many(std::span(all).subspan(sent), soon).or_throw();
    ends.tx->close();
  });
  std::size_t received = 0;
  for (;; ++received) {
    auto got = ends.rx->front(0, soon);
    if (!got) break;
    ASSERT_TRUE(std::ranges::equal(got->payload, one));
    EXPECT_EQ(got->info.sequence, received + 1);
    ends.rx->release();
  }
  EXPECT_EQ(received, count);
}

TEST_P(anonymous, a_full_channel_refuses_to_take_more_and_keeps_what_it_has) {
  auto ends = pair_of(GetParam());
  const auto one = filled(10'000);
  std::size_t accepted = 0;
  while (ends.tx->send({.payload = one}, patience::none())) ++accepted;
  ASSERT_GT(accepted, 0u);
  EXPECT_TRUE(ends.tx->send({.payload = one}, patience::until_time(deadline::after(5ms))).failed_with(errc::timed_out));
  for (std::size_t i = 0; i < accepted; ++i) {
    ASSERT_TRUE(std::ranges::equal(ends.rx->front(0, soon).or_throw().payload, one));
    ends.rx->release();
  }
  EXPECT_TRUE(ends.rx->front(0, patience::none()).failed_with(errc::would_block));
  send(*ends.tx, one);
  EXPECT_TRUE(ends.rx->front(0, soon).has_value());
}

TEST_P(anonymous, closing_a_full_channel_is_still_an_orderly_end) {
  auto ends = pair_of(GetParam());
  const auto one = filled(3000);
  std::size_t accepted = 0;
  while (ends.tx->send({.payload = one}, patience::none())) ++accepted;
  ends.tx->close();
  for (std::size_t i = 0; i < accepted; ++i) {
    ASSERT_TRUE(ends.rx->front(0, soon).has_value());
    ends.rx->release();
  }
  EXPECT_TRUE(ends.rx->front(0, soon).failed_with(errc::closed));
}

TEST_P(anonymous, close_in_another_thread_wakes_both_sides) {
  auto ends = pair_of(GetParam());
  std::atomic<bool> inside{false};
  std::jthread closer([&] {
    while (!inside) std::this_thread::yield();
    ends.rx->close();
  });
  inside = true;
  EXPECT_TRUE(ends.rx->front(0, soon).failed_with(errc::closed));
  closer.join();
  EXPECT_TRUE(ends.tx->send({.payload = filled(10)}, soon).failed_with(errc::closed));
  EXPECT_TRUE(ends.tx->send({.payload = filled(10)}, soon).failed_with(errc::closed));
}

TEST_P(anonymous, a_stop_ends_a_receiver_and_a_sender_that_wait) {
  auto ends = pair_of(GetParam());
  std::stop_source source;
  std::jthread stopper([&] { source.request_stop(); });
  EXPECT_TRUE(ends.rx->front(0, patience::forever(source.get_token())).failed_with(errc::canceled));
  send(*ends.tx, filled(5));
  EXPECT_TRUE(ends.rx->front(0, patience::forever(source.get_token())).failed_with(errc::canceled)) << "even with data";
  EXPECT_TRUE(ends.tx->send({.payload = filled(5)}, patience::forever(source.get_token())).failed_with(errc::canceled));
  EXPECT_TRUE(ends.rx->front(0, soon).has_value());
}

TEST_P(anonymous, the_descriptor_is_readable_exactly_while_something_can_be_received) {
  auto ends = pair_of(GetParam());
  const int number = ends.rx->ready_fd().or_throw();
  auto readable = [&] {
    std::array<os::poll_item, 1> item{os::poll_item{number, os::interest::readable, 0}};
    return os::poll(item, deadline::passed()).or_throw() == 1;
  };
  EXPECT_FALSE(readable());
  const auto one = filled(8);
  const std::vector<tp::outgoing> three(3, tp::outgoing{.payload = one});
  EXPECT_EQ(ends.tx->send_many(three, soon).or_throw(), 3u);
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(readable()) << i;
    ends.rx->front(0, patience::none()).or_throw();
    ends.rx->release();
  }
  EXPECT_TRUE(ends.rx->front(0, patience::none()).failed_with(errc::would_block));
  EXPECT_FALSE(readable());
  ends.tx->close();
  EXPECT_TRUE(readable());
  EXPECT_TRUE(ends.rx->front(0, patience::none()).failed_with(errc::closed));
  EXPECT_TRUE(readable());
}

INSTANTIATE_TEST_SUITE_P(schemes, anonymous, testing::Values("unix:", "unix+stream:", "pipe:"), [](const auto& info) {
  return std::string(info.param).substr(0, 4) + std::to_string(info.index);
});

class named : public testing::TestWithParam<const char*> {
 protected:
  std::string text_ = std::string(GetParam()) == "tcp" ? "tcp://127.0.0.1:0" : unique(GetParam());
  std::unique_ptr<tp::receiving_end> rx_ = open_rx(text_);
  url real_ = url::parse(rx_->url()).or_throw();

  static transom::result<std::unique_ptr<tp::receiving_end>> try_rx(const std::string& text) {
    const auto where = url::parse(text).or_throw();
    return where.scheme() == transom::scheme::tcp ? tp::open_tcp_receiver(where, {}, some_bytes)
                                                  : tp::open_unix_receiver(where, {}, some_bytes);
  }
  static std::unique_ptr<tp::receiving_end> open_rx(const std::string& text) { return try_rx(text).or_throw(); }
  transom::result<std::unique_ptr<tp::sending_end>> open_tx(tp::terms agreed = some_bytes, transom::options how = {}) {
    return real_.scheme() == transom::scheme::tcp ? tp::open_tcp_sender(real_, how, agreed)
                                                  : tp::open_unix_sender(real_, how, agreed);
  }
};

TEST_P(named, many_senders_are_heard_each_in_its_order_and_the_end_comes_when_the_last_has_closed) {
  constexpr int senders = 8;
  constexpr std::uint64_t each = 500;
  std::latch all_have_come(senders);  // else the first ones may come, speak and leave before the last is there
  std::vector<std::jthread> crowd;
  for (int s = 0; s < senders; ++s) {
    crowd.emplace_back([&, s] {
      auto tx = open_tx().or_throw();
      all_have_come.arrive_and_wait();
      for (std::uint64_t n = 1; n <= each; ++n) {
        std::array<std::byte, 16> message;
        transom::store_le(message.data(), static_cast<std::uint64_t>(s));
        transom::store_le(message.data() + 8, n);
        send(*tx, message);
      }
    });
  }
  std::vector<std::uint64_t> last(senders);
  for (;;) {
    auto got = rx_->front(0, soon);
    if (!got) {
      EXPECT_EQ(got.error(), errc::closed);
      break;
    }
    const auto who = transom::load_le<std::uint64_t>(got->payload.data());
    ASSERT_EQ(transom::load_le<std::uint64_t>(got->payload.data() + 8), ++last.at(who));
    rx_->release();
  }
  EXPECT_EQ(std::ranges::count(last, each), senders);
}

TEST_P(named, a_sender_of_another_type_is_told_at_open_and_never_counts) {
  auto wrong = open_tx({.schema_hash = 8, .schema_text = "u32"});
  ASSERT_TRUE(wrong.failed_with(errc::type_mismatch));
  EXPECT_EQ(wrong.error().detail(), "here u32, there bytes");
  EXPECT_TRUE(rx_->front(0, patience::none()).failed_with(errc::would_block));
  auto right = open_tx().or_throw();
  send(*right, filled(3));
  EXPECT_EQ(rx_->front(0, soon).or_throw().payload.size(), 3u);
}

TEST_P(named, a_second_owner_is_refused_while_the_first_lives) {
  auto second = try_rx(std::string(rx_->url()));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error(), std::errc::address_in_use) << second.error().message();
}

TEST_P(named, a_sender_waits_for_an_owner_no_longer_than_it_was_told) {
  rx_.reset();
  auto lonely = open_tx(some_bytes, {.connect_timeout = 30ms});
  ASSERT_TRUE(lonely.failed_with(errc::no_peer)) << lonely.error().message();
  EXPECT_EQ(lonely.error().url(), real_.text());
}

INSTANTIATE_TEST_SUITE_P(schemes, named, testing::Values("unix", "unix+stream", "tcp"), [](const auto& info) {
  return std::string(info.param).substr(0, 4) + std::to_string(info.index);
});

TEST(garbage, on_a_connection_is_an_error_once_and_the_others_go_on) {
  const std::string text = unique("unix+stream");
  const auto where = url::parse(text).or_throw();
  auto rx = tp::open_unix_receiver(where, {}, some_bytes).or_throw();
  auto tx = tp::open_unix_sender(where, {}, some_bytes).or_throw();
  transom::bytes noise(100, std::byte{0xAB});
  EXPECT_TRUE(after_garbage(noise, *rx, where.address()).failed_with(errc::protocol_error));
  transom::bytes frame(16);
  tp::encode_header({.length = 0, .kind = tp::frame_kind::data}, frame.data());
  EXPECT_TRUE(after_garbage(frame, *rx, where.address()).failed_with(errc::protocol_error))
      << "a message before the hello";
  auto hello = tp::encode_hello(some_bytes, 10, 0);
  hello[20] = std::byte{9};  // another version
  auto other = after_garbage(hello, *rx, where.address());
  ASSERT_TRUE(other.failed_with(errc::protocol_error));
  EXPECT_NE(other.error().detail().find("version 9"), std::string_view::npos);
  auto huge = tp::encode_hello(some_bytes, 10, 0);
  huge.resize(huge.size() + 16);
  tp::encode_header({.length = 1u << 29, .kind = tp::frame_kind::data}, huge.data() + huge.size() - 16);
  EXPECT_TRUE(after_garbage(huge, *rx, where.address()).failed_with(errc::protocol_error));
  send(*tx, filled(9));
  EXPECT_EQ(rx->front(0, soon).or_throw().payload.size(), 9u);
}

TEST(stale_socket, of_a_dead_owner_is_replaced_and_a_living_ones_is_not) {
  const std::string text = unique("unix");
  const auto where = url::parse(text).or_throw();
  {
    auto left = os::unix_listener::listen(os::unix_address::path(where.address()), os::socket_kind::seqpacket,
                                          {.remove_file = false})
                    .or_throw();
    auto refused = tp::open_unix_receiver(where, {}, some_bytes);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error(), std::errc::address_in_use);
  }
  EXPECT_TRUE(tp::open_unix_receiver(where, {}, some_bytes).has_value());
}

TEST(framing, lines_lengths_and_raw_bytes_are_what_other_programs_send) {
  auto through = [](const char* key, std::string_view written) {
    auto pipe = os::pipe::make().or_throw();
    const int number = std::move(pipe.reader).release().release();
    auto where = url::parse("fd:" + std::to_string(number) + "?framing=" + key).or_throw();
    auto rx = tp::open_descriptor_receiver(where, transom::with_url_keys({}, where).or_throw(), {}).or_throw();
    pipe.writer.write_all(transom::as_bytes(written)).or_throw();
    { auto gone = std::move(pipe.writer); }
    std::vector<std::string> got;
    for (;;) {
      auto message = rx->front(0, soon);
      if (!message) {
        got.push_back(message.error().code().message());
        return got;
      }
      got.emplace_back(transom::as_text(message->payload));
      rx->release();
    }
  };
  using list = std::vector<std::string>;
  EXPECT_EQ(through("line", "one\n\ntwo\nlast"), (list{"one", "", "two", "last", "closed"}));
  EXPECT_EQ(through("raw", "any\nthing"), (list{"any\nthing", "closed"}));
  EXPECT_EQ(through("length", std::string_view("\0\0\0\2hi\0\0\0\0", 10)), (list{"hi", "", "closed"}));
  EXPECT_EQ(through("length", std::string_view("\0\0\0\5hi", 6)), (list{"peer died"}));
}

TEST(framing, a_sender_that_reconnects_to_another_program_greets_nobody) {
  const auto where = url::parse(unique("unix+stream") + "?framing=raw&reconnect=true").or_throw();
  auto program = os::unix_listener::listen(os::unix_address::path(where.address()), os::socket_kind::stream).or_throw();
  auto tx = tp::open_unix_sender(where, transom::with_url_keys({}, where).or_throw(), {}).or_throw();
  program.accept(soon).or_throw();  // and hangs up
  transom::result<void> sent;
  while (sent) sent = tx->send({.payload = transom::as_bytes("one")}, soon);
  EXPECT_EQ(sent.error(), errc::closed);
  send(*tx, transom::as_bytes("two"));
  tx->close();
  auto again = program.accept(soon).or_throw();
  std::string heard(100, ' ');
  heard.resize(again.recv(std::as_writable_bytes(std::span(heard)), soon).or_throw().size);
  EXPECT_EQ(heard, "two");
}

TEST(framing, a_file_is_received_to_its_end) {
  auto memory = os::memfd::make("file", {.size = 100'000}).or_throw();
  const int number = std::move(memory).release().release();
  auto where = url::parse("fd:" + std::to_string(number) + "?framing=raw").or_throw();
  auto rx = tp::open_descriptor_receiver(where, transom::with_url_keys({}, where).or_throw(), {}).or_throw();
  EXPECT_GE(rx->ready_fd().or_throw(), 0);
  std::size_t total = 0;
  for (auto piece = rx->front(0, soon); piece; piece = rx->front(0, soon)) {
    total += piece->payload.size();
    rx->release();
  }
  EXPECT_EQ(total, 100'000u);
  EXPECT_EQ(rx->front(0, soon).error(), errc::closed);
}

TEST(framing, a_raw_packet_beyond_max_message_is_a_protocol_error) {
  auto [ours, theirs] = os::unix_socket::pair(os::socket_kind::seqpacket).or_throw();
  const int number = std::move(ours).release().release();
  auto where = url::parse("fd:" + std::to_string(number) + "?framing=raw&max_message=10").or_throw();
  auto rx = tp::open_descriptor_receiver(where, transom::with_url_keys({}, where).or_throw(), {}).or_throw();
  theirs.send_all(filled(10), soon).or_throw();
  theirs.send_all(filled(11), soon).or_throw();
  EXPECT_EQ(rx->front(0, soon).or_throw().payload.size(), 10u);
  rx->release();
  EXPECT_EQ(rx->front(0, soon).error(), errc::protocol_error);
}
