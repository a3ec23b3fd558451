// transom/meter/record_test.cpp - what a record says about owners, senders, types and deaths.
#include "transom/meter/record.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "transom/meter/record_layout.hpp"
#include "transom/shm/testing.hpp"

using namespace std::chrono_literals;
using transom::errc;
using transom::meter::object_origin;
using transom::meter::record;
using transom::meter::record_terms;
using transom::shm::testing::scratch;
using transom::shm::testing::signpost;
using transom::shm::testing::standing_child;
namespace os = transom::os;
namespace shm = transom::shm;

namespace {

constexpr const char* name = "sysv-mq:///tmp/x?id=1";
const record_terms numbers{.schema_hash = 11, .schema_text = "struct {i32 a; f64 b}", .capacity = 8, .max_message = 16};
const record_terms words{.schema_hash = 22, .schema_text = "string", .capacity = 0, .max_message = 0};

record own() { return std::move(record::own(name, numbers, false).or_throw().self); }
record join() { return record::join(name, numbers).or_throw(); }

void expect_words(const std::string& sentence, std::initializer_list<std::string> parts) {
  for (const auto& part : parts) EXPECT_NE(sentence.find(part), std::string::npos) << sentence << "\nlacks " << part;
}

}  // namespace

TEST(record, without_an_owner_there_is_no_peer) {
  scratch dir;
  auto joined = record::join(name, numbers);
  ASSERT_TRUE(joined.failed_with(errc::no_peer));
  expect_words(joined.error().message(), {name});
  EXPECT_TRUE(dir.files().empty());
}

TEST(record, an_owner_makes_it_a_sender_finds_it_and_both_leave_nothing) {
  scratch dir;
  {
    auto owner = own();
    EXPECT_EQ(dir.files().size(), 1u);
    EXPECT_FALSE(owner.ever_joined());
    {
      auto sender = join();
      EXPECT_EQ(sender.terms().capacity, 8u);
      EXPECT_EQ(sender.terms().schema_text, numbers.schema_text);
      EXPECT_EQ(sender.owner_pid(), ::getpid());
      EXPECT_TRUE(sender.any_owner_alive().or_throw());
      EXPECT_FALSE(sender.owners_closed());
      EXPECT_TRUE(owner.ever_joined());
      EXPECT_EQ(owner.live_senders(), 1u);
      EXPECT_NE(sender.id(), 0u);
      EXPECT_NE(sender.id(), owner.id());
    }
    EXPECT_EQ(owner.live_senders(), 0u);
    EXPECT_FALSE(owner.next_casualty());
    EXPECT_TRUE(owner.ever_joined());
  }
  EXPECT_TRUE(dir.files().empty());
}

TEST(record, a_sender_sees_that_the_owner_closed_and_a_later_one_finds_nobody) {
  scratch dir;
  auto owner = own();
  auto sender = join();
  owner.leave();
  owner.leave();
  EXPECT_TRUE(sender.owners_closed());
  EXPECT_FALSE(sender.any_owner_alive().or_throw());
  EXPECT_TRUE(record::join(name, numbers).failed_with(errc::no_peer));
  auto again = record::own(name, numbers, false).or_throw();
  EXPECT_FALSE(again.replaced_leftover);
  EXPECT_TRUE(sender.owners_closed());
  EXPECT_EQ(again.self.live_senders(), 0u);
}

TEST(record, two_types_are_a_mismatch_that_shows_both_and_counts_nobody) {
  scratch dir;
  auto owner = own();
  auto refused = record::join(name, words);
  ASSERT_TRUE(refused.failed_with(errc::type_mismatch));
  expect_words(refused.error().detail().data(), {numbers.schema_text, words.schema_text});
  EXPECT_EQ(refused.error().peer_pid(), ::getpid());
  EXPECT_FALSE(owner.ever_joined());
  EXPECT_EQ(owner.live_senders(), 0u);
  record::join(name, {}).or_throw();  // foreign framing has no type and matches all
}

