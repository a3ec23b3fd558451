// transom/shm/segment_test.cpp - a segment is complete or not there, its rows are reused, and the dead are found.
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>

#include "transom/shm/participants.hpp"
#include "transom/shm/segment.hpp"
#include "transom/shm/testing.hpp"

using transom::errc;
namespace os = transom::os;
namespace shm = transom::shm;
using shm::fate;
using shm::participants;
using shm::role;
using shm::testing::scratch;
using shm::testing::standing_child;

namespace {

constexpr shm::segment_kind kind{
    .magic = 0x74736574, .version = 3, .header_length = sizeof(shm::segment_header), .name = "test segment"};
constexpr unsigned rows = 4;
constexpr std::size_t size = sizeof(shm::segment_header) + rows * sizeof(shm::participant_row);

shm::directory here() { return shm::directory::open().or_throw(); }

// A named segment whose row 0 is its owner's.
shm::segment make_one(const char* name = "one", shm::segment_kind as = kind) {
  auto made = shm::segment::make(here(), size).or_throw();
  shm::begin_header(made.header(), as, size, rows);
  participants table(made);
  table.arrive(table.claim(role::owner).or_throw());
  made.publish(here(), name).or_throw();
  return made;
}

shm::segment join_as(role as, const char* name = "one") {
  auto opened = shm::segment::open(here(), name, kind).or_throw();
  participants table(opened);
  const unsigned row = table.claim(as).or_throw();
  opened.settle(here(), name).or_throw();
  table.arrive(row);
  return opened;
}

std::string why_not(const char* name, shm::segment_kind as = kind) {
  auto opened = shm::segment::open(here(), name, as);
  return opened ? "" : opened.error().message();
}

void expect_words(const std::string& sentence, std::initializer_list<const char*> words) {
  for (const char* word : words) EXPECT_NE(sentence.find(word), std::string::npos) << sentence << "\nlacks " << word;
}

}  // namespace

TEST(segment, has_no_name_before_it_is_complete) {
  scratch dir;
  auto made = shm::segment::make(here(), size).or_throw();
  EXPECT_TRUE(dir.files().empty());
  shm::begin_header(made.header(), kind, size, rows);
  made.publish(here(), "one").or_throw();
  EXPECT_EQ(dir.files(), std::set<std::string>{"one"});
  EXPECT_EQ(shm::segment::open(here(), "one", kind).or_throw().header().row_count, rows);
  EXPECT_TRUE(shm::segment::open(here(), "two", kind).failed_with(std::errc::no_such_file_or_directory));
}

TEST(segment, publishing_never_overwrites_and_replacing_always_does) {
  scratch dir;
  auto first = make_one();
  auto second = shm::segment::make(here(), size).or_throw();
  shm::begin_header(second.header(), kind, size, rows);
  EXPECT_TRUE(second.publish(here(), "one").failed_with(std::errc::file_exists));
  second.replace(here(), "one").or_throw();
  EXPECT_TRUE(second.has_name(dir.path() + "/one"));
  EXPECT_FALSE(first.has_name(dir.path() + "/one"));
  EXPECT_EQ(dir.files(), std::set<std::string>{"one"});
}

TEST(segment, one_that_was_replaced_while_it_was_opened_says_start_over) {
  scratch dir;
  auto first = make_one();
  auto opened = shm::segment::open(here(), "one", kind).or_throw();
  auto second = shm::segment::make(here(), size).or_throw();
  shm::begin_header(second.header(), kind, size, rows);
  second.replace(here(), "one").or_throw();
  EXPECT_TRUE(opened.settle(here(), "one").failed_with(errc::would_block));
}

TEST(segment, strangers_and_wrecks_are_refused_in_words) {
  scratch dir;
  auto good = make_one();
  const std::string path = dir.path() + "/bad";
  const auto write = [&](std::size_t bytes, std::uint32_t first) {
    std::filesystem::copy_file(dir.path() + "/one", path, std::filesystem::copy_options::overwrite_existing);
    std::filesystem::resize_file(path, bytes);
    if (bytes >= 4)
      std::fstream(path, std::ios::in | std::ios::out | std::ios::binary).write(reinterpret_cast<char*>(&first), 4);
  };
  write(size, kind.magic + 1);
  expect_words(why_not("bad"), {"test segment", "magic", "bad"});
  write(size - 1, kind.magic);
  expect_words(why_not("bad"), {"truncated", "1279 bytes of 1280"});
  write(0, 0);
  expect_words(why_not("bad"), {"truncated", "0 bytes"});
  std::filesystem::remove(path);
  std::filesystem::create_directory(path);
  EXPECT_FALSE(why_not("bad").empty());
  std::filesystem::remove(path);
  std::filesystem::create_symlink(dir.path() + "/one", path);
  EXPECT_FALSE(why_not("bad").empty());
  EXPECT_EQ(why_not("one"), "");
}

