// transom/os/fifo_test.cpp - two processes meet at a path, nobody hangs in open(2), and nothing but a FIFO is opened.
#include "transom/os/fifo.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <fstream>
#include <thread>

#include "transom/os/poll.hpp"
#include "transom/os/testing.hpp"

using namespace std::chrono_literals;
using transom::deadline;
using transom::errc;
using transom::patience;
namespace os = transom::os;
using os::fifo;
namespace testing_os = transom::os::testing;

namespace {

const std::array<std::byte, 3> three{std::byte{1}, std::byte{2}, std::byte{3}};

short polled(const os::pipe_reader& reader) {
  os::poll_item item{reader.fd(), os::interest::readable, 0};
  os::poll({&item, 1}, deadline::passed()).or_throw();
  return item.got;
}

}  // namespace

TEST(fifo, what_one_writes_the_other_reads) {
  testing_os::temporary_directory dir;
  const std::string path = dir / "f";
  EXPECT_TRUE(fifo::create(path).or_throw());
  auto reader = fifo::open_reader(path).or_throw();
  auto writer = fifo::open_writer(path).or_throw();
  writer.write_all(three).or_throw();
  std::array<std::byte, 8> got{};
  EXPECT_EQ(reader.read(got).or_throw(), 3u);
  EXPECT_EQ(got[2], std::byte{3});
  EXPECT_TRUE(testing_os::is_close_on_exec(reader.fd()));
  EXPECT_TRUE(testing_os::is_close_on_exec(writer.fd()));
  fifo::remove(path).or_throw();
  EXPECT_TRUE(fifo::remove(path).failed_with(std::errc::no_such_file_or_directory));
}

