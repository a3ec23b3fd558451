// transom/shm/directory_test.cpp - an unsafe directory is refused in words, and a name has one holder at a time.
#include "transom/shm/directory.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <filesystem>
#include <future>

#include "transom/os/byte_lock.hpp"
#include "transom/os/entry.hpp"
#include "transom/os/mapping.hpp"
#include "transom/os/tmpfile.hpp"
#include "transom/shm/testing.hpp"
#include "transom/sync/atomic.hpp"

using namespace std::chrono_literals;
using transom::deadline;
using transom::errc;
namespace os = transom::os;
namespace shm = transom::shm;
using shm::testing::scratch;

namespace {
bool says(const transom::error& why, std::string_view words) { return why.message().find(words) != std::string::npos; }

// A room of our own with a directory in it that is called as the library calls it.
struct usual {
  usual() { os::make_directory(room.path()).or_throw(); }
  scratch room;
  const std::string path = room.path() + "/transom-" + std::to_string(os::effective_user());
  bool is_there() const { return std::filesystem::exists(path); }
};

void put(const shm::directory& in, const std::string& file) {
  auto made = os::make_unnamed(in.path(), 0600, 4096).or_throw();
  os::give_name(made.get(), in.path_of(file)).or_throw();
}

constexpr std::uint64_t everybody = std::uint64_t{1} << 62;
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

TEST(directory, comes_with_the_first_name_and_goes_with_the_last_object) {
  usual here;
  EXPECT_TRUE(shm::directory::find(here.path).failed_with(std::errc::no_such_file_or_directory));
  EXPECT_FALSE(here.is_there());
  const auto in = shm::directory::open(here.path).or_throw();
  auto first = in.lock_name("a", deadline::passed()).or_throw();
  auto second = in.lock_name("b", deadline::passed()).or_throw();
  put(in, "object");
  first.release();
  EXPECT_TRUE(here.is_there());
  second.release();
  EXPECT_TRUE(std::filesystem::exists(in.path_of("lock"))) << "beside an object";
  os::remove_file(in.path_of("object")).or_throw();
  in.tidy();
  EXPECT_FALSE(here.is_there());
  { auto again = in.lock_name("a", deadline::passed()).or_throw(); }
  EXPECT_FALSE(here.is_there());
}

TEST(directory, one_whose_name_somebody_chose_stays_without_the_file_of_the_locks) {
  scratch here;
  { auto mine = shm::directory::open().or_throw().lock_name("a", deadline::passed()).or_throw(); }
  EXPECT_TRUE(os::names_in(here.path(), 9).or_throw().empty());
}

TEST(directory, is_not_tidied_under_somebody_who_holds_a_name_or_is_refused_one) {
  usual here;
  const auto in = shm::directory::open(here.path).or_throw();
  auto mine = in.lock_name("a", deadline::passed()).or_throw();
  in.tidy();
  EXPECT_TRUE(in.lock_name("a", deadline::passed()).failed_with(errc::timed_out));
  EXPECT_TRUE(std::filesystem::exists(in.path_of("lock")));
  mine.release();
  EXPECT_FALSE(here.is_there());
}

TEST(directory, who_waited_at_a_file_of_locks_that_went_locks_the_next_one) {
  usual here;
  const auto in = shm::directory::open(here.path).or_throw();
  put(in, "lock");
  auto old = os::open_file(in.path_of("lock"), true).or_throw();
  ASSERT_TRUE(os::byte_lock::try_lock(old.get(), everybody, os::byte_lock::kind::exclusive).or_throw());
  EXPECT_TRUE(in.lock_name("a", deadline::passed()).failed_with(errc::timed_out));
  auto waiter = std::async(std::launch::async, [&] { return in.lock_name("a", deadline::after(1min)).or_throw(); });
  os::remove_file(in.path_of("lock")).or_throw();
  os::remove_directory(here.path).or_throw();
  old.reset();
  auto held = waiter.get();
  EXPECT_TRUE(in.lock_name("a", deadline::passed()).failed_with(errc::timed_out));
  EXPECT_TRUE(in.lock_name("b", deadline::passed()));
  held.release();
  EXPECT_FALSE(here.is_there());
}

TEST(directory, that_turned_unsafe_meanwhile_is_refused) {
  usual here;
  const auto in = shm::directory::open(here.path).or_throw();
  std::filesystem::permissions(here.path, std::filesystem::perms::all);
  EXPECT_TRUE(in.lock_name("a", deadline::passed()).failed_with(std::errc::operation_not_permitted));
}

TEST(directory, that_many_come_and_go_in_leaves_no_name_to_two_and_is_gone_in_the_end) {
  usual here;
  auto memory = os::mapping::anonymous(4096, os::share::shared).or_throw();
  auto* inside = reinterpret_cast<transom::sync::atomic<std::uint32_t>*>(memory.data());
  const auto live = [&](unsigned who) {
    for (unsigned lap = 0; lap < 150; ++lap) {
      const unsigned name = (who + lap) % 3;
      const auto in = shm::directory::open(here.path).or_throw();
      auto guard = in.lock_name(std::to_string(name), deadline::after(1min)).or_throw();
      if (inside[name].fetch_add(1, transom::sync::relaxed) != 0) return 1;
      const std::string object = std::to_string(name) + "." + std::to_string(who);
      put(in, object);
      const bool late = lap % 2 == 0;
      if (!late) os::remove_file(in.path_of(object)).or_throw();
      inside[name].store(0, transom::sync::relaxed);
      guard.release();
      if (late) os::remove_file(in.path_of(object)).or_throw();
      if (late) in.tidy();
    }
    return 0;
  };
  std::deque<os::testing::forked> all;
  for (unsigned who = 0; who < 6; ++who) all.emplace_back([&live, who] { return live(who); });
  for (auto& one : all) EXPECT_EQ(one.wait(), 0);
  EXPECT_FALSE(here.is_there());
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