TEST(segment, another_version_is_refused_with_both_named) {
  scratch dir;
  auto newer = kind;
  newer.version = 4;
  auto made = make_one("newer", newer);
  auto opened = shm::segment::open(here(), "newer", kind);
  ASSERT_TRUE(opened.failed_with(errc::protocol_error));
  expect_words(opened.error().message(), {"format 4", "format 3"});
}

TEST(segment, impossible_geometry_is_refused) {
  scratch dir;
  auto made = make_one();
  made.header().row_count = 5;
  expect_words(why_not("one"), {"geometry"});
  made.header().row_count = rows;
  made.header().features = 8;
  expect_words(why_not("one"), {"features 8"});
}

TEST(participants, all_rows_are_used_and_the_next_one_is_refused_with_the_limit) {
  scratch dir;
  auto owner = make_one();
  auto a = join_as(role::sender), b = join_as(role::sender), c = join_as(role::sender);
  EXPECT_EQ(participants(owner).present(role::sender), 3u);
  auto opened = shm::segment::open(here(), "one", kind).or_throw();
  auto refused = participants(opened).claim(role::sender);
  ASSERT_TRUE(refused.failed_with(std::errc::no_buffer_space));
  expect_words(refused.error().message(), {"all 4 places"});
}

TEST(participants, a_row_is_used_again_with_another_generation_and_clean_words) {
  scratch dir;
  auto owner = make_one();
  std::set<std::uint32_t> ids;
  for (int life = 0; life < 5; ++life) {
    auto one = join_as(role::sender);
    participants table(one);
    EXPECT_TRUE(ids.insert(table.id(1)).second);
    EXPECT_EQ(table.row(1).own_words[3].load(transom::sync::relaxed), 0u);
    EXPECT_EQ(table.row(1).pid.load(transom::sync::relaxed), static_cast<std::uint32_t>(::getpid()));
    EXPECT_FALSE(table.comm(1).empty());
    table.row(1).own_words[3].store(7, transom::sync::relaxed);
    table.leave(1);
    table.finish_leaving(1);
  }
  EXPECT_EQ(participants(owner).fate_of(role::sender).or_throw(), fate::gone);
}

TEST(participants, a_killed_one_is_found_once_and_a_stopped_one_lives) {
  scratch dir;
  auto owner = make_one();
  participants table(owner);
  standing_child child([] { return join_as(role::sender); });
  child.stop();
  EXPECT_EQ(table.fate_of(role::sender).or_throw(), fate::alive);
  EXPECT_FALSE(table.declare_one_dead(role::sender));
  child.kill_and_reap();
  EXPECT_EQ(table.fate_of(role::sender).or_throw(), fate::dead);
  EXPECT_FALSE(table.declare_one_dead(role::owner));
  auto found = table.declare_one_dead(role::sender);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->pid, child.pid());
  EXPECT_FALSE(table.declare_one_dead(role::sender));
  EXPECT_EQ(table.word(1).state, shm::row_state::dead);
  table.recycle(role::sender);
  EXPECT_EQ(table.word(1).state, shm::row_state::free);
}

TEST(participants, those_who_died_while_joining_or_leaving_are_nobodys_business_and_leave_a_free_row) {
  scratch dir;
  auto owner = make_one();
  participants table(owner);
  standing_child joining([] {
    auto opened = shm::segment::open(here(), "one", kind).or_throw();
    EXPECT_EQ(participants(opened).claim(role::sender).or_throw(), 1u);
    return opened;
  });
  standing_child leaving([] {
    auto opened = join_as(role::sender);
    participants(opened).leave(2);
    return opened;
  });
  EXPECT_EQ(table.present(role::sender), 1u);
  joining.kill_and_reap();
  leaving.kill_and_reap();
  EXPECT_EQ(table.fate_of(role::sender).or_throw(), fate::gone);
  EXPECT_FALSE(table.declare_one_dead(role::sender));
  EXPECT_EQ(table.present(role::sender), 0u);
  EXPECT_EQ(table.word(1).state, shm::row_state::free);
  EXPECT_EQ(table.word(2).state, shm::row_state::free);
}

