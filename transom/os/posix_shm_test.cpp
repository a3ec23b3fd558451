// transom/os/posix_shm_test.cpp - a name leads to memory that is there in full.
#include "transom/os/posix_shm.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "transom/os/testing.hpp"

namespace os = transom::os;
using os::posix_shm;
namespace testing_os = transom::os::testing;

namespace {

struct name_of_mine {
  std::string text = "/" + testing_os::unique_name();
  ~name_of_mine() { posix_shm::unlink(text).ignore(); }
};

}  // namespace

TEST(posix_shm, two_processes_share_what_the_name_leads_to) {
  name_of_mine name;
  auto object = posix_shm::create(name.text, 100'000).or_throw();
  EXPECT_TRUE(object.created());
  EXPECT_TRUE(testing_os::is_close_on_exec(object.fd()));
  struct stat found{};
  ASSERT_EQ(::fstat(object.fd(), &found), 0);
  EXPECT_GE(found.st_blocks * 512, 100'000);
  auto memory = object.map(os::access::read_only).or_throw();
  EXPECT_TRUE(testing_os::in_child([&] {
    posix_shm::open(name.text).or_throw().map(os::access::read_write).or_throw().bytes()[99'999] = std::byte{1};
    return true;
  }));
  EXPECT_EQ(memory.bytes()[99'999], std::byte{1});
  posix_shm::unlink(name.text).or_throw();
  EXPECT_TRUE(posix_shm::open(name.text).failed_with(std::errc::no_such_file_or_directory));
  EXPECT_EQ(memory.bytes()[99'999], std::byte{1}) << "those who have it keep it";
}

TEST(posix_shm, creating_again_opens_and_only_ever_grows) {
  name_of_mine name;
  auto first = posix_shm::create(name.text, 5000, {.mode = 0666}).or_throw();
  auto second = posix_shm::create(name.text, 100).or_throw();
  EXPECT_FALSE(second.created());
  EXPECT_EQ(second.size().or_throw(), 5000u);
  EXPECT_EQ(posix_shm::create(name.text, 9000).or_throw().size().or_throw(), 9000u);
  EXPECT_EQ(first.size().or_throw(), 9000u);
  EXPECT_TRUE(posix_shm::create(name.text, 1, {.exclusive = true}).failed_with(std::errc::file_exists));
  struct stat found{};
  ASSERT_EQ(::fstat(first.fd(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777, 0666u);
}

TEST(posix_shm, too_much_is_refused_and_leaves_no_name) {
  name_of_mine name;
  auto refused = posix_shm::create(name.text, std::size_t{1} << 46);
  ASSERT_TRUE(refused.failed_with(std::errc::no_space_on_device));
  EXPECT_NE(refused.error().detail().find("free on tmpfs"), std::string_view::npos) << refused.error().message();
  EXPECT_FALSE(std::filesystem::exists("/dev/shm" + name.text));
}

TEST(posix_shm, names_permissions_and_descriptors_fail_as_errors) {
  name_of_mine name;
  for (const char* bad : {"", "/", "name", "/a/b", "/.."}) {
    EXPECT_TRUE(posix_shm::create(bad, 1).failed_with(std::errc::invalid_argument)) << bad;
    EXPECT_TRUE(posix_shm::unlink(bad).failed_with(std::errc::invalid_argument)) << bad;
  }
  EXPECT_TRUE(posix_shm::unlink(name.text).failed_with(std::errc::no_such_file_or_directory));
  auto object = posix_shm::create(name.text, 1).or_throw();
  EXPECT_TRUE(
      testing_os::as_nobody([&] { return posix_shm::open(name.text).failed_with(std::errc::permission_denied); }));
  EXPECT_TRUE(testing_os::with_limit(
      RLIMIT_NOFILE, 3, [&] { return posix_shm::open(name.text).failed_with(std::errc::too_many_files_open); }));
  auto read_only = posix_shm::open(name.text, os::access::read_only).or_throw();
  EXPECT_TRUE(read_only.map(os::access::read_write).failed_with(std::errc::permission_denied));
}