TEST(record, a_second_owner_is_told_who_the_first_is) {
  scratch dir;
  standing_child first([] { return own(); });
  auto refused = record::own(name, numbers, false);
  ASSERT_TRUE(refused.failed_with(std::errc::address_in_use));
  EXPECT_EQ(refused.error().peer_pid(), first.pid());
  expect_words(refused.error().message(), {name, "pid " + std::to_string(first.pid()), "transom_meter_t"});
  first.stop();
  EXPECT_TRUE(record::own(name, numbers, false).failed_with(std::errc::address_in_use));
  EXPECT_TRUE(record::join(name, numbers).or_throw().any_owner_alive().or_throw());
}

TEST(record, many_owners_join_each_other_and_the_last_one_out_closes) {
  scratch dir;
  auto a = record::own(name, numbers, true).or_throw();
  a.guard.release();
  EXPECT_FALSE(a.joined_others);
  auto b = record::own(name, numbers, true).or_throw();
  b.guard.release();
  EXPECT_TRUE(b.joined_others);
  EXPECT_TRUE(a.self.other_receivers());
  EXPECT_TRUE(record::own(name, words, true).failed_with(errc::type_mismatch));
  EXPECT_TRUE(record::own(name, numbers, false).failed_with(std::errc::address_in_use));
  auto sender = join();
  EXPECT_FALSE(a.self.last_owner());
  a.self.leave();
  EXPECT_FALSE(sender.owners_closed());
  EXPECT_TRUE(sender.any_owner_alive().or_throw());
  EXPECT_FALSE(b.self.other_receivers());
  {
    auto guard = b.self.lock_name().or_throw();
    EXPECT_TRUE(b.self.last_owner());
    b.self.leave(guard);
  }
  EXPECT_TRUE(sender.owners_closed());
  EXPECT_TRUE(dir.files().empty());
}

TEST(record, where_one_owner_is_promised_no_second_one_joins) {
  scratch dir;
  auto owner = own();
  EXPECT_TRUE(record::own(name, numbers, true).failed_with(std::errc::address_in_use));
}

TEST(record, the_rows_of_dead_owners_are_used_again_while_others_live) {
  scratch dir;
  auto first = record::own(name, numbers, true).or_throw();
  first.guard.release();
  for (int life = 0; life < 300; ++life) {
    os::testing::forked worker([] { return record::own(name, numbers, true).or_throw(), ::raise(SIGKILL); });
    ASSERT_EQ(worker.wait(), 1000 + SIGKILL) << life;
  }
  EXPECT_TRUE(join().any_owner_alive().or_throw());
  EXPECT_TRUE(first.self.last_owner());
}

TEST(record, a_killed_owner_is_seen_by_its_senders_and_replaced_by_the_next) {
  scratch dir;
  standing_child first([] {
    auto owner = own();
    owner.say_origin(object_origin::made);
    return owner;
  });
  auto sender = join();
  first.kill_and_reap();
  EXPECT_FALSE(sender.any_owner_alive().or_throw());
  EXPECT_FALSE(sender.owners_closed());
  EXPECT_TRUE(record::join(name, numbers).failed_with(errc::owner_died));
  auto second = record::own(name, words, false).or_throw();
  EXPECT_TRUE(second.replaced_leftover);
  EXPECT_EQ(second.origin_before, object_origin::made);
  EXPECT_EQ(second.self.origin(), object_origin::made);
  EXPECT_FALSE(sender.any_owner_alive().or_throw());
  EXPECT_TRUE(record::join(name, numbers).failed_with(errc::type_mismatch));
  EXPECT_EQ(dir.files().size(), 1u);
  EXPECT_EQ(second.self.live_senders(), 0u);
}

TEST(record, a_killed_sender_is_one_casualty_for_one_of_two_receivers) {
  scratch dir;
  auto a = record::own(name, numbers, true).or_throw();
  a.guard.release();
  auto b = record::own(name, numbers, true).or_throw();
  b.guard.release();
  standing_child sender([] { return join(); });
  EXPECT_EQ(a.self.live_senders(), 1u);
  EXPECT_FALSE(a.self.next_casualty());
  sender.stop();
  EXPECT_FALSE(b.self.next_casualty());
  sender.kill_and_reap();
  std::atomic<int> reports{0}, pid{0};
  const auto ask = [&](record& self) {
    for (int times = 0; times < 100; ++times) {
      if (auto dead = self.next_casualty()) {
        ++reports;
        pid = dead->pid;
        EXPECT_NE(dead->id, 0u);
      }
    }
  };
  {
    std::jthread one([&] { ask(a.self); }), two([&] { ask(b.self); });
  }
  EXPECT_EQ(reports, 1);
  EXPECT_EQ(pid, sender.pid());
  EXPECT_EQ(a.self.live_senders(), 0u);
  EXPECT_TRUE(a.self.ever_joined());
}