TEST(participants, the_row_of_one_who_died_joining_is_taken_over_by_the_next) {
  scratch dir;
  auto owner = make_one();
  standing_child joining([] {
    auto opened = shm::segment::open(here(), "one", kind).or_throw();
    EXPECT_EQ(participants(opened).claim(role::sender).or_throw(), 1u);
    return opened;
  });
  joining.kill_and_reap();
  auto next = join_as(role::sender);
  EXPECT_EQ(participants(next).word(1).state, shm::row_state::live);
  EXPECT_EQ(participants(next).word(1).generation, 2u);
}

TEST(participants, who_parted_is_no_casualty_and_his_row_waits_for_somebody_to_free_it) {
  scratch dir;
  auto owner = make_one();
  participants table(owner);
  {
    auto sender = join_as(role::sender);
    participants(sender).part(1);
    EXPECT_EQ(table.present(role::sender), 0u);
    EXPECT_EQ(table.fate_of(role::sender).or_throw(), fate::gone);
  }
  EXPECT_FALSE(table.declare_one_dead(role::sender));
  EXPECT_FALSE(table.declare_dead(1));
  table.recycle(role::sender);
  EXPECT_EQ(table.word(1).state, shm::row_state::parted);
  auto next = join_as(role::sender);
  EXPECT_EQ(participants(next).word(2).state, shm::row_state::live);
  EXPECT_FALSE(table.free_row(1, 2));
  EXPECT_FALSE(table.free_row(2, 1));
  EXPECT_TRUE(table.free_row(1, 1));
  EXPECT_FALSE(table.free_row(1, 1));
  auto third = join_as(role::sender);
  EXPECT_EQ(table.word(1).state, shm::row_state::live);
  EXPECT_EQ(table.word(1).generation, 2u);
}

TEST(participants, a_row_freed_while_its_parted_holder_is_still_there_is_taken_when_he_has_gone) {
  scratch dir;
  auto owner = make_one();
  participants table(owner);
  auto sender = std::make_optional(join_as(role::sender));
  participants(*sender).part(1);
  EXPECT_TRUE(table.free_row(1, 1));
  auto second = join_as(role::sender);
  EXPECT_EQ(table.word(2).state, shm::row_state::live);
  sender.reset();
  auto third = join_as(role::sender);
  EXPECT_EQ(table.word(1).state, shm::row_state::live);
}

TEST(participants, one_row_is_asked_for_its_death_and_keeps_saying_dead_until_it_is_freed) {
  scratch dir;
  auto owner = make_one();
  participants table(owner);
  standing_child first([] { return join_as(role::sender); });
  standing_child second([] { return join_as(role::sender); });
  EXPECT_FALSE(table.declare_dead(0));
  EXPECT_FALSE(table.declare_dead(1));
  first.kill_and_reap();
  second.kill_and_reap();
  const auto found = table.declare_dead(2);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->pid, second.pid());
  EXPECT_EQ(found->id, table.id(2));
  EXPECT_FALSE(table.declare_dead(2));
  EXPECT_EQ(table.word(1).state, shm::row_state::live);
  EXPECT_EQ(table.word(2).state, shm::row_state::dead);
  auto third = join_as(role::sender);
  EXPECT_EQ(table.word(3).state, shm::row_state::live);
  EXPECT_TRUE(table.free_row(2, 1));
  EXPECT_FALSE(table.free_row(1, 1));
}

// The row belongs to the address space that mapped it: not to its children, and not to its descriptors.
TEST(participants, a_child_of_fork_does_not_keep_its_parent_alive) {
  scratch dir;
  auto owner = make_one();
  participants table(owner);
  shm::testing::signpost grandchild_stands, stay;
  os::testing::forked parent([&] {
    auto mine = join_as(role::sender);
    if (::fork() == 0) {  // lives on after its parent
      grandchild_stands.reached();
      stay.wait();
      ::_exit(mine.forked() ? 0 : 1);
    }
    ::pause();
    return 0;
  });
  grandchild_stands.wait();
  EXPECT_EQ(table.fate_of(role::sender).or_throw(), fate::alive);
  parent.kill();
  parent.wait();
  EXPECT_EQ(table.fate_of(role::sender).or_throw(), fate::dead);
  stay.reached();
}
