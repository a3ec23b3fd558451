// transom/os/fd_passing_test.cpp - descriptors arrive whole or not at all, and none is ever left open.
#include "transom/os/fd_passing.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>
#include <string>
#include <vector>

#include "transom/base/bytes.hpp"
#include "transom/os/pipe.hpp"
#include "transom/os/testing.hpp"

using transom::as_bytes;
using transom::as_text;
using transom::errc;
using transom::patience;
namespace os = transom::os;
using os::socket_kind;

namespace {

constexpr std::array every_kind{socket_kind::stream, socket_kind::datagram, socket_kind::seqpacket};

// Sends what no call of ours would: any number of descriptors.
void send_raw(int socket, std::size_t count, int fd) {
  std::vector<int> fds(count, fd);
  std::vector<std::byte> control(CMSG_SPACE(count * sizeof(int)));
  char byte = 'x';
  iovec part{&byte, 1};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* entry = CMSG_FIRSTHDR(&message);
  entry->cmsg_level = SOL_SOCKET;
  entry->cmsg_type = SCM_RIGHTS;
  entry->cmsg_len = CMSG_LEN(count * sizeof(int));
  std::memcpy(CMSG_DATA(entry), fds.data(), count * sizeof(int));
  ASSERT_EQ(::sendmsg(socket, &message, 0), 1);
}

}  // namespace

TEST(fd_passing, a_descriptor_arrives_with_its_message_and_is_close_on_exec) {
  for (auto kind : every_kind) {
    auto [a, b] = os::unix_socket::pair(kind).or_throw();
    auto p = os::pipe::make().or_throw();
    const std::array fds{p.reader.fd(), p.writer.fd()};
    EXPECT_EQ(os::send_fds(a, as_bytes("pipe"), fds).or_throw(), 4u);

    std::array<std::byte, 16> into;
    auto got = os::recv_fds(b, into).or_throw();
    EXPECT_EQ(as_text(std::span(into).first(got.data.size)), "pipe");
    ASSERT_EQ(got.fd_count, 2u);
    EXPECT_TRUE(os::testing::is_close_on_exec(got.fds[0].get()));
    EXPECT_FALSE(got.sender);
    os::pipe_writer writer(std::move(got.fds[1]));
    writer.write_all(as_bytes("through")).or_throw();
    EXPECT_EQ(p.reader.read(into).or_throw(), 7u);
  }
}

TEST(fd_passing, sixteen_go_and_nothing_stays_open) {
  for (auto kind : every_kind) {
    auto [a, b] = os::unix_socket::pair(kind).or_throw();
    const long before = os::testing::open_descriptors();
    const std::vector<int> fds(os::max_fds, a.fd());
    os::send_fds(a, as_bytes("x"), fds).or_throw();
    std::array<std::byte, 1> into;
    {
      auto got = os::recv_fds(b, into).or_throw();
      EXPECT_EQ(got.fd_count, os::max_fds);
      EXPECT_EQ(os::testing::open_descriptors(), before + static_cast<long>(os::max_fds));
    }
    EXPECT_EQ(os::testing::open_descriptors(), before);
  }
}

TEST(fd_passing, more_than_sixteen_are_a_protocol_error_and_are_closed) {
  for (auto kind : every_kind) {
    for (const std::size_t count : {17u, 22u, 40u, 253u}) {
      auto [a, b] = os::unix_socket::pair(kind).or_throw();
      const long before = os::testing::open_descriptors();
      send_raw(a.fd(), count, a.fd());
      std::array<std::byte, 4> into;
      EXPECT_TRUE(os::recv_fds(b, into).failed_with(errc::protocol_error));
      EXPECT_EQ(os::testing::open_descriptors(), before);
      a.send(as_bytes("next")).or_throw();
      EXPECT_EQ(os::recv_fds(b, into).or_throw().data.size, 4u);
    }
  }
}

TEST(fd_passing, a_receiver_with_a_full_table_gets_an_error_and_leaks_nothing) {
  for (auto kind : every_kind) {
    auto [a, b] = os::unix_socket::pair(kind).or_throw();
    const std::vector<int> fds(8, a.fd());
    os::send_fds(a, as_bytes("x"), fds).or_throw();
    EXPECT_TRUE(os::testing::in_child([&b = b] {
      // Room for three of the eight, and none for a directory listing: look at the numbers themselves.
      rlimit limit{64, 64};
      if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
      std::vector<transom::fd> fill;
      for (;;) {
        transom::fd next(::fcntl(0, F_DUPFD_CLOEXEC, 0));
        if (!next) break;
        fill.push_back(std::move(next));
      }
      if (fill.size() < 4) return false;
      std::vector<int> freed;
      for (int i = 0; i < 3; ++i) {
        freed.push_back(fill.back().get());
        fill.pop_back();
      }
      std::array<std::byte, 1> into;
      auto got = os::recv_fds(b, into);
      if (!got.failed_with(std::errc::too_many_files_open)) return false;
      for (const int number : freed) {
        if (::fcntl(number, F_GETFD) != -1) return false;
      }
      return got.error().detail().find("RLIMIT_NOFILE") != std::string::npos;
    }));
  }
}

