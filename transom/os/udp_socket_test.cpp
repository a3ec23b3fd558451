// transom/os/udp_socket_test.cpp - datagrams, their senders, and the refusals that come later.
#include "transom/os/udp_socket.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <string>
#include <vector>

#include "transom/base/bytes.hpp"
#include "transom/os/testing.hpp"

using namespace std::chrono_literals;
using transom::as_bytes;
using transom::as_text;
using transom::deadline;
using transom::errc;
using transom::patience;
namespace os = transom::os;
using os::udp_socket;

TEST(udp_socket, a_datagram_tells_its_sender_who_can_be_answered) {
  auto server = udp_socket::bind("127.0.0.1", 0).or_throw();
  auto client = udp_socket::connect("127.0.0.1", server.local().or_throw().port()).or_throw();
  EXPECT_TRUE(os::testing::is_close_on_exec(server.fd()));
  EXPECT_TRUE(os::testing::is_close_on_exec(client.fd()));
  client.send(as_bytes("ping")).or_throw();
  std::array<std::byte, 16> into;
  os::socket_address from;
  EXPECT_EQ(server.recv_from(into, from).or_throw().size, 4u);
  EXPECT_EQ(from, client.local().or_throw());
  EXPECT_EQ(from.text(), "127.0.0.1:" + std::to_string(from.port()));
  server.send_to(from, as_bytes("pong!")).or_throw();
  EXPECT_EQ(client.recv(into).or_throw().size, 5u);
}

TEST(udp_socket, a_star_receives_over_v4) {
  auto server = udp_socket::bind("*", 0).or_throw();
  auto client = udp_socket::connect("localhost", server.local().or_throw().port()).or_throw();
  auto v4 = udp_socket::connect("127.0.0.1", server.local().or_throw().port()).or_throw();
  client.send(as_bytes("1")).or_throw();
  v4.send(as_bytes("2")).or_throw();
  std::array<std::byte, 16> into;
  EXPECT_EQ(server.recv(into).or_throw().size, 1u);
  EXPECT_EQ(server.recv(into).or_throw().size, 1u);
}

TEST(udp_socket, an_empty_one_would_block) {
  auto server = udp_socket::bind("127.0.0.1", 0).or_throw();
  std::array<std::byte, 16> into;
  os::socket_address from;
  EXPECT_TRUE(server.try_recv(into).failed_with(errc::would_block));
  EXPECT_TRUE(server.recv_from(into, from, patience::until_time(deadline::after(1ms))).failed_with(errc::timed_out));
}

TEST(udp_socket, an_empty_datagram_is_a_datagram) {
  auto server = udp_socket::bind("127.0.0.1", 0).or_throw();
  auto client = udp_socket::connect("127.0.0.1", server.local().or_throw().port()).or_throw();
  client.send(std::span<const std::byte>()).or_throw();
  std::array<std::byte, 16> into;
  EXPECT_EQ(server.recv(into).or_throw().size, 0u);
  EXPECT_TRUE(server.try_recv(into).failed_with(errc::would_block));
}

TEST(udp_socket, a_cut_datagram_says_so) {
  auto server = udp_socket::bind("127.0.0.1", 0).or_throw();
  auto client = udp_socket::connect("127.0.0.1", server.local().or_throw().port()).or_throw();
  client.send(as_bytes("0123456789")).or_throw();
  std::array<std::byte, 4> small;
  const auto got = server.recv(small).or_throw();
  EXPECT_EQ(got.size, 4u);
  EXPECT_EQ(got.message_size, 10u);
}

TEST(udp_socket, the_largest_datagram_goes_and_a_larger_one_is_refused) {
  auto server = udp_socket::bind("127.0.0.1", 0).or_throw();
  auto client = udp_socket::connect("127.0.0.1", server.local().or_throw().port()).or_throw();
  std::vector<std::byte> data(os::max_datagram + 1);
  auto refused = client.send(data);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), errc::message_too_large);
  EXPECT_NE(refused.error().detail().find("65507"), std::string::npos);
  client.send(std::span(data).first(os::max_datagram)).or_throw();
  EXPECT_EQ(server.recv(data).or_throw().size, os::max_datagram);
}

TEST(udp_socket, nobody_there_is_refused_by_a_later_call) {
  std::uint16_t port = 0;
  {
    auto server = udp_socket::bind("127.0.0.1", 0).or_throw();
    port = server.local().or_throw().port();
  }
  auto client = udp_socket::connect("127.0.0.1", port).or_throw();
  client.send(as_bytes("?")).or_throw();
  std::array<std::byte, 16> into;
  auto refused = client.recv(into);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), std::errc::connection_refused);
  EXPECT_EQ(refused.error().url(), "udp://127.0.0.1:" + std::to_string(port));
}

TEST(udp_socket, a_taken_port_is_in_use) {
  auto first = udp_socket::bind("127.0.0.1", 0).or_throw();
  EXPECT_TRUE(udp_socket::bind("127.0.0.1", first.local().or_throw().port()).failed_with(std::errc::address_in_use));
}

TEST(udp_socket, a_batch_knows_each_sender) {
  auto server = udp_socket::bind("127.0.0.1", 0).or_throw();
  auto client = udp_socket::bind("127.0.0.1", 0).or_throw();
  const auto to = server.local().or_throw();
  const std::array parts{os::buffer{"abc", 3}};
  const std::array messages{os::outgoing{parts, &to}, os::outgoing{parts, &to}};
  EXPECT_EQ(client.try_send_many(messages).or_throw(), 2u);
  std::array<std::byte, 8> room;
  const os::mutable_buffer into{room.data(), room.size()};
  std::array<os::socket_address, 2> from;
  std::array batch{os::incoming{{&into, 1}, {}, &from[0]}, os::incoming{{&into, 1}, {}, &from[1]}};
  EXPECT_EQ(server.try_recv_many(batch).or_throw(), 2u);
  EXPECT_EQ(from[0], client.local().or_throw());
  EXPECT_EQ(from[1], client.local().or_throw());
  EXPECT_EQ(batch[1].got.size, 3u);
}

TEST(udp_socket, a_socket_that_was_shut_down_is_closed_and_does_not_spin) {
  auto server = udp_socket::bind("127.0.0.1", 0).or_throw();
  auto client = udp_socket::connect("127.0.0.1", server.local().or_throw().port()).or_throw();
  client.shutdown(os::half::read).or_throw();
  std::array<std::byte, 4> some;
  EXPECT_TRUE(client.recv(some).failed_with(errc::closed));
}

TEST(udp_socket, only_a_udp_socket_can_be_adopted) {
  auto server = udp_socket::bind("127.0.0.1", 0).or_throw();
  EXPECT_TRUE(udp_socket::adopt(std::move(server).release()));
  transom::fd stream(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_TRUE(udp_socket::adopt(std::move(stream)).failed_with(errc::unsupported));
}

TEST(udp_socket, a_full_descriptor_table_is_named) {
  EXPECT_TRUE(os::testing::with_limit(RLIMIT_NOFILE, 3, [] {
    auto refused = udp_socket::bind("127.0.0.1", 0);
    return refused.failed_with(std::errc::too_many_files_open) &&
           refused.error().detail().find("RLIMIT_NOFILE") != std::string::npos;
  }));
}
