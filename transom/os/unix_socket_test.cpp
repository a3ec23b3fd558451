// transom/os/unix_socket_test.cpp - names, permissions, backlogs, and who is on the other side.
#include "transom/os/unix_socket.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "transom/base/bytes.hpp"
#include "transom/os/old_kernel.hpp"
#include "transom/os/testing.hpp"

using namespace std::chrono_literals;
using transom::as_bytes;
using transom::as_text;
using transom::deadline;
using transom::errc;
using transom::patience;
namespace os = transom::os;
using os::socket_kind;
using os::unix_address;
using os::testing::temporary_directory;
using os::testing::unique_name;

namespace {

std::string received_text(const os::socket& from) {
  std::array<std::byte, 64> into;
  return std::string(as_text(std::span(into).first(from.recv(into).or_throw().size)));
}

unsigned mode_of(const std::string& path) {
  struct stat about{};
  return ::stat(path.c_str(), &about) == 0 ? about.st_mode & 07777 : 0;
}

void talk(const unix_address& address, socket_kind kind) {
  auto listener = os::unix_listener::listen(address, kind).or_throw();
  EXPECT_TRUE(listener.try_accept().failed_with(errc::would_block));
  auto client = os::unix_socket::connect(address, kind).or_throw();
  auto server = listener.accept().or_throw();
  EXPECT_TRUE(os::testing::is_close_on_exec(listener.fd()));
  EXPECT_TRUE(os::testing::is_close_on_exec(client.fd()));
  EXPECT_TRUE(os::testing::is_close_on_exec(server.fd()));
  client.send(as_bytes("question")).or_throw();
  EXPECT_EQ(received_text(server), "question");
  server.send(as_bytes("answer")).or_throw();
  EXPECT_EQ(received_text(client), "answer");
}

}  // namespace

TEST(unix_socket, a_path_and_an_abstract_name_connect) {
  temporary_directory here;
  for (auto kind : {socket_kind::stream, socket_kind::seqpacket}) {
    talk(unix_address::path(here / "s"), kind);
    talk(unix_address::abstract(unique_name()), kind);
  }
}

TEST(unix_socket, addresses_print_what_they_are) {
  temporary_directory here;
  const std::string name = unique_name();
  EXPECT_EQ(unix_address::path("/run/x").text(), "unix:/run/x");
  auto by_path = os::unix_socket::bind(unix_address::path(here / "s")).or_throw();
  EXPECT_EQ(by_path.local().or_throw().text(), "unix:" + (here / "s"));
  auto by_name = os::unix_socket::bind(unix_address::abstract(name)).or_throw();
  EXPECT_EQ(by_name.local().or_throw().text(), "unix:@" + name);
  auto [a, b] = os::unix_socket::pair(socket_kind::stream).or_throw();
  EXPECT_EQ(a.local().or_throw().text(), "unix:");
}

TEST(unix_socket, a_path_that_is_too_long_for_the_kernel_is_reached_through_its_directory) {
  temporary_directory here;
  std::string folder = here.path();
  for (int i = 0; i < 3; ++i) folder += "/" + std::string(100, 'd');
  std::filesystem::create_directories(folder);
  const long before = os::testing::open_descriptors();
  talk(unix_address::path(folder + "/name"), socket_kind::seqpacket);
  EXPECT_EQ(os::testing::open_descriptors(), before);
  EXPECT_TRUE(std::filesystem::is_empty(folder));

  const auto hopeless = unix_address::path(folder + "/" + std::string(120, 'n'));
  auto refused = os::unix_listener::listen(hopeless, socket_kind::stream);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), std::errc::filename_too_long);
  refused = os::unix_listener::listen(unix_address::path(std::string(120, 'n')), socket_kind::stream);
  EXPECT_TRUE(refused.failed_with(std::errc::filename_too_long));
  refused = os::unix_listener::listen(unix_address::abstract(std::string(108, 'n')), socket_kind::stream);
  EXPECT_TRUE(refused.failed_with(std::errc::filename_too_long));
  talk(unix_address::abstract(unique_name() + std::string(70, 'n')), socket_kind::stream);
}

