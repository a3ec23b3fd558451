// transom/shm/lane_test.cpp - a lane hands over each message once, in order, whole; and takes nothing on trust.
#include <gtest/gtest.h>

#include <random>
#include <thread>
#include <vector>

#include "transom/os/testing.hpp"
#include "transom/shm/lane_testing.hpp"

using namespace transom::shm;
using transom::shm::testing::as_bytes;
using transom::shm::testing::lane_fixture;
using transom::shm::testing::text_of;

namespace {

constexpr lane_geometry four{.capacity = 4, .arena_bytes = 1024, .arena_unit = 64};

// What look() lends, or in words why nothing.
std::string front_of(lane_reader& reader) {
  lane_front front;
  switch (reader.look(front)) {
    case found::message: return text_of(front.payload);
    case found::nothing: return "(nothing)";
    case found::growing: return "(growing)";
    case found::broken: return "(broken)";
  }
  return "?";
}
std::string take(lane_reader& reader) {
  const std::string text = front_of(reader);
  if (reader.lent()) reader.acknowledge();
  return text;
}

}  // namespace

TEST(lane, hands_over_each_message_once_in_order) {
  lane_fixture shared(four);
  auto writer = shared.writer();
  auto reader = shared.reader();
  EXPECT_EQ(take(reader), "(nothing)");
  for (int i = 0; i < 100; ++i) {
    const std::string text = std::string(static_cast<std::size_t>(i) * 3, 'x') + std::to_string(i);
    ASSERT_EQ(writer.send(as_bytes(text)), sent::yes);
    EXPECT_EQ(front_of(reader), text) << "and again";
    EXPECT_EQ(take(reader), text);
  }
  EXPECT_EQ(take(reader), "(nothing)");
}

TEST(lane, holds_exactly_its_capacity_and_empty_messages_are_messages) {
  for (const std::uint64_t capacity : {1, 2, 3, 4, 5, 7, 64}) {
    lane_fixture shared({.capacity = capacity, .arena_bytes = 64, .arena_unit = 64});
    auto writer = shared.writer();
    auto reader = shared.reader();
    for (int lap = 0; lap < 3; ++lap) {
      for (std::uint64_t i = 0; i < capacity; ++i) ASSERT_EQ(writer.send({}), sent::yes) << capacity;
      EXPECT_EQ(writer.send({}), sent::full) << capacity;
      EXPECT_EQ(take(reader), "");
      EXPECT_EQ(writer.send(as_bytes("one")), sent::yes) << "room for one, and no more";
      EXPECT_EQ(writer.send({}), sent::full);
      for (std::uint64_t i = 0; i + 1 < capacity; ++i) EXPECT_EQ(take(reader), "");
      EXPECT_EQ(take(reader), "one");
      EXPECT_EQ(take(reader), "(nothing)");
    }
  }
}

TEST(lane, quick_and_slow_calls_mix) {
  lane_fixture shared(four);
  auto writer = shared.writer();
  auto reader = shared.reader();
  reader.stop_quick_at(~std::uint64_t{0});
  std::uint64_t quick = 0;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    const auto* bytes = reinterpret_cast<const std::byte*>(&i);
    if (writer.send_quick(bytes, 8)) ++quick;
    else ASSERT_EQ(writer.send({bytes, 8}), sent::yes);
    std::uint64_t got = 0;
    if (i % 3 == 0) ASSERT_EQ(take(reader), text_of({bytes, 8}));
    else ASSERT_TRUE(reader.receive_quick(reinterpret_cast<std::byte*>(&got), 8) && got == i) << i;
  }
  EXPECT_GT(quick, 400u);
  std::uint32_t other = 0;
  ASSERT_EQ(writer.send(as_bytes("12345678")), sent::yes);
  EXPECT_FALSE(reader.receive_quick(reinterpret_cast<std::byte*>(&other), 4)) << "another size stays";
  EXPECT_EQ(take(reader), "12345678");
}

TEST(lane, a_message_may_be_as_large_as_the_arena) {
  lane_fixture shared(four);
  auto writer = shared.writer();
  auto reader = shared.reader();
  for (int lap = 0; lap < 5; ++lap) {
    const std::string all(1024, static_cast<char>('a' + lap));
    ASSERT_EQ(writer.send(as_bytes(all)), sent::yes);
    EXPECT_EQ(writer.send(as_bytes(std::string(57, 'z'))), sent::full) << "the arena is, the slots are not";
    EXPECT_EQ(writer.send(as_bytes("small")), sent::yes);
    EXPECT_EQ(take(reader), all);
    EXPECT_EQ(take(reader), "small");
  }
}

