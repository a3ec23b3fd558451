// transom/meter/record_body_test.cpp - records of other shapes: fewer rows, a body behind them, and owners that follow
// each other without a break.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <csignal>
#include <cstring>
#include <optional>
#include <vector>

#include "transom/meter/record.hpp"
#include "transom/meter/record_layout.hpp"
#include "transom/shm/testing.hpp"

using transom::errc;
using transom::meter::owner_standing;
using transom::meter::record;
using transom::meter::record_shape;
using transom::meter::record_terms;
using transom::shm::row_state;
using transom::shm::testing::scratch;
using transom::shm::testing::standing_child;
namespace os = transom::os;
namespace shm = transom::shm;

namespace {

constexpr const char* name = "shm://body";
const record_terms numbers{.schema_hash = 11, .schema_text = "i32", .capacity = 8, .max_message = 16};
const record_terms words{.schema_hash = 22, .schema_text = "string", .capacity = 0, .max_message = 0};
constexpr std::size_t gigabyte = std::size_t{1} << 30;

record_shape shape() {
  return {.rows = 5, .body_size = gigabyte, .body_allocated = 4096, .fill = [](std::span<std::byte> body) {
            std::memcpy(body.data(), "first words", 11);
          }};
}

record::ownership own(bool adopt = false, const record_terms& terms = numbers) {
  auto owned = record::own(name, terms, false, shape(), adopt).or_throw();
  owned.guard.release();
  return owned;
}
record join() { return record::join(name, numbers).or_throw(); }

std::string text_at(const record& of, std::size_t offset, std::size_t length) {
  return {reinterpret_cast<const char*>(of.body().data()) + offset, length};
}
void write_at(const record& of, std::size_t offset, std::string_view text) {
  std::memcpy(of.body().data() + offset, text.data(), text.size());
}

transom::meter::record_page& page_of(const record& of) {
  return *reinterpret_cast<transom::meter::record_page*>(of.body().data() - 3 * 4096);
}

// A sender in another process that has parted and gone.
void one_that_parted() {
  os::testing::forked([] { return join().part(), 0; }).wait();
}

}  // namespace

TEST(record_body, stands_behind_the_rows_filled_at_birth_and_takes_no_more_than_was_asked_for) {
  scratch dir;
  auto owner = own();
  EXPECT_FALSE(owner.adopted);
  EXPECT_EQ(owner.self.body().size(), gigabyte);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(owner.self.body().data()) % 4096, 0u);
  struct stat found{};
  ASSERT_EQ(::stat(owner.self.file().c_str(), &found), 0);
  EXPECT_EQ(found.st_size, static_cast<off_t>(3 * 4096 + gigabyte));
  EXPECT_EQ(found.st_blocks * 512, 4 * 4096);
  auto sender = join();
  EXPECT_EQ(text_at(sender, 0, 11), "first words");
  EXPECT_EQ(sender.row(), 1u);
  EXPECT_EQ(sender.rows().size(), 5u);
  sender.allocate_body(gigabyte / 2, 8192).or_throw();
  ASSERT_EQ(::stat(owner.self.file().c_str(), &found), 0);
  EXPECT_EQ(found.st_size, static_cast<off_t>(3 * 4096 + gigabyte));
  EXPECT_EQ(found.st_blocks * 512, 6 * 4096);
  write_at(sender, gigabyte / 2, "hello");
  EXPECT_EQ(text_at(owner.self, gigabyte / 2, 5), "hello");
}

TEST(record_body, more_than_there_is_names_the_need_the_rest_and_the_file_system) {
  scratch dir;
  // More than the file system could ever hold, which it says at once: it would fill the machine's memory with what is
  // only more than is free. And no more address space than a sanitizer leaves.
  const std::size_t too_much = (std::filesystem::space("/dev/shm").capacity / 4096 + 1) * 4096;
  record_shape huge{.body_size = too_much + 4096, .body_allocated = 4096};
  auto owner = record::own(name, numbers, false, huge).or_throw();
  auto refused = owner.self.allocate_body(4096, too_much);
  ASSERT_TRUE(refused.failed_with(std::errc::no_space_on_device));
  for (const std::string& part :
       {std::string(name), std::to_string(too_much) + " bytes needed", std::string("free on tmpfs")})
    EXPECT_NE(refused.error().message().find(part), std::string::npos) << refused.error().message();
  huge.body_allocated = huge.body_size;
  EXPECT_TRUE(record::own("shm://other", numbers, false, huge).failed_with(std::errc::no_space_on_device));
  EXPECT_EQ(dir.files().size(), 1u);
}

