// transom/os/mapped_file_test.cpp - what is stored is in the file, unless it was asked to stay private.
#include "transom/os/mapped_file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstring>
#include <fstream>
#include <iterator>

#include "transom/base/bytes.hpp"
#include "transom/os/fifo.hpp"
#include "transom/os/testing.hpp"

namespace os = transom::os;
using os::mapped_file;
namespace testing_os = transom::os::testing;

namespace {

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_text(const mapped_file& file, std::size_t offset, std::string_view text) {
  std::memcpy(file.bytes().data() + offset, text.data(), text.size());
}

}  // namespace

TEST(mapped_file, stores_reach_the_file_and_other_processes) {
  testing_os::temporary_directory dir;
  const std::string path = dir / "f";
  auto file = mapped_file::create(path, {.size = 10'000, .mode = 0666}).or_throw();
  struct stat found{};
  ASSERT_EQ(::fstat(file.fd(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777, 0666u);
  EXPECT_GE(found.st_blocks * 512, 10'000);
  EXPECT_TRUE(testing_os::is_close_on_exec(file.fd()));
  EXPECT_TRUE(testing_os::in_child([&] {
    write_text(mapped_file::open(path).or_throw(), 5'000, "from the child");
    return true;
  }));
  EXPECT_EQ(transom::as_text(file.bytes().subspan(5'000, 14)), "from the child");
  write_text(file, 0, "hello");
  file.flush().or_throw();
  file.flush(4'999, 20).or_throw();
  file.advise(os::advice::sequential).or_throw();
  EXPECT_EQ(contents(path).substr(0, 5), "hello");
}

TEST(mapped_file, a_private_copy_changes_nothing_and_needs_no_right_to_write) {
  testing_os::temporary_directory dir;
  const std::string path = dir / "f";
  std::ofstream(path) << "original";
  std::filesystem::permissions(path, std::filesystem::perms(0444));
  EXPECT_TRUE(testing_os::as_nobody([&] {
    auto copy = mapped_file::open(path, {.with = os::share::copy}).or_throw();
    write_text(copy, 0, "changed!");
    return transom::as_text(copy.bytes()) == "changed!" &&
           mapped_file::open(path).failed_with(std::errc::permission_denied);
  }));
  EXPECT_EQ(contents(path), "original");
}

TEST(mapped_file, grows_and_keeps_what_it_has) {
  testing_os::temporary_directory dir;
  const std::string path = dir / "f";
  auto file = mapped_file::create(path, {}).or_throw();
  EXPECT_TRUE(file.bytes().empty());
  file.grow(3).or_throw();
  write_text(file, 0, "abc");
  file.grow(1 << 20).or_throw();
  EXPECT_EQ(file.size(), std::size_t{1} << 20);
  EXPECT_EQ(transom::as_text(file.bytes().first(3)), "abc");
  file.bytes().back() = std::byte{1};
  EXPECT_EQ(std::filesystem::file_size(path), std::size_t{1} << 20);
  EXPECT_TRUE(file.grow(5).failed_with(std::errc::invalid_argument));
  auto reader = mapped_file::open(path, {.how = os::access::read_only}).or_throw();
  EXPECT_TRUE(reader.grow(std::size_t{1} << 21).failed_with(std::errc::invalid_argument));
  file.grow(std::size_t{1} << 21).or_throw();
  reader.grow(std::size_t{1} << 21).or_throw();
  EXPECT_EQ(transom::as_text(reader.bytes().first(3)), "abc");
}

TEST(mapped_file, opening_neither_shortens_nor_changes_the_mode) {
  testing_os::temporary_directory dir;
  const std::string path = dir / "f";
  std::ofstream(path) << "four";
  std::filesystem::permissions(path, std::filesystem::perms(0640));
  auto file = mapped_file::create(path, {.size = 2, .mode = 0600}).or_throw();
  EXPECT_EQ(file.size(), 4u);
  EXPECT_EQ(std::filesystem::status(path).permissions(), std::filesystem::perms(0640));
  EXPECT_EQ(mapped_file::open(path, {.size = 6}).or_throw().size(), 6u);
  EXPECT_TRUE(mapped_file::create(path, {.exclusive = true}).failed_with(std::errc::file_exists));
}

TEST(mapped_file, only_regular_files_are_mapped) {
  testing_os::temporary_directory dir;
  os::fifo::create(dir / "fifo").or_throw();
  EXPECT_TRUE(mapped_file::open(dir / "fifo", {.how = os::access::read_only}).failed_with(std::errc::invalid_argument));
  EXPECT_TRUE(mapped_file::open(dir.path()).failed_with(std::errc::is_a_directory));
  EXPECT_TRUE(mapped_file::open(dir / "missing").failed_with(std::errc::no_such_file_or_directory));
  EXPECT_TRUE(testing_os::with_limit(RLIMIT_NOFILE, 3, [&] {
    return mapped_file::open(dir / "missing").failed_with(std::errc::too_many_files_open);
  }));
}

TEST(mapped_file, one_that_does_not_fit_leaves_no_file_behind) {
  const std::string path = "/dev/shm/" + testing_os::unique_name();
  const long before = testing_os::open_descriptors();
  auto refused = mapped_file::create(path, {.size = std::size_t{1} << 46});
  ASSERT_TRUE(refused.failed_with(std::errc::no_space_on_device));
  EXPECT_NE(refused.error().detail().find("bytes needed, "), std::string_view::npos) << refused.error().message();
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_EQ(testing_os::open_descriptors(), before);
}
