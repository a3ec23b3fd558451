// transom/transport/unix_datagram_test.cpp - what unix+dgram has beyond the rules of shared_test.cpp: descriptors,
// memory that travels instead of bytes, pairs, and datagrams of programs that know nothing of us.
#include "transom/transport/unix_datagram.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <thread>

#include "transom/os/entry.hpp"
#include "transom/os/fd_passing.hpp"
#include "transom/os/unix_socket.hpp"
#include "transom/transport/frame.hpp"
#include "transom/transport/shared_testing.hpp"

using namespace transom::transport::testing;
using transom::errc;
using transom::patience;
namespace os = transom::os;
namespace shm = transom::shm;
namespace tp = transom::transport;

namespace {

const tp::terms with_descriptors{.schema_hash = 7, .schema_text = "bytes", .descriptors = true};

tp::ends pair_of(const transom::options& how = {}, const tp::terms& agreed = some_bytes) {
  return tp::open_unix_datagram_pair(transom::url::parse("unix+dgram:").or_throw(), how, agreed).or_throw();
}

}  // namespace

class unix_datagram : public testing::Test {
 protected:
  transom::url at(const std::string& keys = "") const { return place_.make("unix+dgram", keys); }
  os::unix_address address() const { return os::unix_address::path(place_.path()); }
  place_for_names place_;
};

TEST_F(unix_datagram, descriptors_travel_with_small_and_with_sealed_messages) {
  auto rx = named_receiver(at("max_message=1M"), {}, with_descriptors).or_throw();
  auto tx = named_sender(at("max_message=1M"), {}, with_descriptors).or_throw();
  for (const std::size_t size : {std::size_t{0}, std::size_t{5}, std::size_t{1} << 20}) {
    auto pipe = os::pipe::make().or_throw();
    const int number = pipe.writer.fd();
    const std::string text = filled(size);
    tx->send({.payload = transom::as_bytes(text), .descriptors = {&number, 1}}, soon()).or_throw();
    auto got = rx->front(0, soon()).or_throw();
    ASSERT_EQ(transom::as_text(got.payload), text);
    ASSERT_EQ(got.descriptors.size(), 1u);
    os::pipe_writer copy(std::move(got.descriptors[0]));
    rx->release();
    copy.write_all(transom::as_bytes("through"), soon()).or_throw();
    EXPECT_EQ(pipe.reader.pending().or_throw(), 7u);
  }
  std::array<int, 17> too_many;
  too_many.fill(0);
  EXPECT_TRUE(tx->send({.payload = {}, .descriptors = too_many}, soon()).failed_with(errc::message_too_large));
}

TEST_F(unix_datagram, nothing_stays_open_of_messages_that_come_and_go) {
  auto rx = named_receiver(at("max_message=1M"), {}, with_descriptors).or_throw();
  auto tx = named_sender(at("max_message=1M"), {}, with_descriptors).or_throw();
  const long before = os::testing::open_descriptors();
  const int number = 0;
  for (int i = 0; i < 10; ++i) {
    const std::string text = filled(1u << 20);
    tx->send({.payload = transom::as_bytes(text), .descriptors = {&number, 1}}, soon()).or_throw();
    EXPECT_EQ(recv(*rx).or_throw(), text);
  }
  EXPECT_EQ(os::testing::open_descriptors(), before);
}

TEST_F(unix_datagram, a_datagram_that_is_no_frame_is_told_and_the_next_one_is_as_good_as_ever) {
  auto rx = named_receiver(at()).or_throw();
  auto tx = named_sender(at()).or_throw();
  auto stranger = os::unix_socket::connect(address(), os::socket_kind::datagram).or_throw();
  for (const char* words : {"hi", "hello, is anybody there?", ""}) {
    stranger.send(transom::as_bytes(words), soon()).or_throw();
    EXPECT_TRUE(recv(*rx).failed_with(errc::protocol_error)) << words;
  }
  const int number = 0;
  os::send_fds(stranger, transom::as_bytes("with a descriptor that is nobody's"), {&number, 1}, soon()).or_throw();
  EXPECT_TRUE(recv(*rx).failed_with(errc::protocol_error));
  std::array<std::byte, 16> bare;
  tp::encode_header({.length = 0, .kind = tp::frame_kind::data, .descriptors = 1}, bare.data());
  stranger.send(bare, soon()).or_throw();
  EXPECT_TRUE(recv(*rx).failed_with(errc::protocol_error)) << "a descriptor that did not come";
  std::array<std::byte, 24> unsealed;
  tp::encode_header({.length = 8, .kind = tp::frame_kind::sealed, .descriptors = 1}, unsealed.data());
  transom::store_le(unsealed.data() + 16, std::uint64_t{4096});
  os::send_fds(stranger, unsealed, {&number, 1}, soon()).or_throw();
  EXPECT_TRUE(recv(*rx).failed_with(errc::protocol_error)) << "memory that is not sealed";
  send(*tx, "x");
  EXPECT_EQ(recv(*rx).or_throw(), "x");
}