TEST(record_body, a_record_of_few_rows_has_room_for_few_and_its_row_0_is_for_owners) {
  scratch dir;
  auto owner = std::make_optional(own());
  std::vector<record> senders;
  for (int n = 0; n < 4; ++n) senders.push_back(join());
  auto refused = record::join(name, numbers);
  ASSERT_TRUE(refused.failed_with(std::errc::no_buffer_space));
  EXPECT_NE(refused.error().message().find("all 5 places"), std::string::npos) << refused.error().message();
  senders.clear();
  owner->self.leave_keeping();
  owner.reset();  // with it goes the lock of its row
  for (int n = 0; n < 4; ++n) senders.push_back(join());
  EXPECT_TRUE(record::join(name, numbers).failed_with(std::errc::no_buffer_space));
  EXPECT_EQ(own().self.row(), 0u);
}

TEST(record_body, a_sender_that_parts_is_gone_and_its_row_waits) {
  scratch dir;
  auto owner = own();
  one_that_parted();
  EXPECT_EQ(owner.self.live_senders(), 0u);
  EXPECT_TRUE(owner.self.ever_joined());
  EXPECT_FALSE(owner.self.next_casualty());
  EXPECT_EQ(owner.self.rows().word(1).state, row_state::parted);
  EXPECT_EQ(join().row(), 2u);
  EXPECT_TRUE(owner.self.rows().free_row(1, 1));
  EXPECT_EQ(join().row(), 1u);
}

TEST(record_body, another_directory_holds_another_record_of_the_same_name) {
  scratch dir;
  os::testing::temporary_directory parent;
  const std::string elsewhere = parent / "shm";
  auto here = own();
  auto there_shape = shape();
  there_shape.directory = elsewhere;
  auto there = record::own(name, words, false, there_shape).or_throw();
  EXPECT_EQ(there.self.file().find(elsewhere), 0u);
  EXPECT_EQ(record::join(name, words, elsewhere).or_throw().terms().schema_text, "string");
  EXPECT_EQ(join().terms().schema_text, "i32");
  there_shape.directory = "not/absolute";
  EXPECT_TRUE(record::own(name, words, false, there_shape).failed_with(std::errc::invalid_argument));
}

TEST(record_body, a_kept_record_takes_senders_without_an_owner_and_the_next_owner_goes_on_with_it) {
  scratch dir;
  auto first = own();
  auto early = join();
  first.self.leave_keeping();
  EXPECT_EQ(dir.files().size(), 1u);
  EXPECT_FALSE(early.owners_closed());
  EXPECT_FALSE(early.any_owner_alive().or_throw());
  EXPECT_EQ(early.owners().or_throw(), owner_standing::kept);
  auto late = join();
  late.allocate_body(8192, 4096).or_throw();
  write_at(late, 8192, "while nobody was there");
  EXPECT_TRUE(record::own(name, words, false).failed_with(errc::type_mismatch));
  auto second = own();
  EXPECT_TRUE(second.adopted);
  EXPECT_FALSE(second.replaced_leftover);
  EXPECT_EQ(second.self.body().size(), gigabyte);
  EXPECT_EQ(text_at(second.self, 8192, 22), "while nobody was there");
  EXPECT_EQ(second.self.live_senders(), 2u);
  EXPECT_EQ(early.owners().or_throw(), owner_standing::alive);
  EXPECT_TRUE(record::own(name, numbers, false).failed_with(std::errc::address_in_use));
  second.self.leave();
  EXPECT_TRUE(late.owners_closed());
  EXPECT_EQ(late.owners().or_throw(), owner_standing::gone);
  EXPECT_TRUE(dir.files().empty());
}

TEST(record_body, what_a_dead_owner_left_is_adopted_on_request_and_replaced_otherwise) {
  scratch dir;
  for (const bool adopt : {true, false}) {
    standing_child first([] { return own(); });
    auto sender = join();
    sender.allocate_body(8192, 4096).or_throw();
    write_at(sender, 8192, "sent");
    first.kill_and_reap();
    EXPECT_EQ(sender.owners().or_throw(), owner_standing::dead);
    EXPECT_TRUE(record::join(name, numbers).failed_with(errc::owner_died));
    if (adopt) {
      EXPECT_TRUE(record::own(name, words, false, {}, true).failed_with(errc::type_mismatch));
    }
    auto second = own(adopt);
    EXPECT_EQ(second.adopted, adopt);
    EXPECT_EQ(second.replaced_leftover, !adopt);
    EXPECT_EQ(second.self.live_senders(), adopt ? 1u : 0u);
    EXPECT_EQ(sender.owners().or_throw(), adopt ? owner_standing::alive : owner_standing::dead);
    if (adopt) {
      EXPECT_EQ(text_at(second.self, 8192, 4), "sent");
    }
    EXPECT_EQ(join().owners().or_throw(), owner_standing::alive);
  }
  EXPECT_TRUE(dir.files().empty());
}

