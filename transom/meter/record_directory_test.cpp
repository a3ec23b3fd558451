// transom/meter/record_directory_test.cpp - the directory of the records comes with the first and goes with the last,
// whoever that is and however many come and go.
#include <gtest/gtest.h>

#include <deque>
#include <filesystem>

#include "transom/meter/record.hpp"
#include "transom/os/entry.hpp"
#include "transom/shm/testing.hpp"

using transom::errc;
using transom::meter::record;
using transom::meter::record_terms;
namespace os = transom::os;
namespace shm = transom::shm;

namespace {

struct usual_directory {
  usual_directory() {
    os::make_directory(room.path()).or_throw();
    ::setenv("TRANSOM_DIR", path.c_str(), 1);
  }
  shm::testing::scratch room;
  const std::string path = room.path() + "/transom-" + std::to_string(os::effective_user());
  bool is_there() const { return std::filesystem::exists(path); }
};

const record_terms plain{};

bool is_expected(const transom::error& why) {
  return why == errc::no_peer || why == errc::closed || why == errc::owner_died || why == std::errc::address_in_use;
}

}  // namespace

TEST(record_directory, goes_with_the_last_owner_and_comes_with_no_sender) {
  usual_directory here;
  EXPECT_TRUE(record::join("fifo:///x", plain).failed_with(errc::no_peer));
  EXPECT_FALSE(here.is_there());
  {
    auto first = record::own("fifo:///x", plain, false).or_throw();
    auto second = record::own("fifo:///y", plain, true).or_throw();
    first.guard.release();
    second.guard.release();
    first.self.leave();
    EXPECT_TRUE(here.is_there());
    second.self.leave();
    EXPECT_FALSE(here.is_there());
  }
  EXPECT_FALSE(here.is_there());
}

TEST(record_directory, goes_with_the_sender_that_had_something_there_longer_than_the_owner) {
  usual_directory here;
  auto owned = record::own("fifo:///x", plain, false).or_throw();
  owned.guard.release();
  {
    auto sender = record::join("fifo:///x", plain).or_throw();
    auto bell = std::filesystem::path(sender.file() + ".bell");
    std::filesystem::create_directory(bell);
    owned.self.leave();
    EXPECT_TRUE(here.is_there());
    std::filesystem::remove(bell);
  }
  EXPECT_FALSE(here.is_there());
}

TEST(record_directory, stays_with_what_a_dead_owner_left_and_goes_after_its_replacement) {
  usual_directory here;
  shm::testing::standing_child dead([] { return record::own("fifo:///x", plain, false).or_throw(); });
  dead.kill_and_reap();
  EXPECT_TRUE(record::join("fifo:///x", plain).failed_with(errc::owner_died));
  EXPECT_TRUE(here.is_there());
  { EXPECT_TRUE(record::own("fifo:///x", plain, false).or_throw().replaced_leftover); }
  EXPECT_FALSE(here.is_there());
}

TEST(record_directory, that_many_owners_and_senders_come_to_and_leave_at_once_fails_nobody_and_is_gone_in_the_end) {
  usual_directory here;
  const auto live = [](unsigned who) {
    for (unsigned lap = 0; lap < 60; ++lap) {
      const bool shared = lap % 2 == 0;  // with the others, or alone
      const std::string name = "fifo:///" + std::to_string(shared ? lap % 3 : 100 + who);
      auto owned = record::own(name, plain, shared);
      if (!owned) return 1;
      owned->guard.release();
      auto sender = record::join(name, plain);
      if (!sender && !(shared && is_expected(sender.error()))) return 2;
      auto other = record::join("fifo:///" + std::to_string((lap + 1) % 3), plain);
      if (!other && !is_expected(other.error())) return 3;
    }
    return 0;
  };
  std::deque<os::testing::forked> all;
  for (unsigned who = 0; who < 6; ++who) all.emplace_back([&live, who] { return live(who); });
  for (auto& one : all) EXPECT_EQ(one.wait(), 0);
  EXPECT_FALSE(here.is_there());
}