TEST(fd_passing, a_plain_receive_drops_the_descriptors) {
  auto [a, b] = os::unix_socket::pair(socket_kind::seqpacket).or_throw();
  const long before = os::testing::open_descriptors();
  const std::array fds{a.fd()};
  os::send_fds(a, as_bytes("x"), fds).or_throw();
  std::array<std::byte, 1> into;
  EXPECT_EQ(b.recv(into).or_throw().size, 1u);
  EXPECT_EQ(os::testing::open_descriptors(), before);
}

TEST(fd_passing, the_sender_is_known_when_asked_for) {
  for (auto kind : every_kind) {
    auto [a, b] = os::unix_socket::pair(kind).or_throw();
    b.pass_credentials(true).or_throw();
    os::testing::forked child([&a = a] {
      const std::array fds{0};
      a.send(as_bytes("p")).or_throw();
      os::send_fds(a, as_bytes("q"), fds).or_throw();
      return 0;
    });
    const os::credentials expected{.pid = child.pid(), .uid = ::getuid(), .gid = ::getgid()};
    std::array<std::byte, 1> into;
    auto plain = os::recv_fds(b, into).or_throw();
    ASSERT_TRUE(plain.sender);
    EXPECT_EQ(*plain.sender, expected);
    auto with_fd = os::recv_fds(b, into).or_throw();
    EXPECT_EQ(with_fd.fd_count, 1u);
    EXPECT_EQ(with_fd.sender.value_or(os::credentials{}), expected);
  }
}

TEST(fd_passing, credentials_of_somebody_else_need_privileges) {
  auto [a, b] = os::unix_socket::pair(socket_kind::seqpacket).or_throw();
  b.pass_credentials(true).or_throw();
  EXPECT_TRUE(os::testing::as_nobody([&a = a] {
    const os::credentials root{.pid = 1, .uid = 0, .gid = 0};
    const os::credentials own{.pid = ::getpid(), .uid = 65534, .gid = 65534};
    return os::send_fds(a, as_bytes("x"), {}, {}, &root).failed_with(std::errc::operation_not_permitted) &&
           os::send_fds(a, as_bytes("x"), {}, {}, &own).has_value();
  }));
}

TEST(fd_passing, an_empty_socket_would_block_and_a_closed_one_ends) {
  auto [a, b] = os::unix_socket::pair(socket_kind::stream).or_throw();
  std::array<std::byte, 1> into;
  EXPECT_TRUE(os::recv_fds(b, into, patience::none()).failed_with(errc::would_block));
  { auto gone = std::move(a); }
  EXPECT_EQ(os::recv_fds(b, into).or_throw().data.size, 0u);
}

TEST(fd_passing, a_bad_descriptor_is_an_error_and_nothing_is_sent) {
  auto [a, b] = os::unix_socket::pair(socket_kind::seqpacket).or_throw();
  const std::array fds{-1};
  EXPECT_TRUE(os::send_fds(a, as_bytes("x"), fds).failed_with(std::errc::bad_file_descriptor));
  std::array<std::byte, 1> into;
  EXPECT_TRUE(b.try_recv(into).failed_with(errc::would_block));
}

TEST(fd_passing, too_many_in_flight_name_the_limit) {
  EXPECT_TRUE(os::testing::as_nobody([] {
    rlimit low{32, 32};
    if (::setrlimit(RLIMIT_NOFILE, &low) != 0) return false;
    auto [a, b] = os::unix_socket::pair(socket_kind::seqpacket).or_throw();
    const std::vector<int> fds(os::max_fds, a.fd());
    for (int i = 0; i < 100; ++i) {
      auto sent = os::send_fds(a, as_bytes("x"), fds, patience::none());
      if (sent) continue;
      return sent.error().code() == std::error_code(ETOOMANYREFS, std::system_category()) &&
             sent.error().detail().find("RLIMIT_NOFILE") != std::string::npos;
    }
    return false;
  }));
}