TEST(lane, views_may_stay_while_others_come_and_go_in_any_order) {
  lane_fixture shared({.capacity = 8, .arena_bytes = 1024, .arena_unit = 128});
  auto writer = shared.writer();
  auto reader = shared.reader();
  std::mt19937 random(4711);
  struct view {
    lane_slot* hold;
    std::span<const std::byte> payload;
    std::string expected;
  };
  std::vector<view> views;
  std::vector<std::string> queued;
  for (int step = 0; step < 20'000; ++step) {
    const std::string text(random() % 300, static_cast<char>('a' + step % 26));
    if (random() % 2 == 0 && writer.send(as_bytes(text)) == sent::yes) queued.push_back(text);
    lane_front front;
    if (random() % 2 == 0 && views.size() < 5 && reader.look(front) == found::message) {
      ASSERT_EQ(text_of(front.payload), queued.front());
      lane_slot* const hold = reader.show(front.payload);
      ASSERT_NE(hold, nullptr);
      views.push_back({hold, front.payload, queued.front()});
      queued.erase(queued.begin());
    }
    for (const view& one : views) ASSERT_EQ(text_of(one.payload), one.expected) << "overwritten while it is looked at";
    if (!views.empty() && random() % 2 == 0) {
      const auto which = views.begin() + static_cast<long>(random() % views.size());
      reader.release(*which->hold);
      views.erase(which);
    }
  }
  for (const view& one : views) reader.release(*one.hold);
  while (!queued.empty()) {
    ASSERT_EQ(take(reader), queued.front());
    queued.erase(queued.begin());
  }
  EXPECT_FALSE(reader.any_held());
  EXPECT_EQ(writer.send(as_bytes(std::string(1024, '!'))), sent::yes) << "all of the arena has come back";
}

TEST(lane, more_views_than_holds_are_refused_and_nothing_is_lost) {
  lane_fixture shared({.capacity = 2, .arena_bytes = 64, .arena_unit = 64});
  auto writer = shared.writer();
  auto reader = shared.reader();
  std::vector<lane_slot*> holds;
  lane_front front;
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(writer.send(as_bytes("held")), sent::yes);
    ASSERT_EQ(reader.look(front), found::message);
    holds.push_back(reader.show(front.payload));
    ASSERT_NE(holds.back(), nullptr);
  }
  ASSERT_EQ(writer.send(as_bytes("third")), sent::yes);
  ASSERT_EQ(reader.look(front), found::message);
  EXPECT_EQ(reader.show(front.payload), nullptr);
  reader.release(*holds[0]);
  EXPECT_EQ(take(reader), "third");
}

TEST(lane, loans_are_sent_and_dropped_in_any_order) {
  lane_fixture shared({.capacity = 4, .arena_bytes = 4 * 128, .arena_unit = 128});
  auto writer = shared.writer();
  auto reader = shared.reader();
  for (int lap = 0; lap < 50; ++lap) {
    std::vector<arena_run> loans(4);
    for (arena_run& one : loans) ASSERT_EQ(writer.claim(100, one), sent::yes);
    arena_run fifth;
    EXPECT_EQ(writer.claim(100, fifth), sent::full);
    for (std::size_t i = 0; i < loans.size(); ++i)
      std::memset(writer.memory_of(loans[i]).data(), static_cast<int>('0' + i), 100);
    ASSERT_EQ(writer.publish_run(loans[2], 100), sent::yes);
    std::thread([&] { writer.give_back(loans[0]); }).join();
    ASSERT_EQ(writer.publish_run(loans[1], 60), sent::yes);
    writer.give_back(loans[3]);
    EXPECT_EQ(take(reader), std::string(100, '2'));
    EXPECT_EQ(take(reader), std::string(60, '1'));
  }
}

TEST(lane, a_successor_of_the_sender_goes_on_where_it_ended) {
  lane_fixture shared(four);
  auto reader = shared.reader();
  {
    auto first = shared.writer();
    ASSERT_EQ(first.send(as_bytes("one")), sent::yes);
    ASSERT_EQ(first.send(as_bytes("two")), sent::yes);
    EXPECT_EQ(take(reader), "one");
  }
  auto second = shared.writer();
  EXPECT_EQ(second.first(), 2u);
  ASSERT_EQ(second.send(as_bytes("three")), sent::yes);
  EXPECT_EQ(take(reader), "two");
  EXPECT_EQ(take(reader), "three");
}