TEST(fifo, one_that_exists_is_an_answer_and_keeps_its_mode) {
  testing_os::temporary_directory dir;
  const std::string path = dir / "f";
  EXPECT_TRUE(fifo::create(path, 0666).or_throw());
  EXPECT_FALSE(fifo::create(path, 0600).or_throw());
  struct stat found{};
  ASSERT_EQ(::stat(path.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777, 0666u);
}

TEST(fifo, what_is_not_a_fifo_is_named_and_left_alone) {
  testing_os::temporary_directory dir;
  const std::string file = dir / "file", link = dir / "link", real = dir / "real";
  std::ofstream(file) << "precious";
  fifo::create(real).or_throw();
  ASSERT_EQ(::symlink(real.c_str(), link.c_str()), 0);

  auto occupied = fifo::create(file);
  ASSERT_TRUE(occupied.failed_with(std::errc::file_exists));
  EXPECT_EQ(occupied.error().detail(), "not a FIFO: it is a regular file");
  auto writer = fifo::open_writer(file);
  ASSERT_TRUE(writer.failed_with(std::errc::invalid_argument));
  EXPECT_EQ(writer.error().message(), "open " + file + ": Invalid argument: not a FIFO: it is a regular file");
  EXPECT_TRUE(fifo::open_reader(dir.path()).failed_with(std::errc::invalid_argument));
  EXPECT_TRUE(fifo::remove(file).failed_with(std::errc::invalid_argument));
  auto through_link = fifo::open_reader(link);
  ASSERT_TRUE(through_link.failed_with(std::errc::invalid_argument));
  EXPECT_EQ(through_link.error().detail(), "not a FIFO: it is a symbolic link, which is not followed");
  EXPECT_TRUE(fifo::open_reader("/dev/null").failed_with(std::errc::invalid_argument));
}

TEST(fifo, a_writer_without_a_reader_is_told_so_in_time) {
  testing_os::temporary_directory dir;
  const std::string path = dir / "f";
  fifo::create(path).or_throw();
  auto at_once = fifo::open_writer(path, patience::none());
  ASSERT_TRUE(at_once.failed_with(errc::would_block));
  EXPECT_EQ(at_once.error().detail(), "nobody reads the FIFO");
  auto later = fifo::open_writer(path, patience::until_time(deadline::after(3ms)));
  ASSERT_TRUE(later.failed_with(errc::timed_out));
  EXPECT_EQ(later.error().detail(), "nobody reads the FIFO");

  std::stop_source source;
  std::jthread stopper([&] { source.request_stop(); });
  EXPECT_TRUE(fifo::open_writer(path, patience::forever(source.get_token())).failed_with(errc::canceled));
}

TEST(fifo, a_missing_path_is_an_error_at_once_and_a_time_out_later) {
  testing_os::temporary_directory dir;
  const std::string path = dir / "missing";
  EXPECT_TRUE(fifo::open_reader(path).failed_with(std::errc::no_such_file_or_directory));
  EXPECT_TRUE(fifo::open_writer(path, patience::none()).failed_with(std::errc::no_such_file_or_directory));
  const auto soon = patience::until_time(deadline::after(3ms));
  EXPECT_TRUE(fifo::open_reader(path, soon).failed_with(errc::timed_out));
  auto late = fifo::open_writer(path, soon);
  ASSERT_TRUE(late.failed_with(errc::timed_out));
  EXPECT_EQ(late.error().detail(), "there is no such FIFO");
  EXPECT_TRUE(fifo::create("/proc/nowhere").failed_with(std::errc::no_such_file_or_directory));
}

// Oracle: the child starts before there is a FIFO, and exits with 0 once it has written.
TEST(fifo, start_order_does_not_matter) {
  testing_os::temporary_directory dir;
  const std::string path = dir / "f";
  testing_os::forked writer([&] { return fifo::open_writer(path).or_throw().write(three).or_throw() == 3 ? 0 : 1; });
  fifo::create(path).or_throw();
  auto reader = fifo::open_reader(path).or_throw();
  fifo::await_writer(reader).or_throw();
  std::array<std::byte, 8> got{};
  EXPECT_EQ(reader.read(got).or_throw(), 3u);
  EXPECT_EQ(writer.wait(), 0);
}

TEST(fifo, a_silent_writer_counts_as_a_writer_and_nothing_is_taken) {
  testing_os::temporary_directory dir;
  const std::string path = dir / "f";
  fifo::create(path).or_throw();
  auto reader = fifo::open_reader(path).or_throw();
  EXPECT_TRUE(fifo::await_writer(reader, patience::none()).failed_with(errc::would_block));
  EXPECT_TRUE(fifo::await_writer(reader, patience::until_time(deadline::after(3ms))).failed_with(errc::timed_out));
  auto writer = fifo::open_writer(path).or_throw();
  fifo::await_writer(reader, patience::none()).or_throw();
  writer.write_all(three).or_throw();
  fifo::await_writer(reader, patience::none()).or_throw();
  EXPECT_EQ(reader.pending().or_throw(), 3u);
}

TEST(fifo, a_reopened_reader_waits_for_the_next_writer) {
  testing_os::temporary_directory dir;
  const std::string path = dir / "f";
  fifo::create(path).or_throw();
  auto reader = fifo::open_reader(path).or_throw();
  { auto gone = fifo::open_writer(path).or_throw(); }
  EXPECT_TRUE(polled(reader) & os::interest::hangup);
  fifo::remove(path).or_throw();  // the name is not needed
  auto next = fifo::reopen_reader(reader).or_throw();
  EXPECT_EQ(polled(next), 0);
  EXPECT_TRUE(testing_os::is_close_on_exec(next.fd()));
}

TEST(fifo, permissions_and_descriptors_run_out_as_errors) {
  testing_os::temporary_directory dir;
  const std::string path = dir / "f";
  fifo::create(path, 0600).or_throw();
  EXPECT_TRUE(testing_os::as_nobody([&] {
    return fifo::open_reader(path).failed_with(std::errc::permission_denied) &&
           fifo::create("/transom-test-forbidden").failed_with(std::errc::permission_denied);
  }));
  EXPECT_TRUE(testing_os::with_limit(
      RLIMIT_NOFILE, 3, [&] { return fifo::open_reader(path).failed_with(std::errc::too_many_files_open); }));
}

TEST(fifo, nothing_is_leaked_by_failures) {
  testing_os::temporary_directory dir;
  const std::string path = dir / "f";
  fifo::create(path).or_throw();
  const long before = testing_os::open_descriptors();
  fifo::open_writer(path, patience::none()).ignore();
  fifo::open_writer(dir.path(), patience::none()).ignore();
  fifo::open_reader("/dev/null").ignore();
  fifo::create(path).ignore();
  EXPECT_EQ(testing_os::open_descriptors(), before);
}