TEST_F(unix_datagram, the_socket_of_a_dead_owner_is_replaced_and_nothing_else_is) {
  {
    shm::testing::standing_child child([&] { return named_receiver(at()).or_throw(); });
    child.kill_and_reap();
    ASSERT_TRUE(os::entry::look(place_.path()).has_value());
    EXPECT_TRUE(named_receiver(at()).has_value());
  }
  {
    auto strangers = os::unix_socket::bind(address()).or_throw();
    auto refused = named_receiver(at());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error(), std::errc::address_in_use) << refused.error().message();
  }
  std::ofstream(place_.path()) << "precious";
  auto refused = named_receiver(at());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), std::errc::address_in_use) << refused.error().message();
  EXPECT_EQ(os::entry::look(place_.path()).or_throw().size, 8u);
  std::filesystem::remove(place_.path());
}

TEST_F(unix_datagram, raw_is_one_datagram_without_a_header) {
  auto rx = named_receiver(at("framing=raw"), {}, {}).or_throw();
  auto stranger = os::unix_socket::connect(address(), os::socket_kind::datagram).or_throw();
  for (const char* words : {"one", "", "three"}) {
    stranger.send(transom::as_bytes(words), soon()).or_throw();
    EXPECT_EQ(recv(*rx).or_throw(), words);
  }
  auto tx = named_sender(at("framing=raw"), {}, {}).or_throw();
  send(*tx, "ours");
  EXPECT_EQ(recv(*rx).or_throw(), "ours");
  EXPECT_TRUE(named_receiver(at("framing=line")).failed_with(errc::unsupported));
}

TEST_F(unix_datagram, raw_reaches_a_program_that_knows_nothing_of_us) {
  auto strangers = os::unix_socket::bind(address()).or_throw();
  auto tx = named_sender(at("framing=raw"), {}, {}).or_throw();
  send(*tx, "plain words");
  std::array<std::byte, 64> room;
  const auto got = strangers.recv(room, soon()).or_throw();
  EXPECT_EQ(transom::as_text(std::span(room).first(got.size)), "plain words");
}

TEST(unix_datagram_pair, messages_arrive_and_close_is_seen_but_death_is_not_promised) {
  auto ends = pair_of({.max_message = 1u << 20});
  EXPECT_FALSE(ends.rx->features().contains(transom::sees_death));
  EXPECT_FALSE(ends.tx->features().contains(transom::sees_death));
  EXPECT_TRUE(ends.rx->features().contains(transom::sees_close | transom::fd_passing));
  EXPECT_TRUE(try_recv(*ends.rx).failed_with(errc::would_block));
  for (const std::size_t size : {std::size_t{0}, std::size_t{100}, std::size_t{1} << 20}) {
    send(*ends.tx, filled(size));
    EXPECT_EQ(recv(*ends.rx).or_throw(), filled(size));
  }
  auto other = ends.tx->clone().or_throw();
  send(*ends.tx, "a");
  ends.tx->close();
  send(*other, "b");
  EXPECT_EQ(recv(*ends.rx).or_throw(), "a");
  EXPECT_EQ(recv(*ends.rx).or_throw(), "b");
  EXPECT_TRUE(try_recv(*ends.rx).failed_with(errc::would_block));
  other.reset();
  EXPECT_TRUE(recv(*ends.rx).failed_with(errc::closed));
}

TEST(unix_datagram_pair, a_full_one_waits_and_its_close_is_heard) {
  auto ends = pair_of();
  std::size_t accepted = 0;
  while (try_send(*ends.tx, filled(30'000))) ++accepted;
  std::jthread peer([&] {
    send(*ends.tx, "more");
    ends.tx->close();
  });
  for (std::size_t i = 0; i < accepted; ++i) ASSERT_EQ(recv(*ends.rx).or_throw(), filled(30'000));
  EXPECT_EQ(recv(*ends.rx).or_throw(), "more");
  EXPECT_TRUE(recv(*ends.rx).failed_with(errc::closed));
}

TEST(unix_datagram_pair, the_receivers_close_is_the_senders_end) {
  auto ends = pair_of();
  ends.rx->close();
  EXPECT_TRUE(try_send(*ends.tx, "x").failed_with(errc::closed));
  EXPECT_TRUE(tp::open_unix_datagram_pair(transom::url::parse("unix+dgram:").or_throw(),
                                          {.require = transom::sees_death}, some_bytes)
                  .failed_with(errc::unsupported));
}