TEST(lane, a_successor_of_the_receiver_gets_again_what_was_shown_and_not_acknowledged) {
  lane_fixture shared(four);
  auto writer = shared.writer();
  for (const char* text : {"taken", "shown", "shown too", "waiting"}) ASSERT_EQ(writer.send(as_bytes(text)), sent::yes);
  {
    auto first = shared.reader();
    lane_front front;
    EXPECT_EQ(take(first), "taken");
    ASSERT_EQ(first.look(front), found::message);
    lane_slot* const hold = first.show(front.payload);
    ASSERT_EQ(first.look(front), found::message);
    ASSERT_NE(first.show(front.payload), nullptr);
    EXPECT_EQ(front_of(first), "waiting") << "only looked at";
    static_cast<void>(hold);
  }
  auto second = shared.reader();
  second.adopt();
  const auto next = [&] {
    lane_front front;
    if (second.look(front) != found::message) return std::string("(nothing)");
    const std::string text = text_of(front.payload) + (front.redelivered ? " again" : "");
    second.acknowledge();
    return text;
  };
  EXPECT_EQ(next(), "shown again");
  EXPECT_EQ(next(), "shown too again");
  EXPECT_EQ(next(), "waiting");
  EXPECT_EQ(next(), "(nothing)");
  EXPECT_FALSE(second.any_held());
}

TEST(lane, what_stops_half_way_is_never_handed_out) {
  lane_fixture shared(four);
  auto writer = shared.writer();
  auto reader = shared.reader();
  ASSERT_EQ(writer.send(as_bytes("before")), sent::yes);
  lane_slot& slot = shared.lane().slots()[1];
  slot.payload[0].store(0, transom::sync::relaxed);
  slot.payload[1].store(500, transom::sync::relaxed);
  slot.word.store(slot_word(1, slot_kind::growing), transom::sync::release);
  EXPECT_EQ(take(reader), "before");
  EXPECT_EQ(front_of(reader), "(growing)");
  EXPECT_TRUE(reader.is_growing());
  shared.lane().out->progress.store(123, transom::sync::relaxed);
  EXPECT_EQ(reader.grown().size(), 123u);
  reader.skip_torn();
  EXPECT_EQ(front_of(reader), "(nothing)");
}

TEST(lane, large_messages_grow_while_they_are_read) {
  lane_fixture shared({.capacity = 4, .arena_bytes = 4 << 20, .arena_unit = 4096});
  std::string all(3 << 20, 0);
  std::mt19937 random(1);
  for (char& c : all) c = static_cast<char>(random());
  std::thread sending([&] {
    auto writer = shared.writer();
    for (int i = 0; i < 8; ++i)
      while (writer.send(as_bytes(all)) != sent::yes) std::this_thread::yield();
  });
  auto reader = shared.reader();
  for (int i = 0; i < 8; ++i) {
    lane_front front;
    while (reader.look(front) != found::message) std::this_thread::yield();
    ASSERT_EQ(text_of(front.payload), all);
    reader.acknowledge();
  }
  sending.join();
}

// Oracle: what a peer writes leads to a message or to `broken`, and never beyond the arena.
TEST(lane, a_lying_sender_is_found_out) {
  const auto look_at = [](std::uint64_t word, std::uint64_t offset, std::uint64_t length) {
    lane_fixture shared(four);
    auto reader = shared.reader();
    lane_slot& slot = shared.lane().slots()[0];
    slot.payload[0].store(offset, transom::sync::relaxed);
    slot.payload[1].store(length, transom::sync::relaxed);
    slot.word.store(word, transom::sync::relaxed);
    const std::string first = front_of(reader);
    EXPECT_EQ(front_of(reader), first) << "it stays so";
    return first;
  };
  constexpr std::uint64_t large = slot_word(0, slot_kind::in_arena), most = ~std::uint64_t{0};
  EXPECT_EQ(look_at(slot_word(1, 0), 0, 0), "(broken)") << "a sequence ahead";
  EXPECT_EQ(look_at(7, 0, 0), "(broken)");
  EXPECT_EQ(look_at(most, 0, 0), "(broken)");
  EXPECT_EQ(look_at(slot_word(0, 57), 0, 0), "(broken)") << "a kind that is none";
  EXPECT_EQ(look_at(slot_word(0, 0xA2), 0, 0), "(broken)");
  EXPECT_EQ(look_at(large, 0, 1025), "(broken)") << "longer than the arena";
  EXPECT_EQ(look_at(large, 1024, 1), "(broken)");
  EXPECT_EQ(look_at(large, most, 2), "(broken)") << "the sum overflows";
  EXPECT_EQ(look_at(large, 2, most), "(broken)");
  EXPECT_EQ(look_at(large, 1000, 24).size(), 24u) << "to the last byte";
}