TEST(unix_socket, the_longest_path_of_the_kernel_is_used_as_it_is) {
  temporary_directory here;
  const std::string path = here / std::string(107 - here.path().size() - 1, 'n');
  ASSERT_EQ(path.size(), 107u);
  talk(unix_address::path(path), socket_kind::stream);
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(unix_socket, an_empty_name_and_a_zero_in_a_path_are_refused) {
  for (const auto& name : {unix_address::path(""), unix_address::abstract(""), unix_address::path({"/a\0b", 4})}) {
    EXPECT_TRUE(os::unix_socket::connect(name, socket_kind::stream).failed_with(std::errc::invalid_argument));
  }
}

TEST(unix_socket, the_file_has_exactly_the_mode_whatever_the_umask) {
  temporary_directory here;
  EXPECT_TRUE(os::testing::in_child([&] {
    for (const unsigned mask : {0u, 0077u, 0777u}) {
      ::umask(mask);
      for (const unsigned mode : {0600u, 0660u, 0666u}) {
        auto listener = os::unix_listener::listen(unix_address::path(here / "s"), socket_kind::stream,
                                                  {.backlog = 1, .mode = mode, .remove_file = true});
        if (!listener || mode_of(here / "s") != mode) return false;
      }
    }
    return true;
  }));
}

TEST(unix_socket, the_mode_keeps_strangers_out) {
  temporary_directory here;
  auto closed = os::unix_listener::listen(unix_address::path(here / "closed"), socket_kind::stream).or_throw();
  auto open = os::unix_listener::listen(unix_address::path(here / "open"), socket_kind::stream,
                                        {.backlog = 4, .mode = 0666, .remove_file = true})
                  .or_throw();
  EXPECT_TRUE(os::testing::as_nobody([&] {
    auto refused = os::unix_socket::connect(unix_address::path(here / "closed"), socket_kind::stream);
    return refused.failed_with(std::errc::permission_denied) &&
           os::unix_socket::connect(unix_address::path(here / "open"), socket_kind::stream).has_value();
  }));
}

TEST(unix_socket, a_taken_name_is_refused_and_the_file_of_the_other_stays) {
  temporary_directory here;
  const auto path = unix_address::path(here / "s");
  auto first = os::unix_listener::listen(path, socket_kind::stream).or_throw();
  auto second = os::unix_listener::listen(path, socket_kind::stream);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error(), std::errc::address_in_use);
  EXPECT_EQ(second.error().message(), "bind unix:" + (here / "s") + ": Address already in use");
  EXPECT_TRUE(os::unix_socket::connect(path, socket_kind::stream));

  const auto name = unix_address::abstract(unique_name());
  auto third = os::unix_socket::bind(name).or_throw();
  EXPECT_TRUE(os::unix_socket::bind(name).failed_with(std::errc::address_in_use));
}

TEST(unix_socket, nobody_there_is_answered_at_once) {
  temporary_directory here;
  const auto path = unix_address::path(here / "s");
  auto missing = os::unix_socket::connect(path, socket_kind::stream);
  EXPECT_TRUE(missing.failed_with(std::errc::no_such_file_or_directory));
  {
    auto listener =
        os::unix_listener::listen(path, socket_kind::stream, {.backlog = 1, .mode = 0600, .remove_file = false})
            .or_throw();
  }
  EXPECT_TRUE(std::filesystem::exists(here / "s"));
  auto refused = os::unix_socket::connect(path, socket_kind::stream);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), std::errc::connection_refused);
  EXPECT_EQ(refused.error().url(), path.text());
}

TEST(unix_socket, the_wrong_kind_is_refused) {
  const auto name = unix_address::abstract(unique_name());
  auto listener = os::unix_listener::listen(name, socket_kind::seqpacket).or_throw();
  auto wrong = os::unix_socket::connect(name, socket_kind::stream);
  EXPECT_FALSE(wrong);
  EXPECT_FALSE(os::unix_listener::listen(unix_address::abstract(unique_name()), socket_kind::datagram));
}

