// transom/os/epoll_test.cpp - what is ready is reported with its tag until it is drained.
#include "transom/os/epoll.hpp"

#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "transom/os/eventfd.hpp"
#include "transom/os/pipe.hpp"
#include "transom/os/poll.hpp"
#include "transom/os/testing.hpp"

using namespace std::chrono_literals;
using transom::deadline;
namespace os = transom::os;
using os::epoll;
using os::epoll_event_out;
using os::eventfd;
using os::interest;
namespace testing_os = transom::os::testing;

TEST(epoll, reports_the_tag_of_what_is_ready_until_it_is_drained) {
  auto set = epoll::make().or_throw();
  auto quiet = eventfd::make().or_throw(), loud = eventfd::make({.initial = 1}).or_throw();
  const std::uint64_t tag = 0xdeadbeef'00000001u;
  set.add(quiet.fd(), interest::readable, 7).or_throw();
  set.add(loud.fd(), interest::readable, tag).or_throw();
  std::array<epoll_event_out, 4> events{};
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(set.wait(events, deadline::never()).or_throw(), 1u);
    EXPECT_EQ(events[0].tag, tag);
    EXPECT_EQ(events[0].got, static_cast<std::uint32_t>(interest::readable));
  }
  loud.try_take().or_throw();
  EXPECT_EQ(set.wait(events, deadline::passed()).or_throw(), 0u);
  EXPECT_EQ(set.wait(events, deadline::after(2ms)).or_throw(), 0u);
  EXPECT_TRUE(testing_os::is_close_on_exec(set.fd()));
}

TEST(epoll, watches_for_something_else_and_no_longer) {
  auto set = epoll::make().or_throw();
  auto e = eventfd::make().or_throw();
  std::array<epoll_event_out, 1> events{};
  set.add(e.fd(), interest::readable, 1).or_throw();
  set.modify(e.fd(), interest::writable, 2).or_throw();
  ASSERT_EQ(set.wait(events, deadline::never()).or_throw(), 1u);
  EXPECT_EQ(events[0].tag, 2u);
  EXPECT_TRUE(set.add(e.fd(), interest::readable, 1).failed_with(std::errc::file_exists));
  set.remove(e.fd()).or_throw();
  EXPECT_EQ(set.wait(events, deadline::passed()).or_throw(), 0u);
  EXPECT_TRUE(set.remove(e.fd()).failed_with(std::errc::no_such_file_or_directory));
}

TEST(epoll, another_process_can_end_the_wait_and_its_death_is_a_hang_up) {
  auto set = epoll::make().or_throw();
  auto p = os::pipe::make().or_throw();
  set.add(p.reader.fd(), 0, 5).or_throw();
  testing_os::forked writer([] { return 0; });  // holds a copy of the writing end until it exits
  { auto closed = std::move(p.writer); }
  std::array<epoll_event_out, 1> events{};
  ASSERT_EQ(set.wait(events, deadline::never()).or_throw(), 1u);
  EXPECT_EQ(events[0].got, static_cast<std::uint32_t>(interest::hangup));
}

TEST(epoll, more_ready_than_room_come_in_turns) {
  auto set = epoll::make().or_throw();
  std::vector<eventfd> many;
  for (std::uint64_t i = 0; i < 5; ++i) {
    many.push_back(eventfd::make({.initial = 1}).or_throw());
    set.add(many.back().fd(), interest::readable, i).or_throw();
  }
  std::array<epoll_event_out, 2> room{};
  unsigned seen = 0;
  while (seen != 0b11111) {
    const std::size_t n = set.wait(room, deadline::never()).or_throw();
    ASSERT_LE(n, 2u);
    for (std::size_t i = 0; i < n; ++i) seen |= 1u << room[i].tag;
  }
}

TEST(epoll, what_cannot_be_polled_is_refused) {
  testing_os::temporary_directory dir;
  auto set = epoll::make().or_throw();
  const transom::fd file(::open((dir / "f").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  EXPECT_TRUE(set.add(file.get(), interest::readable, 0).failed_with(std::errc::operation_not_permitted));
  EXPECT_TRUE(set.add(-1, interest::readable, 0).failed_with(std::errc::bad_file_descriptor));
  EXPECT_TRUE(testing_os::with_limit(RLIMIT_NOFILE, 3,
                                     [] { return epoll::make().failed_with(std::errc::too_many_files_open); }));
}