TEST(record, the_participant_after_the_last_place_is_refused_with_the_limit) {
  scratch dir;
  auto owner = own();
  std::vector<record> senders;
  for (unsigned n = 1; n < transom::meter::record_participants; ++n) senders.push_back(join());
  auto refused = record::join(name, numbers);
  ASSERT_TRUE(refused.failed_with(std::errc::no_buffer_space));
  expect_words(refused.error().message(), {name, "256"});
  senders.erase(senders.begin() + 100);
  join();
  EXPECT_EQ(owner.live_senders(), 254u);
}

TEST(record, a_casualty_keeps_its_row_until_it_is_reported) {
  scratch dir;
  auto owner = own();
  standing_child sender([] { return join(); });
  sender.kill_and_reap();
  auto next = join();
  EXPECT_EQ(owner.live_senders(), 2u);
  EXPECT_EQ(owner.next_casualty().value().pid, sender.pid());
  EXPECT_FALSE(owner.next_casualty());
  EXPECT_EQ(owner.live_senders(), 1u);
}

TEST(record, ringing_reaches_a_receiver_in_another_process_and_leaving_rings) {
  scratch dir;
  auto owner = own();
  signpost post;
  os::testing::forked child([&] {
    auto sender = join();
    post.reached();
    const auto closed = [&] { return sender.owners_closed(); };
    while (!closed()) sender.senders_bell().wait(closed, os::bound{1h});
    return 0;
  });
  post.wait();
  owner.leave();
  EXPECT_EQ(child.wait(), 0);
}

TEST(record, a_receiver_that_sleeps_is_woken_when_its_last_sender_leaves) {
  scratch dir;
  auto owner = own();
  os::testing::forked child([] { return join(), 0; });
  const auto over = [&] { return owner.ever_joined() && owner.live_senders() == 0; };
  while (!over()) owner.receivers_bell().wait(over, os::bound{100ms});
  EXPECT_EQ(child.wait(), 0);
}

TEST(record, the_owner_of_a_leftover_that_is_replaced_wakes_those_who_still_wait_there) {
  scratch dir;
  standing_child first([] { return own(); });
  signpost post;
  auto sender = join();
  first.kill_and_reap();
  std::jthread next([&] {
    post.wait();
    own();
  });
  sender.senders_bell().wait([&] { return post.reached(), false; }, os::bound{1h});
  EXPECT_FALSE(sender.any_owner_alive().or_throw());
}

TEST(record, counters_are_the_participants_own_and_start_at_zero) {
  scratch dir;
  auto owner = own();
  {
    auto sender = join();
    sender.mine().messages.add();
    sender.mine().bytes.add(40);
    sender.mine().largest_depth.raise_to(7);
    sender.mine().largest_depth.raise_to(3);
    EXPECT_EQ(sender.mine().bytes.value(), 40u);
    EXPECT_EQ(sender.mine().largest_depth.value(), 7u);
    EXPECT_EQ(owner.mine().messages.value(), 0u);
  }
  auto next = join();
  EXPECT_EQ(next.mine().messages.value(), 0u);
}

TEST(record, in_a_child_of_fork_the_handle_is_dead_and_harmless) {
  scratch dir;
  auto owner = std::make_optional(own());
  auto sender = std::make_optional(join());
  EXPECT_TRUE(os::testing::in_child([&] {
    const bool refused = sender->any_owner_alive().failed_with(errc::forked) && !owner->next_casualty();
    owner->leave();
    sender.reset();
    owner.reset();
    return refused;
  }));
  EXPECT_EQ(owner->live_senders(), 1u);
  EXPECT_TRUE(sender->any_owner_alive().or_throw());
}