TEST(unix_socket, the_file_goes_with_its_listener_but_not_somebody_elses_or_a_child_s) {
  temporary_directory here;
  const std::string path = here / "s";
  {
    auto listener = os::unix_listener::listen(unix_address::path(path), socket_kind::stream).or_throw();
    EXPECT_TRUE(os::testing::in_child([&] {
      auto inherited = std::move(listener);
      return true;
    }));
    EXPECT_TRUE(std::filesystem::exists(path));
  }
  EXPECT_FALSE(std::filesystem::exists(path));

  auto first = std::make_unique<os::unix_listener>(
      os::unix_listener::listen(unix_address::path(path), socket_kind::stream).or_throw());
  std::filesystem::rename(path, path + ".old");
  auto second = os::unix_listener::listen(unix_address::path(path), socket_kind::stream).or_throw();
  first.reset();
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST(unix_socket, a_full_backlog_makes_the_caller_wait_and_no_longer_than_it_likes) {
  const auto name = unix_address::abstract(unique_name());
  auto listener =
      os::unix_listener::listen(name, socket_kind::stream, {.backlog = 0, .mode = 0600, .remove_file = true})
          .or_throw();
  auto first = os::unix_socket::connect(name, socket_kind::stream).or_throw();
  auto connect = [&](const patience& how) { return os::unix_socket::connect(name, socket_kind::stream, how); };
  EXPECT_TRUE(connect(patience::none()).failed_with(errc::would_block));
  EXPECT_TRUE(connect(patience::until_time(deadline::after(2ms))).failed_with(errc::timed_out));
  std::stop_source source;
  std::jthread stopper([&] { source.request_stop(); });
  EXPECT_TRUE(connect(patience::forever(source.get_token())).failed_with(errc::canceled));

  std::jthread server([&] { listener.accept().or_throw(); });
  auto second = connect(patience::forever());
  ASSERT_TRUE(second);
  EXPECT_NE(::fcntl(second->fd(), F_GETFL) & O_NONBLOCK, 0);
}

TEST(unix_socket, a_listener_that_goes_away_ends_the_wait_for_its_backlog) {
  const auto name = unix_address::abstract(unique_name());
  auto listener = std::make_unique<os::unix_listener>(
      os::unix_listener::listen(name, socket_kind::stream, {.backlog = 0, .mode = 0600, .remove_file = true})
          .or_throw());
  auto first = os::unix_socket::connect(name, socket_kind::stream).or_throw();
  std::jthread closer([&] { listener.reset(); });
  auto refused = os::unix_socket::connect(name, socket_kind::stream);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), std::errc::connection_refused);
}

TEST(unix_socket, datagrams_tell_their_sender_who_can_be_answered) {
  temporary_directory here;
  auto server = os::unix_socket::bind(unix_address::path(here / "server")).or_throw();
  auto client = os::unix_socket::bind(unix_address::path(here / "client")).or_throw();
  client.connect_to(unix_address::path(here / "server")).or_throw();
  client.send(as_bytes("ping")).or_throw();
  os::socket_address from;
  std::array<std::byte, 16> into;
  EXPECT_EQ(server.recv_from(into, from).or_throw().size, 4u);
  EXPECT_EQ(from.text(), "unix:" + (here / "client"));
  server.send_to(os::unix_socket::destination(unix_address::path(here / "server")).or_throw(), as_bytes("self"))
      .or_throw();
  EXPECT_EQ(received_text(server), "self");
}

TEST(unix_socket, send_to_a_full_queue_waits_for_the_reader) {
  auto server = os::unix_socket::bind(unix_address::abstract(unique_name())).or_throw();
  auto client = os::unix_socket::bind(unix_address::abstract(unique_name())).or_throw();
  const auto to = server.local().or_throw();
  while (client.try_send_to(to, as_bytes("x"))) {}
  EXPECT_TRUE(
      client.send_to(to, as_bytes("x"), patience::until_time(deadline::after(3ms))).failed_with(errc::timed_out));
  std::jthread reader([&] { received_text(server); });
  EXPECT_EQ(client.send_to(to, as_bytes("x")).or_throw(), 1u);
}