TEST(record_body, where_nothing_is_left_adopting_begins_anew) {
  scratch dir;
  EXPECT_FALSE(own(true).adopted);
  standing_child closing([] {
    auto owner = own();
    page_of(owner.self).owners_closed.store(1, transom::sync::release);
    return owner;
  });
  closing.kill_and_reap();  // before it could unlink
  EXPECT_TRUE(record::join(name, numbers).failed_with(errc::closed));
  auto next = own(true);
  EXPECT_FALSE(next.adopted);
  EXPECT_TRUE(next.replaced_leftover);
}

TEST(record_body, generations_of_killed_owners_adopt_each_other_even_where_every_row_is_taken) {
  scratch dir;
  std::optional<standing_child> last;
  last.emplace([] { return own(true); });
  std::vector<record> senders;
  for (int n = 0; n < 4; ++n) senders.push_back(join());
  write_at(senders[0], 100, "here since the beginning");
  for (int life = 0; life < 20; ++life) {
    last->kill_and_reap();
    EXPECT_EQ(senders[0].owners().or_throw(), owner_standing::dead);
    last.emplace([] {
      auto next = own(true);
      if (!next.adopted) ::raise(SIGKILL);
      return next;
    });
    EXPECT_EQ(senders[0].owners().or_throw(), owner_standing::alive);
    if (life == 10) senders.pop_back();
  }
  last->kill_and_reap();
  EXPECT_EQ(text_at(own(true).self, 100, 24), "here since the beginning");
}

// Oracle: whatever instant the adopter dies at, the next one finds the body as it was. Killed at random instants.
TEST(record_body, an_adopter_killed_at_any_instant_loses_nothing) {
  scratch dir;
  standing_child first([] {
    auto owner = own();
    write_at(owner.self, 100, "precious");
    return owner;
  });
  auto sender = join();
  first.kill_and_reap();
  for (int life = 0; life < 300; ++life) {
    shm::testing::signpost begins;
    os::testing::forked adopter([&] {
      begins.reached();
      for (;;) own(true).self.leave_keeping();
      return 0;
    });
    begins.wait();
    const auto pause = transom::deadline::after(std::chrono::microseconds(life * 5));
    while (!pause.expired()) {}
    adopter.kill();
    adopter.wait();
    const auto standing = sender.owners().or_throw();
    ASSERT_TRUE(standing == owner_standing::dead || standing == owner_standing::kept) << static_cast<int>(standing);
  }
  auto last = own(true);
  EXPECT_TRUE(last.adopted);
  EXPECT_EQ(text_at(last.self, 100, 8), "precious");
}

TEST(record_body, an_impossible_body_is_refused) {
  scratch dir;
  auto owner = own();
  auto& page = page_of(owner.self);
  const auto refused = [] { return record::join(name, numbers).failed_with(errc::protocol_error); };
  ASSERT_EQ(page.body_offset, 3u * 4096);
  page.body_offset = 2 * 4096;
  EXPECT_TRUE(refused());
  page.body_offset = 3 * 4096;
  page.body_size -= 1;
  EXPECT_TRUE(refused());
  page.body_size = 0;
  EXPECT_TRUE(refused());
  page.body_size = gigabyte;
  page.common.row_count = 0;
  EXPECT_TRUE(refused());
  page.common.row_count = 5;
  EXPECT_FALSE(refused());
}

TEST(record_body, many_owners_keep_only_when_the_last_one_does) {
  scratch dir;
  auto a = record::own(name, numbers, true, shape()).or_throw();
  a.guard.release();
  auto b = record::own(name, numbers, true, shape()).or_throw();
  b.guard.release();
  a.self.leave_keeping();
  EXPECT_EQ(b.self.owners().or_throw(), owner_standing::alive);
  b.self.leave_keeping();
  EXPECT_EQ(join().owners().or_throw(), owner_standing::kept);
  EXPECT_TRUE(record::own(name, numbers, true, shape()).or_throw().adopted);
}
