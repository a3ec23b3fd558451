// transom/shm/directory_test.cpp - an unsafe directory is refused in words, and a name has one holder at a time.
#include "transom/shm/directory.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "transom/os/entry.hpp"
#include "transom/shm/testing.hpp"

using namespace std::chrono_literals;
using transom::deadline;
using transom::errc;
namespace os = transom::os;
namespace shm = transom::shm;
using shm::testing::scratch;

namespace {
bool says(const transom::error& why, std::string_view words) { return why.message().find(words) != std::string::npos; }
}  // namespace

TEST(directory, is_made_for_its_user_alone) {
  scratch here;
  EXPECT_EQ(shm::directory::open().or_throw().path(), here.path());
  EXPECT_EQ(os::entry::look(here.path()).or_throw().mode, 0700u);
  shm::directory::open().or_throw();
}

TEST(directory, without_the_variable_is_that_of_the_user) {
  EXPECT_EQ(shm::directory::usual_path(), "/dev/shm/transom-" + std::to_string(os::effective_user()));
}

TEST(directory, one_that_others_may_enter_is_refused_with_its_mode_and_the_remedy) {
  scratch here;
  os::make_directory(here.path()).or_throw();
  std::filesystem::permissions(here.path(), std::filesystem::perms::all);
  auto refused = shm::directory::open();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), std::errc::operation_not_permitted);
  EXPECT_TRUE(says(refused.error(), "mode is 0777")) << refused.error().message();
  EXPECT_TRUE(says(refused.error(), "chmod 700")) << refused.error().message();
}

TEST(directory, a_symbolic_link_is_refused_even_to_a_good_directory) {
  scratch here;
  const std::string good = here.path() + "-good";
  os::make_directory(good).or_throw();
  std::filesystem::create_directory_symlink(good, here.path());
  for (const char* slash : {"", "/"}) {
    auto refused = shm::directory::open(here.path() + slash);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error(), std::errc::operation_not_permitted);
    EXPECT_TRUE(says(refused.error(), "symbolic link")) << refused.error().message();
  }
  std::filesystem::remove(here.path());
  std::filesystem::remove(good);
}

TEST(directory, a_file_and_a_relative_path_are_refused) {
  auto file = shm::directory::open("/dev/null");
  ASSERT_FALSE(file);
  EXPECT_TRUE(says(file.error(), "not a directory")) << file.error().message();
  EXPECT_TRUE(shm::directory::open("somewhere").failed_with(std::errc::invalid_argument));
}

TEST(directory, that_of_another_user_is_refused_with_his_number) {
  scratch here;
  shm::directory::open().or_throw();
  EXPECT_TRUE(os::testing::as_nobody([&] {
    auto refused = shm::directory::open();
    return !refused && refused.error() == std::errc::operation_not_permitted && says(refused.error(), "uid 0");
  }));
}

TEST(directory, file_names_can_be_read_and_never_leave_the_directory) {
  EXPECT_EQ(shm::file_name("fifo:///tmp/log", "record"), "fifo-tmp-log-8e14ca66c4cc33b6.record");
  const std::string nasty = shm::file_name("unix:///../../" + std::string(300, 'x') + "/.. \n", "record");
  EXPECT_EQ(nasty.find('/'), std::string::npos);
  EXPECT_LE(nasty.size(), 124u);
  EXPECT_NE(shm::file_name("unix:///a-b", "record"), shm::file_name("unix:///a/b", "record"));
  EXPECT_NE(shm::file_name("unix:///.x", "record").front(), '.');
}

TEST(directory, a_name_is_locked_by_one_at_a_time_and_others_are_free) {
  scratch here;
  auto in = shm::directory::open().or_throw();
  auto mine = in.lock_name("a", deadline::passed()).or_throw();
  auto refused = in.lock_name("a", deadline::after(1ms));
  ASSERT_TRUE(refused.failed_with(errc::timed_out));
  EXPECT_TRUE(says(refused.error(), "another process")) << refused.error().message();
  in.lock_name("b", deadline::passed()).or_throw();
  mine.release();
  in.lock_name("a", deadline::passed()).or_throw();
}

TEST(directory, the_lock_of_a_name_ends_with_its_holder_although_a_child_lives_on) {
  scratch here;
  auto in = shm::directory::open().or_throw();
  shm::testing::signpost stay;
  auto mine = std::make_optional(in.lock_name("a", deadline::passed()).or_throw());
  os::testing::forked child([&] {
    stay.wait();
    mine.reset();  // forgets; there is nothing to unmap here
    return in.lock_name("a", deadline::passed()) ? 0 : 1;
  });
  mine.reset();
  { auto again = in.lock_name("a", deadline::passed()).or_throw(); }
  stay.reached();
  EXPECT_EQ(child.wait(), 0);
}