TEST(unix_socket, the_peer_is_known_by_credentials_and_as_a_process) {
  const auto name = unix_address::abstract(unique_name());
  auto listener = os::unix_listener::listen(name, socket_kind::seqpacket).or_throw();
  os::testing::forked child([&] {
    auto socket = os::unix_socket::connect(name, socket_kind::seqpacket).or_throw();
    std::array<std::byte, 1> one;
    socket.recv(one).or_throw();
    return 0;
  });
  auto server = listener.accept().or_throw();
  const auto peer = server.peer_credentials().or_throw();
  EXPECT_EQ(peer, (os::credentials{.pid = child.pid(), .uid = ::getuid(), .gid = ::getgid()}));
  auto process = server.peer_process().or_throw();
  EXPECT_EQ(process.pid(), child.pid());
  EXPECT_TRUE(os::testing::is_close_on_exec(process.fd()));
  EXPECT_FALSE(process.has_ended().or_throw());
  server.send(as_bytes("!")).or_throw();
  process.wait_ended().or_throw();
  EXPECT_EQ(child.wait(), 0);
}

TEST(unix_socket, one_that_is_not_connected_has_no_peer) {
  auto alone = os::unix_socket::bind(unix_address::abstract(unique_name())).or_throw();
  EXPECT_TRUE(alone.peer_credentials().failed_with(std::errc::not_connected));
  EXPECT_TRUE(alone.peer_process().failed_with(std::errc::not_connected));
  EXPECT_TRUE(alone.peer().failed_with(std::errc::not_connected));
}

TEST(unix_socket, only_a_unix_socket_can_be_adopted) {
  auto [a, b] = os::unix_socket::pair(socket_kind::seqpacket).or_throw();
  transom::fd number = std::move(a).release();
  ASSERT_EQ(::fcntl(number.get(), F_SETFD, 0), 0);
  auto adopted = os::unix_socket::adopt(std::move(number)).or_throw();
  EXPECT_EQ(adopted.kind(), socket_kind::seqpacket);
  EXPECT_TRUE(os::testing::is_close_on_exec(adopted.fd()));
  adopted.send(as_bytes("still connected")).or_throw();
  EXPECT_EQ(received_text(b), "still connected");

  transom::fd file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_TRUE(os::unix_socket::adopt(std::move(file)).failed_with(std::errc::not_a_socket));
  transom::fd internet(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_TRUE(os::unix_socket::adopt(std::move(internet)).failed_with(errc::unsupported));
}

TEST(unix_socket, a_full_descriptor_table_is_named_and_leaves_the_connection_waiting) {
  const auto name = unix_address::abstract(unique_name());
  auto listener = os::unix_listener::listen(name, socket_kind::stream).or_throw();
  auto client = os::unix_socket::connect(name, socket_kind::stream).or_throw();
  EXPECT_TRUE(os::testing::with_limit(RLIMIT_NOFILE, 3, [&] {
    auto refused = listener.accept();
    return refused.failed_with(std::errc::too_many_files_open) &&
           refused.error().detail().find("RLIMIT_NOFILE") != std::string::npos &&
           os::unix_socket::pair(socket_kind::stream).failed_with(std::errc::too_many_files_open) &&
           os::unix_socket::connect(name, socket_kind::stream).failed_with(std::errc::too_many_files_open);
  }));
  EXPECT_TRUE(listener.try_accept());
}

TEST(unix_socket, an_older_kernel_finds_the_peer_by_its_pid) {
  EXPECT_TRUE(os::testing::in_child([] {
    constexpr std::uint32_t so_peerpidfd = 77;
    auto [a, b] = os::unix_socket::pair(socket_kind::stream).or_throw();
    if (!os::testing::refuse_call(SYS_getsockopt, ENOPROTOOPT, 2, so_peerpidfd)) return false;
    return a.peer_process().or_throw().pid() == ::getpid();
  }));
}

TEST(unix_socket, a_peer_that_is_gone_and_forgotten_is_no_peer_or_has_ended) {
  const auto name = unix_address::abstract(unique_name());
  auto listener = os::unix_listener::listen(name, socket_kind::stream).or_throw();
  os::testing::forked child([&] { return os::unix_socket::connect(name, socket_kind::stream).has_value() ? 0 : 1; });
  EXPECT_EQ(child.wait(), 0);
  auto server = listener.accept().or_throw();
  auto peer = server.peer_process();
  if (peer) EXPECT_TRUE(peer->has_ended().or_throw());
  else EXPECT_EQ(peer.error(), errc::no_peer);
}