TEST(record, moving_keeps_the_membership_and_assigning_ends_the_old_one) {
  scratch dir;
  auto owner = own();
  auto a = join(), b = join();
  EXPECT_EQ(owner.live_senders(), 2u);
  a = std::move(b);
  EXPECT_EQ(owner.live_senders(), 1u);
  auto c = std::move(a);
  EXPECT_EQ(owner.live_senders(), 1u);
  EXPECT_FALSE(c.owners_closed());
}

TEST(record, no_descriptor_is_left_behind_and_each_handle_costs_one) {
  scratch dir;
  const long before = os::testing::open_descriptors();
  {
    auto owner = own();
    EXPECT_EQ(os::testing::open_descriptors(), before + 1);
    auto sender = join();
    EXPECT_EQ(os::testing::open_descriptors(), before + 2);
    record::join(name, words).error().code();
  }
  EXPECT_EQ(os::testing::open_descriptors(), before);
}

TEST(record, files_that_are_no_records_are_refused_and_left_alone) {
  scratch dir;
  shm::directory::open().or_throw();
  const std::string path = dir.path() + "/" + shm::file_name(name, "record");
  std::ofstream(path) << std::string(100'000, 'x');
  for (auto tried : {record::own(name, numbers, false).error(), record::join(name, numbers).error()}) {
    EXPECT_EQ(tried, errc::protocol_error);
    expect_words(tried.message(), {path, "no record", "magic"});
  }
  std::filesystem::resize_file(path, 10);
  expect_words(record::join(name, numbers).error().message(), {"truncated", "10 bytes"});
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST(record, a_newer_format_is_refused_with_both_versions) {
  scratch dir;
  auto owner = own();
  const std::uint32_t two = 2;
  std::fstream(owner.file(), std::ios::in | std::ios::out | std::ios::binary)
      .seekp(4)
      .write(reinterpret_cast<const char*>(&two), 4);
  auto refused = record::join(name, numbers);
  ASSERT_TRUE(refused.failed_with(errc::protocol_error));
  expect_words(refused.error().message(), {"format 2", "format 1"});
  EXPECT_TRUE(record::own(name, numbers, false).failed_with(errc::protocol_error));
}

TEST(record, an_unsafe_directory_is_refused) {
  scratch dir;
  std::filesystem::create_directory(dir.path());
  std::filesystem::permissions(dir.path(), std::filesystem::perms::all);
  EXPECT_TRUE(record::own(name, numbers, false).failed_with(std::errc::operation_not_permitted));
  EXPECT_TRUE(record::join(name, numbers).failed_with(std::errc::operation_not_permitted));
}

TEST(record, a_long_schema_and_a_long_identity_are_kept_in_part_and_still_told_apart) {
  scratch dir;
  const std::string one = "file:///" + std::string(3000, 'a') + "1", two = "file:///" + std::string(3000, 'a') + "2";
  const record_terms large{.schema_hash = 5, .schema_text = std::string(10'000, 's')};
  auto first = record::own(one, large, false).or_throw();
  auto second = record::own(two, large, false).or_throw();
  EXPECT_NE(first.self.file(), second.self.file());
  EXPECT_EQ(record::join(two, large).or_throw().terms().schema_text.size(), 6144u);
}

TEST(record, when_descriptors_run_out_owning_fails_and_leaves_nothing_until_there_are_enough) {
  scratch dir;
  own();
  const auto open_now = static_cast<unsigned long>(os::testing::open_descriptors()) - 1;
  bool works = false;
  for (unsigned long spare = 0; !works; ++spare) {
    ASSERT_LT(spare, 20u);
    EXPECT_TRUE(os::testing::with_limit(RLIMIT_NOFILE, open_now + spare, [&] {
      auto tried = record::own(name, numbers, false);
      return tried || tried.error() == std::errc::too_many_files_open;
    }));
    EXPECT_TRUE(dir.files().empty()) << spare;
    works = os::testing::with_limit(RLIMIT_NOFILE, open_now + spare,
                                    [] { return record::own(name, numbers, false).has_value(); });
  }
}