TEST(lane, a_lying_receiver_is_found_out) {
  for (const std::uint64_t head : {std::uint64_t{5}, std::uint64_t{0}, ~std::uint64_t{0}}) {
    lane_fixture shared(four);
    auto writer = shared.writer();
    for (int i = 0; i < 4; ++i) ASSERT_EQ(writer.send({}), sent::yes);
    shared.lane().in->head.store(2, transom::sync::relaxed);
    ASSERT_EQ(writer.send({}), sent::yes);
    ASSERT_EQ(writer.send({}), sent::yes);
    shared.lane().in->head.store(head == 5 ? 7 : head, transom::sync::relaxed);
    EXPECT_EQ(writer.send({}), sent::broken) << head;
    EXPECT_EQ(writer.send({}), sent::broken);
  }
}

TEST(lane, nothing_quick_happens_after_close) {
  lane_fixture shared(four);
  auto writer = shared.writer();
  auto reader = shared.reader();
  reader.stop_quick_at(~std::uint64_t{0});
  std::byte one{1};
  ASSERT_EQ(writer.send({&one, 1}), sent::yes);
  ASSERT_TRUE(writer.send_quick(&one, 1) || writer.send({&one, 1}) == sent::yes);
  reader.close();
  EXPECT_FALSE(reader.receive_quick(&one, 1));
  writer.close();
  EXPECT_FALSE(writer.send_quick(&one, 1));
  EXPECT_EQ(writer.send({&one, 1}), sent::closed);
}

TEST(lane, a_receiver_that_closed_is_noticed_by_the_next_send) {
  lane_fixture shared(four);
  auto writer = shared.writer();
  std::byte one{1};
  ASSERT_EQ(writer.send({&one, 1}), sent::yes);
  transom::sync::sleeper(shared.control().receiver_waits, shared.control().receiver_bell).close();
  EXPECT_FALSE(writer.send_quick(&one, 1));
  EXPECT_EQ(writer.send({&one, 1}), sent::closed);
}

TEST(lane, a_child_of_fork_touches_nothing) {
  lane_fixture shared(four);
  auto writer = shared.writer();
  auto reader = shared.reader();
  reader.stop_quick_at(~std::uint64_t{0});
  std::byte one{1};
  ASSERT_EQ(writer.send({&one, 1}), sent::yes);
  transom::os::testing::forked child([&] {
    std::byte in{};
    return writer.send_quick(&one, 1) || reader.receive_quick(&in, 1) ? 1 : 0;
  });
  EXPECT_EQ(child.wait(), 0);
  EXPECT_EQ(take(reader), std::string(1, '\1'));
  EXPECT_EQ(take(reader), "(nothing)");
}

// Oracle: each message carries its number; a reader misses nothing and repeats nothing, whoever sleeps when.
TEST(lane, threads_that_sleep_and_wake_lose_nothing) {
  constexpr std::uint64_t count = 200'000;
  lane_fixture shared({.capacity = 16, .arena_bytes = 4096, .arena_unit = 64});
  const transom::os::bound limit{std::chrono::seconds(30)};  // so that a lost wake-up is a failure and no delay
  std::thread sending([&] {
    auto writer = shared.writer();
    for (std::uint64_t i = 0; i < count; ++i) {
      std::array<std::uint64_t, 12> large{};
      large[0] = i;
      const auto payload = std::as_bytes(std::span(large)).first(i % 5 == 0 ? 96 : 8);
      while (writer.send(payload) == sent::full)
        writer.waiting().wait([&] { return writer.look_for_room(payload.size()) != sent::full; }, limit);
    }
  });
  auto reader = shared.reader();
  reader.stop_quick_at(~std::uint64_t{0});
  transom::sync::sleeper waiting(shared.control().receiver_waits, shared.control().receiver_bell);
  for (std::uint64_t i = 0; i < count; ++i) {
    std::uint64_t number = ~std::uint64_t{0};
    while (!reader.receive_quick(reinterpret_cast<std::byte*>(&number), 8)) {
      lane_front front;
      if (reader.look(front) == found::message) {
        std::memcpy(&number, front.payload.data(), 8);
        reader.acknowledge();
        break;
      }
      waiting.wait([&] { return reader.has_something(); }, limit);
    }
    ASSERT_EQ(number, i);
  }
  sending.join();
}
