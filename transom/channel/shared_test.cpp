// transom/channel/shared_test.cpp - one object for several handles, and what it takes to share it.
#include "transom/channel/shared.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "transom/os/entry.hpp"
#include "transom/shm/directory.hpp"

namespace transom {
namespace {

std::string fresh_name(const char* scheme = "shm://") {
  static std::atomic<int> count{0};
  return scheme + ("transom-shared-" + std::to_string(::getpid()) + "-" + std::to_string(++count));
}

struct scores {
  std::array<long, 3> best{7, 8, 9};
  std::atomic<int> players{0};
};
struct other_scores {
  std::array<int, 3> best{};
};
struct picky {
  long value;
  explicit picky(int wanted) : value(wanted) {
    if (wanted < 0) throw std::runtime_error("negative");
  }
};

}  // namespace

template <>
inline constexpr bool enable_shareable<picky> = true;

namespace {

struct with_text {
  std::string name;
};
struct with_pointer {
  int* at;
};
static_assert(shareable<scores> && shareable<int> && shareable<picky> && shareable<std::array<scores, 2>>);
static_assert(shareable<std::chrono::milliseconds> && shareable<sync::atomic<unsigned>>);
static_assert(!shareable<with_text> && !shareable<with_pointer> && !shareable<std::vector<int>> && !shareable<int*>);
static_assert(!shareable<const int> && !shareable<int&> && !shareable<std::atomic<int*>>);

class shared_on : public testing::TestWithParam<const char*> {
 protected:
  std::string name() {
    const std::string scheme = GetParam();
    if (scheme == "posix-shm://") return fresh_name("posix-shm:///");
    if (scheme != "sysv-shm://") return fresh_name();
    key_ = fresh_name("/tmp/");
    std::ofstream(key_).put('k');
    return scheme + key_ + "?id=7";
  }
  void TearDown() override { std::filesystem::remove(key_); }

 private:
  std::string key_ = "/tmp/transom-there-is-no-such-key";
};
INSTANTIATE_TEST_SUITE_P(schemes, shared_on, testing::Values("shm://", "posix-shm://", "sysv-shm://"));

TEST_P(shared_on, the_first_constructs_and_the_others_find_it) {
  const std::string where = name();
  shared<scores> first{where};
  EXPECT_TRUE(first.made_it());
  EXPECT_THAT(first->best, testing::ElementsAre(7, 8, 9));
  first->best[0] = 70;
  shared<scores> second{first.url()};
  EXPECT_FALSE(second.made_it());
  EXPECT_EQ(second->best[0], 70);
  EXPECT_NE(&*first, &*second);
  second->players.fetch_add(1, std::memory_order_relaxed);
  EXPECT_EQ(first->players.load(std::memory_order_relaxed), 1);
}

TEST_P(shared_on, the_last_one_takes_it_away) {
  const std::string where = name();
  {
    auto first = shared<scores>::open(where).or_throw();
    shared<scores> second{where};
    second->best[0] = 1;
    first = std::move(second);
    EXPECT_EQ(first->best[0], 1);
    shared<scores> third{where};
    EXPECT_FALSE(third.made_it());
  }
  shared<scores> again{where};
  EXPECT_TRUE(again.made_it());
  EXPECT_EQ(again->best[0], 7);
}

TEST_P(shared_on, another_type_is_refused_with_both_descriptions) {
  const std::string where = name();
  shared<scores> mine{where};
  auto other = shared<other_scores>::open(where);
  ASSERT_TRUE(other.failed_with(errc::type_mismatch)) << other.error().message();
  EXPECT_THAT(std::string(other.error().detail()), testing::AllOf(testing::HasSubstr("other_scores{[i32; 3]}"),
                                                                  testing::HasSubstr("scores{[i64; 3], atomic<i32>}")));
}

TEST(shared, a_constructor_that_throws_leaves_nothing) {
  const std::string where = fresh_name();
  EXPECT_THROW(shared<picky>(where, -1), std::runtime_error);
  shared<picky> good{where, 5};
  EXPECT_TRUE(good.made_it());
  EXPECT_EQ(good->value, 5);
  EXPECT_EQ(shared<picky>(where, 6)->value, 5);
}

TEST(shared, nothing_stays_in_the_directory) {
  const std::string where = fresh_name();
  const std::string file =
      shm::directory::open().or_throw().path_of(shm::file_name(url::parse(where).or_throw().identity(), "record"));
  {
    shared<scores> mine{where};
    EXPECT_TRUE(os::entry::look(file));
  }
  EXPECT_FALSE(os::entry::look(file));
}

TEST(shared, of_many_that_come_at_once_one_constructs) {
  const std::string where = fresh_name();
  const shared<scores> keeper{where};
  std::atomic<int> made{0};
  {
    std::vector<std::jthread> all;
    for (int i = 0; i < 4; ++i)
      all.emplace_back([&] {
        for (int turn = 0; turn < 20; ++turn) {
          const shared<scores> mine{where};
          made += mine.made_it() ? 1 : 0;
          if (mine->best[1] != 8) made += 1000;
        }
      });
  }
  EXPECT_EQ(made, 0);
}

TEST(shared, what_is_no_shared_memory_is_refused) {
  EXPECT_TRUE(shared<scores>::open("unix:///tmp/x").failed_with(errc::unsupported));
  EXPECT_TRUE(shared<scores>::open(fresh_name() + "?keep=true").failed_with(errc::unsupported));
  EXPECT_TRUE(shared<scores>::open("shm:/x").failed_with(errc::bad_url));
}

}  // namespace
}  // namespace transom
