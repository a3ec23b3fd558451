// transom/transport/fifo_test.cpp - what fifo has beyond the rules of shared_test.cpp: a name in the file system that
// may be somebody else's, pieces, and programs that know nothing of us.
#include "transom/transport/fifo.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <thread>
#include <vector>

#include "transom/os/entry.hpp"
#include "transom/os/fifo.hpp"
#include "transom/transport/frame.hpp"
#include "transom/transport/shared_testing.hpp"

using namespace transom::transport::testing;
using transom::errc;
using transom::patience;
namespace os = transom::os;
namespace shm = transom::shm;
namespace tp = transom::transport;

class fifo_transport : public testing::Test {
 protected:
  transom::url at(const std::string& keys = "") const { return place_.make("fifo", keys); }
  bool exists() const { return os::entry::look(place_.path()).has_value(); }
  place_for_names place_;
};

TEST_F(fifo_transport, a_path_that_is_something_else_is_refused_and_named) {
  std::ofstream(place_.path()) << "precious";
  auto rx = named_receiver(at());
  ASSERT_FALSE(rx);
  EXPECT_NE(rx.error().message().find("regular file"), std::string::npos) << rx.error().message();
  auto tx = named_sender(at());
  ASSERT_FALSE(tx);
  EXPECT_NE(tx.error().message().find("regular file"), std::string::npos) << tx.error().message();
  std::string kept;
  std::ifstream(place_.path()) >> kept;
  EXPECT_EQ(kept, "precious");
  std::filesystem::remove(place_.path());
}

TEST_F(fifo_transport, a_fifo_made_by_hand_is_used_and_never_removed) {
  ASSERT_TRUE(os::fifo::create(place_.path()).or_throw());
  const auto before = os::entry::look(place_.path()).or_throw();
  for (int i = 0; i < 2; ++i) {
    auto rx = named_receiver(at()).or_throw();
    auto tx = named_sender(at()).or_throw();
    send(*tx, "x");
    EXPECT_EQ(recv(*rx).or_throw(), "x");
  }
  shm::testing::standing_child child([&] { return named_receiver(at()).or_throw(); });
  child.kill_and_reap();
  named_receiver(at()).or_throw().reset();
  EXPECT_TRUE(os::entry::look(place_.path()).or_throw().same_object(before));
  std::filesystem::remove(place_.path());
}

TEST_F(fifo_transport, the_fifo_of_a_dead_owner_is_made_anew) {
  shm::testing::standing_child child([&] { return named_receiver(at()).or_throw(); });
  const auto before = os::entry::look(place_.path()).or_throw();
  auto pinned = os::fifo::open_writer(place_.path()).or_throw();
  child.kill_and_reap();
  ASSERT_TRUE(exists());
  auto rx = named_receiver(at()).or_throw();
  EXPECT_FALSE(os::entry::look(place_.path()).or_throw().same_object(before));
  rx.reset();
  EXPECT_FALSE(exists());
}

TEST_F(fifo_transport, what_a_dead_owner_had_half_read_does_not_confuse_the_next) {
  ASSERT_TRUE(os::fifo::create(place_.path()).or_throw());
  auto child = std::make_unique<shm::testing::standing_child>([&] { return named_receiver(at()).or_throw(); });
  auto writer = os::fifo::open_writer(place_.path()).or_throw();
  writer.write_all(transom::as_bytes(filled(100)), soon()).or_throw();
  child->kill_and_reap();
  auto rx = named_receiver(at()).or_throw();
  auto tx = named_sender(at()).or_throw();
  send(*tx, "x");
  EXPECT_EQ(recv(*rx).or_throw(), "x");
  tx->close();
  EXPECT_TRUE(recv(*rx).failed_with(errc::closed));
  rx.reset();
  std::filesystem::remove(place_.path());
}

TEST_F(fifo_transport, the_mode_is_as_asked) {
  auto rx = named_receiver(at("mode=0640")).or_throw();
  EXPECT_EQ(os::entry::look(place_.path()).or_throw().mode, 0640u);
}

