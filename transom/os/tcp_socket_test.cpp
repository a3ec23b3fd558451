// transom/os/tcp_socket_test.cpp - connecting, refusing, resolving, and both internet families.
#include "transom/os/tcp_socket.hpp"

#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>
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
using os::tcp_listener;
using os::tcp_socket;

namespace {

std::string received_text(const os::socket& from) {
  std::array<std::byte, 64> into;
  return std::string(as_text(std::span(into).first(from.recv(into).or_throw().size)));
}

int option(int fd, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  ::getsockopt(fd, level, name, &value, &size);
  return value;
}

bool has_v6() { return tcp_listener::listen("[::1]", 0).has_value(); }

}  // namespace

TEST(tcp_socket, port_zero_becomes_a_real_one_and_bytes_go_both_ways) {
  auto listener = tcp_listener::listen("127.0.0.1", 0).or_throw();
  const auto port = listener.local().port();
  EXPECT_NE(port, 0);
  EXPECT_EQ(listener.local().text(), "127.0.0.1:" + std::to_string(port));
  EXPECT_TRUE(listener.try_accept().failed_with(errc::would_block));
  auto client = tcp_socket::connect("127.0.0.1", port).or_throw();
  auto server = listener.accept().or_throw();
  for (const int fd : {listener.fd(), client.fd(), server.fd()}) EXPECT_TRUE(os::testing::is_close_on_exec(fd));
  client.send_all(as_bytes("question")).or_throw();
  EXPECT_EQ(received_text(server), "question");
  server.send_all(as_bytes("answer")).or_throw();
  EXPECT_EQ(received_text(client), "answer");
  EXPECT_EQ(client.peer().or_throw(), server.local().or_throw());
  EXPECT_EQ(client.peer().or_throw().text(), listener.local().text());
  { auto gone = std::move(client); }
  std::array<std::byte, 1> one;
  EXPECT_EQ(server.recv(one).or_throw().size, 0u);
}

TEST(tcp_socket, every_form_of_host_is_understood) {
  auto any = tcp_listener::listen("*", 0).or_throw();
  const auto port = any.local().port();
  EXPECT_TRUE(tcp_socket::connect("127.0.0.1", port));
  EXPECT_TRUE(tcp_socket::connect("localhost", port));
  if (!has_v6()) GTEST_SKIP() << "no IPv6 here";
  EXPECT_TRUE(tcp_socket::connect("[::1]", port));
  EXPECT_TRUE(tcp_socket::connect("::1", port));
  auto six = tcp_listener::listen("*", 0, {.v6_only = true}).or_throw();
  EXPECT_TRUE(tcp_socket::connect("[::1]", six.local().port()));
  auto refused = tcp_socket::connect("127.0.0.1", six.local().port());
  EXPECT_TRUE(refused.failed_with(std::errc::connection_refused));
  EXPECT_EQ(six.local().text(), "[::]:" + std::to_string(six.local().port()));
}

TEST(tcp_socket, nobody_listening_refuses_and_the_error_names_the_address) {
  std::uint16_t port = 0;
  {
    auto listener = tcp_listener::listen("127.0.0.1", 0).or_throw();
    port = listener.local().port();
  }
  auto refused = tcp_socket::connect("127.0.0.1", port);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), std::errc::connection_refused);
  EXPECT_EQ(refused.error().message(), "connect tcp://127.0.0.1:" + std::to_string(port) + ": Connection refused");
}

TEST(tcp_socket, a_name_that_nobody_knows_is_an_error_with_the_resolvers_words) {
  auto unknown = tcp_socket::connect("no-such-host.invalid", 1);
  ASSERT_FALSE(unknown);
  EXPECT_FALSE(unknown.error().detail().empty());
  EXPECT_EQ(unknown.error().url(), "no-such-host.invalid:1");
  EXPECT_TRUE(tcp_socket::connect("*", 1).failed_with(std::errc::address_not_available));
  EXPECT_TRUE(tcp_socket::connect("", 1).failed_with(std::errc::address_not_available));
}

TEST(tcp_socket, a_taken_port_is_in_use) {
  auto first = tcp_listener::listen("127.0.0.1", 0).or_throw();
  auto second = tcp_listener::listen("127.0.0.1", first.local().port());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error(), std::errc::address_in_use);
  EXPECT_EQ(second.error().url(), "tcp://" + first.local().text());
}

TEST(tcp_socket, a_port_can_be_had_again_at_once) {
  auto first = tcp_listener::listen("127.0.0.1", 0).or_throw();
  const auto port = first.local().port();
  auto client = tcp_socket::connect("127.0.0.1", port).or_throw();
  {
    auto gone = std::move(first);
    auto server = gone.accept().or_throw();
    server.shutdown(os::half::both).or_throw();
  }
  EXPECT_TRUE(tcp_listener::listen("127.0.0.1", port));
}

