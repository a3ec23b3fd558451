// transom/os/socket_test.cpp - what holds for every socket: boundaries, scattering, batches, sizes, and no SIGPIPE.
#include "transom/os/socket.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "transom/base/bytes.hpp"
#include "transom/os/testing.hpp"
#include "transom/os/unix_socket.hpp"

using namespace std::chrono_literals;
using transom::as_bytes;
using transom::as_text;
using transom::deadline;
using transom::errc;
using transom::patience;
namespace os = transom::os;
using os::socket_kind;

namespace {

auto pair_of(socket_kind kind) { return os::unix_socket::pair(kind).or_throw(); }

std::string received_text(const os::socket& from, std::size_t room = 64) {
  std::vector<std::byte> into(room);
  const auto got = from.recv(into).or_throw();
  return std::string(as_text(std::span(into).first(got.size)));
}

}  // namespace

TEST(socket, is_close_on_exec_and_non_blocking_from_birth) {
  auto [a, b] = pair_of(socket_kind::stream);
  EXPECT_TRUE(os::testing::is_close_on_exec(a.fd()));
  EXPECT_TRUE(os::testing::is_close_on_exec(b.fd()));
  EXPECT_NE(::fcntl(a.fd(), F_GETFL) & O_NONBLOCK, 0);
}

TEST(socket, buffers_are_sent_and_received_scattered) {
  for (auto kind : {socket_kind::stream, socket_kind::datagram, socket_kind::seqpacket}) {
    auto [a, b] = pair_of(kind);
    const std::array parts{os::buffer{"one", 3}, os::buffer{"", 0}, os::buffer{"two!", 4}};
    EXPECT_EQ(a.try_send(parts).or_throw(), 7u);
    std::array<char, 2> head{};
    std::array<char, 10> tail{};
    const std::array into{os::mutable_buffer{head.data(), 2}, os::mutable_buffer{tail.data(), 10}};
    const auto got = b.try_recv(into).or_throw();
    EXPECT_EQ(got.size, 7u);
    EXPECT_FALSE(got.truncated());
    EXPECT_EQ(std::string(head.data(), 2) + tail.data(), "onetwo!");
  }
}

TEST(socket, a_message_too_long_for_the_buffer_tells_its_real_size) {
  for (auto kind : {socket_kind::datagram, socket_kind::seqpacket}) {
    auto [a, b] = pair_of(kind);
    a.send(as_bytes("0123456789")).or_throw();
    std::array<std::byte, 4> small;
    const auto got = b.recv(small).or_throw();
    EXPECT_EQ(got.size, 4u);
    EXPECT_EQ(got.message_size, 10u);
    EXPECT_TRUE(got.truncated());
  }
}

TEST(socket, a_stream_keeps_what_did_not_fit) {
  auto [a, b] = pair_of(socket_kind::stream);
  a.send(as_bytes("0123456789")).or_throw();
  EXPECT_EQ(received_text(b, 4), "0123");
  EXPECT_EQ(received_text(b), "456789");
}

TEST(socket, an_empty_one_would_block_and_a_full_one_too) {
  for (auto kind : {socket_kind::stream, socket_kind::datagram, socket_kind::seqpacket}) {
    auto [a, b] = pair_of(kind);
    std::vector<std::byte> page(4096);
    EXPECT_TRUE(b.try_recv(page).failed_with(errc::would_block));
    EXPECT_TRUE(b.recv(page, patience::until_time(deadline::after(1ms))).failed_with(errc::timed_out));
    while (a.try_send(page)) {}
    EXPECT_TRUE(a.try_send(page).failed_with(errc::would_block));
    EXPECT_TRUE(a.send(page, patience::until_time(deadline::after(1ms))).failed_with(errc::timed_out));
    EXPECT_TRUE(a.send(page, patience::none()).failed_with(errc::would_block));
  }
}

TEST(socket, room_wakes_a_sender_that_waits) {
  auto [a, b] = pair_of(socket_kind::datagram);
  std::vector<std::byte> page(4096);
  while (a.try_send(page)) {}
  std::jthread reader([&b = b] {
    std::vector<std::byte> into(4096);
    while (b.try_recv(into)) {}
  });
  EXPECT_EQ(a.send(page).or_throw(), page.size());
}

TEST(socket, a_stop_token_ends_a_wait) {
  auto [a, b] = pair_of(socket_kind::seqpacket);
  std::stop_source source;
  std::jthread stopper([&] { source.request_stop(); });
  std::array<std::byte, 1> one;
  EXPECT_TRUE(b.recv(one, patience::forever(source.get_token())).failed_with(errc::canceled));
  EXPECT_TRUE(a.send(one, patience::forever(source.get_token())).failed_with(errc::canceled));
}

TEST(socket, the_end_has_size_zero_and_sending_into_it_raises_no_signal) {
  ASSERT_EQ(::signal(SIGPIPE, SIG_DFL), SIG_DFL);  // so that a SIGPIPE would end this test
  for (auto kind : {socket_kind::stream, socket_kind::seqpacket}) {
    auto [a, b] = pair_of(kind);
    { auto gone = std::move(a); }
    std::array<std::byte, 4> some{};
    EXPECT_EQ(b.recv(some).or_throw().size, 0u);
    auto sent = b.send(some);
    ASSERT_FALSE(sent);
    EXPECT_EQ(sent.error(), std::errc::broken_pipe);
  }
}