TEST_F(fifo_transport, a_sender_killed_within_a_large_message_has_sent_nothing) {
  auto rx = named_receiver(at("max_message=4M")).or_throw();
  shm::testing::signpost begun;
  os::testing::forked child([&] {
    auto tx = named_sender(at("max_message=4M")).or_throw();
    send(*tx, "whole");
    begun.reached();
    send(*tx, filled(4u << 20));
    return 0;
  });
  const int pid = child.pid();
  begun.wait();
  auto other = named_sender(at()).or_throw();
  {  // it cannot get on beyond what the FIFO holds: wait until it is that far
    const auto spectator = os::fifo::open_reader(place_.path()).or_throw();
    while (spectator.pending().or_throw() < 50'000) std::this_thread::yield();
  }
  child.kill();
  child.wait();
  EXPECT_EQ(recv(*rx).or_throw(), "whole");
  auto died = recv(*rx);
  ASSERT_TRUE(died.failed_with(errc::peer_died)) << died.error().message();
  EXPECT_EQ(died.error().peer_pid(), pid);
  EXPECT_EQ(died.error().detail(), "in the middle of a message, which is dropped");
  send(*other, filled(50'000));
  EXPECT_EQ(recv(*rx).or_throw(), filled(50'000));
}

TEST_F(fifo_transport, a_large_message_that_ran_out_of_time_is_given_up_whole_and_the_sender_goes_on) {
  for (const char* keys : {"max_message=4M", "max_message=4M&senders=1"}) {
    auto rx = named_receiver(at(keys)).or_throw();
    auto tx = named_sender(at(keys)).or_throw();
    const std::string large = filled(4u << 20);
    EXPECT_TRUE(try_send(*tx, large).failed_with(errc::message_too_large));
    EXPECT_TRUE(tx->send({.payload = transom::as_bytes(large)}, patience::until_time(transom::deadline::after(20ms)))
                    .failed_with(errc::timed_out));
    std::jthread peer([&] {
      send(*tx, "small");
      send(*tx, large);
      tx->close();
    });
    EXPECT_EQ(recv(*rx).or_throw(), "small");
    EXPECT_EQ(recv(*rx).or_throw(), large);
    EXPECT_TRUE(recv(*rx).failed_with(errc::closed));
  }
}

TEST_F(fifo_transport, bytes_that_are_no_frame_finish_the_receiver) {
  auto rx = named_receiver(at()).or_throw();
  auto writer = os::fifo::open_writer(place_.path()).or_throw();
  writer.write_all(transom::as_bytes("hello, is anybody there?"), soon()).or_throw();
  EXPECT_TRUE(recv(*rx).failed_with(errc::protocol_error));
  EXPECT_TRUE(recv(*rx).failed_with(errc::closed));
  EXPECT_FALSE(exists());
  auto next = named_receiver(at()).or_throw();
  auto other = os::fifo::open_writer(place_.path()).or_throw();
  other.write_all(transom::as_bytes("short"), soon()).or_throw();
  { auto gone = std::move(other); }
  EXPECT_TRUE(recv(*next).failed_with(errc::protocol_error));
}

TEST_F(fifo_transport, a_piece_that_lies_about_its_size_finishes_the_receiver) {
  auto rx = named_receiver(at()).or_throw();
  auto writer = os::fifo::open_writer(place_.path()).or_throw();
  std::array<std::byte, 16 + 8 + 10> frame{};
  tp::encode_header({.length = 18, .kind = tp::frame_kind::fragment, .sender = 5, .sequence = 1}, frame.data());
  transom::store_le(frame.data() + 16, std::uint32_t{1} << 30);
  writer.write_all(frame, soon()).or_throw();
  EXPECT_TRUE(recv(*rx).failed_with(errc::protocol_error));
}

// ---- programs that know nothing of us

class foreign : public fifo_transport {
 protected:
  // A real program at the other end, fed from or leading to `file`.
  os::testing::forked cat(const char* redirection, const std::string& file) const {
    const std::string command = std::string("exec cat ") + redirection;
    const std::string path = place_.path();
    return os::testing::forked([command, path, file] {
      ::execl("/bin/sh", "sh", "-c", command.c_str(), "sh", path.c_str(), file.c_str(), static_cast<char*>(nullptr));
      return 98;
    });
  }
  os::testing::temporary_directory files_;
};

TEST_F(foreign, lines_come_from_cat_and_its_end_is_the_end) {
  auto rx = named_receiver(at("framing=line"), {}, {}).or_throw();
  EXPECT_FALSE(rx->features().contains(transom::sees_death));
  std::ofstream(files_ / "in") << "one\n\nthree\nlast without newline";
  EXPECT_TRUE(try_recv(*rx).failed_with(errc::would_block));
  auto child = cat("\"$2\" > \"$1\"", files_ / "in");
  for (const char* line : {"one", "", "three", "last without newline"}) EXPECT_EQ(recv(*rx).or_throw(), line);
  EXPECT_TRUE(recv(*rx).failed_with(errc::closed));
  EXPECT_EQ(child.wait(), 0);
}

TEST_F(foreign, lines_go_to_cat) {
  ASSERT_TRUE(os::fifo::create(place_.path()).or_throw());
  auto child = cat("\"$1\" > \"$2\"", files_ / "out");
  {
    auto tx = named_sender(at("framing=line"), {}, {}).or_throw();
    for (const char* line : {"one", "", "three"}) send(*tx, line);
    send(*tx, std::string(20'000, 'y'));
    EXPECT_FALSE(tx->send({.payload = transom::as_bytes("two\nlines")}, soon()));
  }
  EXPECT_EQ(child.wait(), 0);
  std::ifstream out(files_ / "out");
  const std::string all((std::istreambuf_iterator<char>(out)), {});
  EXPECT_EQ(all, "one\n\nthree\n" + std::string(20'000, 'y') + "\n");
  std::filesystem::remove(place_.path());
}

TEST_F(foreign, raw_bytes_and_lengths_travel_both_ways) {
  {
    auto rx = named_receiver(at("framing=raw"), {}, {}).or_throw();
    EXPECT_FALSE(rx->features().contains(transom::boundaries));
    auto tx = named_sender(at("framing=raw"), {}, {}).or_throw();
    send(*tx, "abc");
    EXPECT_EQ(recv(*rx).or_throw(), "abc");
    tx->close();
    EXPECT_TRUE(recv(*rx).failed_with(errc::closed));
  }
  auto rx = named_receiver(at("framing=length"), {}, {}).or_throw();
  auto tx = named_sender(at("framing=length"), {}, {}).or_throw();
  send(*tx, "");
  std::jthread peer([&] {
    send(*tx, filled(65'000));
    tx->close();
  });
  EXPECT_EQ(recv(*rx).or_throw(), "");
  EXPECT_EQ(recv(*rx).or_throw(), filled(65'000));
  EXPECT_TRUE(recv(*rx).failed_with(errc::closed));
}

TEST_F(foreign, a_frame_cut_by_its_writers_end_is_a_death) {
  auto rx = named_receiver(at("framing=length"), {}, {}).or_throw();
  auto writer = os::fifo::open_writer(place_.path()).or_throw();
  writer.write_all(transom::as_bytes(std::string_view("\0\0\0\x9half", 8)), soon()).or_throw();
  { auto gone = std::move(writer); }
  EXPECT_TRUE(recv(*rx).failed_with(errc::peer_died));
  EXPECT_TRUE(recv(*rx).failed_with(errc::closed));
}

TEST_F(foreign, with_keep_open_writers_come_one_after_the_other) {
  auto rx = named_receiver(at("framing=line&keep_open=true"), {}, {}).or_throw();
  const int number = rx->ready_fd().or_throw();
  for (const char* line : {"one", "two"}) {
    auto writer = os::fifo::open_writer(place_.path()).or_throw();
    writer.write_all(transom::as_bytes(line), soon()).or_throw();
    { auto gone = std::move(writer); }
    EXPECT_TRUE(becomes_readable(number));
    EXPECT_EQ(recv(*rx).or_throw(), line);
    EXPECT_TRUE(try_recv(*rx).failed_with(errc::would_block));
    EXPECT_FALSE(is_readable(number));
  }
}

TEST_F(foreign, a_writer_that_says_nothing_was_there_all_the_same) {
  auto rx = named_receiver(at("framing=line"), {}, {}).or_throw();
  std::jthread visitor([&] { auto writer = os::fifo::open_writer(place_.path()).or_throw(); });
  EXPECT_TRUE(recv(*rx).failed_with(errc::closed));
}
