// transom/os/tmpfile_test.cpp - a file is complete before it has a name, and never takes one that is in use.
#include "transom/os/tmpfile.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "transom/os/allocation.hpp"
#include "transom/os/testing.hpp"

namespace os = transom::os;
namespace testing_os = transom::os::testing;

TEST(tmpfile, has_its_size_its_blocks_and_its_mode_before_it_has_a_name) {
  testing_os::temporary_directory dir;
  auto file = os::make_unnamed(dir.path(), 0666, 100'000).or_throw();
  struct stat found{};
  ASSERT_EQ(::fstat(file.get(), &found), 0);
  EXPECT_EQ(found.st_size, 100'000);
  EXPECT_GE(found.st_blocks * 512, 100'000);
  EXPECT_EQ(found.st_mode & 07777, 0666u);
  EXPECT_EQ(found.st_nlink, 0u);
  EXPECT_TRUE(testing_os::is_close_on_exec(file.get()));
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
}

TEST(tmpfile, a_file_may_be_larger_than_what_is_allocated_and_get_the_rest_later) {
  testing_os::temporary_directory dir;
  auto file = os::make_unnamed("/dev/shm", 0600, std::size_t{1} << 40, 8192).or_throw();
  struct stat found{};
  ASSERT_EQ(::fstat(file.get(), &found), 0);
  EXPECT_EQ(found.st_size, std::int64_t{1} << 40);
  EXPECT_EQ(found.st_blocks * 512, 8192);
  os::allocate(file.get(), std::size_t{1} << 30, 4096, transom::place("here")).or_throw();
  ASSERT_EQ(::fstat(file.get(), &found), 0);
  EXPECT_EQ(found.st_size, std::int64_t{1} << 40);
  EXPECT_EQ(found.st_blocks * 512, 8192 + 4096);
  auto refused = os::allocate(file.get(), 4096, std::size_t{1} << 39, transom::place("here"));
  ASSERT_TRUE(refused.failed_with(std::errc::no_space_on_device));
  EXPECT_NE(refused.error().message().find(" free on tmpfs"), std::string::npos) << refused.error().message();
  EXPECT_TRUE(
      os::allocate(file.get(), 4096, ~std::size_t{0}, transom::place("here")).failed_with(std::errc::file_too_large));
  EXPECT_TRUE(testing_os::with_limit(RLIMIT_FSIZE, 4096, [&] {
    return os::make_unnamed(dir.path(), 0600, 8192, 4096).failed_with(std::errc::file_too_large);
  }));
}

TEST(tmpfile, a_name_is_given_once_and_never_taken_from_another) {
  testing_os::temporary_directory dir;
  auto first = os::make_unnamed(dir.path(), 0600, 1).or_throw();
  auto second = os::make_unnamed(dir.path(), 0600, 2).or_throw();
  os::give_name(first.get(), dir / "name").or_throw();
  auto taken = os::give_name(second.get(), dir / "name");
  ASSERT_TRUE(taken.failed_with(std::errc::file_exists));
  EXPECT_EQ(taken.error().url(), dir / "name");
  EXPECT_EQ(std::filesystem::file_size(dir / "name"), 1u);
  EXPECT_TRUE(os::give_name(second.get(), dir / "no/such").failed_with(std::errc::no_such_file_or_directory));
}

TEST(tmpfile, a_lack_of_space_says_what_is_needed_and_what_is_free) {
  const long before = testing_os::open_descriptors();
  auto refused = os::make_unnamed("/dev/shm", 0600, std::size_t{1} << 46);
  ASSERT_TRUE(refused.failed_with(std::errc::no_space_on_device)) << refused.error().message();
  EXPECT_EQ(refused.error().detail().find("70368744177664 bytes needed, "), 0u) << refused.error().message();
  EXPECT_NE(refused.error().detail().find(" free on tmpfs"), std::string_view::npos) << refused.error().message();
  EXPECT_EQ(testing_os::open_descriptors(), before);
}

TEST(tmpfile, beyond_the_limit_for_files_is_an_error_and_not_a_signal) {
  testing_os::temporary_directory dir;
  EXPECT_TRUE(testing_os::with_limit(RLIMIT_FSIZE, 4096, [&] {
    auto refused = os::make_unnamed(dir.path(), 0600, 8192);
    return refused.failed_with(std::errc::file_too_large) &&
           refused.error().detail().find("ulimit -f") != std::string_view::npos;
  }));
}

TEST(tmpfile, the_directory_must_be_one_that_the_caller_may_write_to) {
  testing_os::temporary_directory dir;
  EXPECT_TRUE(os::make_unnamed(dir / "missing").failed_with(std::errc::no_such_file_or_directory));
  std::ofstream(dir / "file") << "x";
  EXPECT_TRUE(os::make_unnamed(dir / "file").failed_with(std::errc::not_a_directory));
  EXPECT_TRUE(os::make_unnamed("/proc").failed_with(std::errc::operation_not_supported));
  std::filesystem::permissions(dir.path(), std::filesystem::perms::owner_all);
  EXPECT_TRUE(
      testing_os::as_nobody([&] { return os::make_unnamed(dir.path()).failed_with(std::errc::permission_denied); }));
  EXPECT_TRUE(testing_os::with_limit(
      RLIMIT_NOFILE, 3, [&] { return os::make_unnamed(dir.path()).failed_with(std::errc::too_many_files_open); }));
}