TEST(socket, a_peer_that_left_messages_unread_reset_the_connection) {
  auto [a, b] = pair_of(socket_kind::seqpacket);
  a.send(as_bytes("never read")).or_throw();
  { auto gone = std::move(b); }
  std::array<std::byte, 4> some{};
  auto got = a.recv(some);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error(), std::errc::connection_reset);
}

TEST(socket, shutdown_ends_one_direction) {
  auto [a, b] = pair_of(socket_kind::stream);
  a.shutdown(os::half::write).or_throw();
  std::array<std::byte, 4> some{};
  EXPECT_EQ(b.recv(some).or_throw().size, 0u);
  b.send_all(as_bytes("back")).or_throw();
  EXPECT_EQ(received_text(a), "back");
}

TEST(socket, a_datagram_socket_that_was_shut_down_is_closed_and_does_not_spin) {
  auto [a, b] = pair_of(socket_kind::datagram);
  b.shutdown(os::half::read).or_throw();
  std::array<std::byte, 4> some{};
  EXPECT_TRUE(b.recv(some).failed_with(errc::closed));
}

TEST(socket, a_message_beyond_the_send_buffer_is_too_large_and_the_limit_is_named) {
  auto [a, b] = pair_of(socket_kind::seqpacket);
  const std::size_t given = a.set_send_buffer(8192).or_throw();
  std::vector<std::byte> huge(given * 2);
  auto sent = a.send(huge);
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error(), errc::message_too_large);
  EXPECT_EQ(sent.error(), std::errc::message_size);
  EXPECT_NE(sent.error().message().find("wmem_max"), std::string::npos);
}

TEST(socket, buffer_sizes_are_what_the_kernel_gave) {
  auto [a, b] = pair_of(socket_kind::stream);
  EXPECT_EQ(a.set_send_buffer(20'000).or_throw(), 40'000u);
  EXPECT_EQ(a.send_buffer().or_throw(), 40'000u);
  EXPECT_EQ(a.set_receive_buffer(10'000).or_throw(), 20'000u);
  EXPECT_EQ(a.receive_buffer().or_throw(), 20'000u);
  EXPECT_LT(a.set_send_buffer(std::size_t{1} << 40).or_throw(), std::size_t{1} << 40);  // cut at wmem_max
}

TEST(socket, what_waits_can_be_counted_at_both_ends) {
  auto [a, b] = pair_of(socket_kind::stream);
  EXPECT_EQ(a.unsent().or_throw(), 0u);
  a.send(as_bytes("12345")).or_throw();
  EXPECT_EQ(b.pending().or_throw(), 5u);
  EXPECT_GE(a.unsent().or_throw(), 5u);
  received_text(b);
  EXPECT_EQ(b.pending().or_throw(), 0u);
  EXPECT_EQ(a.unsent().or_throw(), 0u);
}

TEST(socket, no_error_waits_on_a_healthy_socket) {
  auto [a, b] = pair_of(socket_kind::stream);
  EXPECT_TRUE(a.take_error());
}

TEST(socket, a_batch_keeps_order_boundaries_and_truncation) {
  for (auto kind : {socket_kind::datagram, socket_kind::seqpacket}) {
    auto [a, b] = pair_of(kind);
    const std::array first{os::buffer{"a", 1}, os::buffer{"bc", 2}};
    const std::array second{os::buffer{"0123456789", 10}};
    const std::array messages{os::outgoing{first}, os::outgoing{second}};
    EXPECT_EQ(a.try_send_many(messages).or_throw(), 2u);

    std::array<char, 8> room[3]{};
    std::array<os::mutable_buffer, 3> into;
    std::array<os::incoming, 3> batch;
    for (std::size_t i = 0; i < 3; ++i) {
      into[i] = {room[i].data(), room[i].size()};
      batch[i].into = std::span(&into[i], 1);
    }
    EXPECT_EQ(b.try_recv_many(batch).or_throw(), 2u);
    EXPECT_EQ(std::string(room[0].data(), batch[0].got.size), "abc");
    EXPECT_FALSE(batch[0].got.truncated());
    EXPECT_EQ(std::string(room[1].data(), batch[1].got.size), "01234567");
    EXPECT_EQ(batch[1].got.message_size, 10u);
    EXPECT_TRUE(b.try_recv_many(batch).failed_with(errc::would_block));
  }
}

TEST(socket, a_batch_larger_than_one_system_call_goes_on_until_the_buffer_is_full) {
  auto [a, b] = pair_of(socket_kind::seqpacket);
  const os::buffer one{"x", 1};
  const std::vector<os::outgoing> messages(100, os::outgoing{{&one, 1}});
  EXPECT_EQ(a.try_send_many(messages).or_throw(), 100u);
  std::size_t total = 100;
  while (auto sent = a.try_send_many(messages)) total += *sent;
  EXPECT_TRUE(a.try_send_many(messages).failed_with(errc::would_block));

  std::byte sink{};
  const os::mutable_buffer into{&sink, 1};
  std::vector<os::incoming> batch(total + 1, os::incoming{{&into, 1}});
  EXPECT_EQ(b.try_recv_many(batch).or_throw(), total);
}