TEST(tcp_socket, a_full_backlog_makes_the_caller_wait_no_longer_than_it_likes) {
  auto listener = tcp_listener::listen("127.0.0.1", 0, {.backlog = 0}).or_throw();
  const auto port = listener.local().port();
  std::vector<tcp_socket> waiting;
  // The kernel lets in backlog + 1, and answers nothing beyond.
  for (;;) {
    auto next = tcp_socket::connect("127.0.0.1", port, patience::until_time(deadline::after(20ms)));
    if (!next) {
      EXPECT_EQ(next.error(), errc::timed_out);
      break;
    }
    waiting.push_back(std::move(*next));
    ASSERT_LT(waiting.size(), 10u);
  }
  EXPECT_TRUE(tcp_socket::connect("127.0.0.1", port, patience::none()).failed_with(errc::would_block));
  std::stop_source source;
  std::jthread stopper([&] { source.request_stop(); });
  auto canceled = tcp_socket::connect("127.0.0.1", port, patience::forever(source.get_token()));
  EXPECT_TRUE(canceled.failed_with(errc::canceled));
}

TEST(tcp_socket, small_pieces_go_at_once_unless_told_otherwise) {
  auto listener = tcp_listener::listen("127.0.0.1", 0).or_throw();
  auto client = tcp_socket::connect("127.0.0.1", listener.local().port()).or_throw();
  auto server = listener.accept().or_throw();
  EXPECT_EQ(option(client.fd(), IPPROTO_TCP, TCP_NODELAY), 1);
  EXPECT_EQ(option(server.fd(), IPPROTO_TCP, TCP_NODELAY), 1);
  client.set_nodelay(false).or_throw();
  EXPECT_EQ(option(client.fd(), IPPROTO_TCP, TCP_NODELAY), 0);
}

TEST(tcp_socket, keepalive_is_set_as_asked) {
  auto listener = tcp_listener::listen("127.0.0.1", 0).or_throw();
  auto client = tcp_socket::connect("127.0.0.1", listener.local().port()).or_throw();
  client.set_keepalive({.idle_s = 7, .interval_s = 3, .count = 4}).or_throw();
  EXPECT_EQ(option(client.fd(), SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(option(client.fd(), IPPROTO_TCP, TCP_KEEPIDLE), 7);
  EXPECT_EQ(option(client.fd(), IPPROTO_TCP, TCP_KEEPINTVL), 3);
  EXPECT_EQ(option(client.fd(), IPPROTO_TCP, TCP_KEEPCNT), 4);
  EXPECT_TRUE(client.set_keepalive({.idle_s = 0}).failed_with(std::errc::invalid_argument));
}

TEST(tcp_socket, a_killed_peer_with_unread_bytes_resets_the_connection) {
  auto listener = tcp_listener::listen("127.0.0.1", 0).or_throw();
  os::testing::forked child([&] {
    auto socket = tcp_socket::connect("127.0.0.1", listener.local().port()).or_throw();
    for (;;) ::pause();
    return 0;
  });
  auto server = listener.accept().or_throw();
  server.send_all(as_bytes("never read")).or_throw();
  while (server.unsent().or_throw() != 0) std::this_thread::yield();
  child.kill();
  std::array<std::byte, 1> one;
  auto got = server.recv(one);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error(), std::errc::connection_reset);
}

TEST(tcp_socket, only_a_tcp_socket_can_be_adopted) {
  auto listener = tcp_listener::listen("127.0.0.1", 0).or_throw();
  auto client = tcp_socket::connect("127.0.0.1", listener.local().port()).or_throw();
  EXPECT_TRUE(tcp_socket::adopt(std::move(client).release()));
  transom::fd datagrams(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  EXPECT_TRUE(tcp_socket::adopt(std::move(datagrams)).failed_with(errc::unsupported));
  transom::fd local(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_TRUE(tcp_socket::adopt(std::move(local)).failed_with(errc::unsupported));
}

TEST(tcp_socket, a_full_descriptor_table_is_named_and_leaves_the_connection_waiting) {
  auto listener = tcp_listener::listen("127.0.0.1", 0).or_throw();
  const auto port = listener.local().port();
  auto client = tcp_socket::connect("127.0.0.1", port).or_throw();
  EXPECT_TRUE(os::testing::with_limit(RLIMIT_NOFILE, 3, [&] {
    auto refused = listener.accept();
    return refused.failed_with(std::errc::too_many_files_open) &&
           refused.error().detail().find("RLIMIT_NOFILE") != std::string::npos &&
           tcp_socket::connect("127.0.0.1", port).failed_with(std::errc::too_many_files_open) &&
           tcp_listener::listen("127.0.0.1", 0).failed_with(std::errc::too_many_files_open);
  }));
  EXPECT_TRUE(listener.try_accept());
}

TEST(tcp_socket, a_connection_with_itself_is_refused) {
  // A network of its own, whose only local port is the one we connect to.
  os::testing::forked child([] {
    if (::unshare(CLONE_NEWNET) != 0) return 2;
    ifreq loopback{};
    std::strcpy(loopback.ifr_name, "lo");
    loopback.ifr_flags = IFF_UP;
    transom::fd control(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (::ioctl(control.get(), SIOCSIFFLAGS, &loopback) != 0) return 2;
    std::ofstream ports("/proc/sys/net/ipv4/ip_local_port_range");
    if (!(ports << "40000 40000" << std::flush)) return 2;
    return tcp_socket::connect("127.0.0.1", 40000).failed_with(std::errc::connection_refused) ? 0 : 1;
  });
  const int status = child.wait();
  if (status == 2) GTEST_SKIP() << "needs a network namespace";
  EXPECT_EQ(status, 0);
}
