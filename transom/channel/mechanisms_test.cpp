// transom/channel/mechanisms_test.cpp - the same channel over every anonymous mechanism, and what it costs: a steady
// exchange allocates nothing.
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <map>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "transom/channel.hpp"
#include "transom/channel/allocation_count.hpp"
#include "transom/os/testing.hpp"

using namespace std::chrono_literals;
using transom::bytes;
using transom::errc;
using transom::samples::allocations;

namespace {

struct tick {
  std::uint64_t number = 0;
  std::array<double, 6> values{};
};
struct order {
  std::uint64_t id = 0;
  std::string symbol;
  std::vector<int> lots;
  bool operator==(const order&) const = default;
};
struct with_reply {
  int number = 0;
  transom::sender<int> reply;
};

// Runs `exchange` often enough for every buffer to have its size, then 1000 times, and counts.
template <typename Exchange>
std::size_t allocations_of(Exchange exchange) {
  for (int i = 0; i < 200; ++i) exchange();
  const std::size_t before = allocations;
  for (int i = 0; i < 1000; ++i) exchange();
  return allocations - before;
}

class over : public testing::TestWithParam<const char*> {};

}  // namespace

INSTANTIATE_TEST_SUITE_P(mechanisms, over, testing::Values("unix:", "unix+stream:", "pipe:", "inproc:"),
                         [](const auto& which) {
                           std::string name(which.param);
                           std::erase_if(name, [](char c) { return c == ':' || c == '+'; });
                           return name;
                         });

TEST_P(over, messages_of_every_kind_arrive_and_the_end_comes_last) {
  auto [tx, rx] = transom::channel<order>(GetParam());
  std::jthread speaker([&tx] {
    for (std::uint64_t id = 0; id < 100; ++id) {
      tx.send({id, std::string(id, 'x'), std::vector<int>(id % 7, 3)}).or_throw();
    }
    tx.close();
  });
  std::uint64_t next = 0;
  for (const order& o : rx) {
    EXPECT_EQ(o, (order{next, std::string(next, 'x'), std::vector<int>(next % 7, 3)}));
    ++next;
  }
  EXPECT_EQ(next, 100u);
  EXPECT_TRUE(rx.try_recv().failed_with(errc::closed));
}

TEST_P(over, a_plain_value_costs_no_allocation) {
  auto [tx, rx] = transom::channel<tick>(GetParam());
  EXPECT_EQ(allocations_of([&] {
              tx.send({1, {}}).or_throw();
              EXPECT_EQ(rx.recv().or_throw().number, 1u);
            }),
            0u);
  EXPECT_EQ(allocations_of([&] {
              auto slot = tx.loan().or_throw();
              slot->number = 2;
              tx.send(std::move(slot)).or_throw();
              EXPECT_EQ(rx.recv_view().or_throw()->number, 2u);
            }),
            0u);
}

TEST_P(over, bytes_cost_no_allocation) {
  auto [tx, rx] = transom::channel<bytes>(GetParam());
  std::array<std::byte, 3000> buffer{};
  EXPECT_EQ(allocations_of([&] {
              tx.send(std::span(buffer)).or_throw();
              EXPECT_EQ(rx.recv_into(buffer).or_throw(), buffer.size());
            }),
            0u);
  EXPECT_EQ(allocations_of([&] {
              tx.send(std::span(buffer)).or_throw();
              EXPECT_EQ(rx.recv_view().or_throw()->size(), buffer.size());
            }),
            0u);
}

TEST_P(over, sending_text_and_packed_values_costs_no_allocation) {
  auto [text_tx, text_rx] = transom::channel<std::string>(GetParam());
  const std::string word(500, 'w');
  std::size_t receiving = 0;
  EXPECT_EQ(allocations_of([&] {
              text_tx.send(word).or_throw();
              const std::size_t before = allocations;
              EXPECT_EQ(text_rx.recv().or_throw(), word);
              receiving += allocations - before;
              allocations = before;  // the value that recv returns is the caller's
            }),
            0u);
  EXPECT_GE(receiving, 1000u);  // so the counter counts
  auto [tx, rx] = transom::channel<order>(GetParam());
  const order one{1, std::string(100, 's'), {1, 2, 3}};
  EXPECT_EQ(allocations_of([&] {
              tx.send(one).or_throw();
              const std::size_t before = allocations;
              EXPECT_EQ(rx.recv().or_throw(), one);
              allocations = before;
            }),
            0u);
}

TEST_P(over, many_values_go_at_once) {
  auto [tx, rx] = transom::channel<int>(GetParam(), {.capacity = 64});
  std::vector<int> many(1000);
  std::iota(many.begin(), many.end(), 0);
  std::jthread speaker([&tx, &many] { EXPECT_EQ(tx.send_all(many).or_throw(), many.size()); });
  for (const int i : many) ASSERT_EQ(rx.recv_for(30s).or_throw(), i);
}

TEST_P(over, select_and_wait_set_see_messages_and_the_end) {
  auto [tx, rx] = transom::channel<int>(GetParam());
  transom::wait_set ws;
  const auto id = ws.add(rx).or_throw();
  EXPECT_TRUE(ws.try_wait().failed_with(errc::would_block));
  tx.send(1).or_throw();
  EXPECT_EQ(ws.wait_for(30s).or_throw().front(), (transom::wait_set::event{id, transom::wait_set::kind::readable}));
  int sum = 0;
  EXPECT_EQ(transom::select(transom::on(rx, [&](int i) { sum += i; }), transom::after(30s, [] {})).or_throw(), 0u);
  EXPECT_TRUE(transom::try_select(transom::on(rx, [](int) {})).failed_with(errc::would_block));
  std::jthread speaker([&tx] {
    tx.send(2).or_throw();
    tx.close();
  });
  EXPECT_EQ(transom::select(transom::on(rx, [&](int i) { sum += i; }), transom::after(30s, [] {})).or_throw(), 0u);
  EXPECT_EQ(sum, 3);
  EXPECT_EQ(ws.wait_for(30s).or_throw().front(), (transom::wait_set::event{id, transom::wait_set::kind::ended}));
  EXPECT_TRUE(transom::select(transom::on(rx, [](int) {})).failed_with(errc::closed));
}

TEST_P(over, views_give_what_is_known_of_a_message) {
  auto [tx, rx] = transom::channel<std::string>(GetParam());
  for (const char* word : {"a", "b"}) tx.send(word).or_throw();
  auto first = rx.recv_view().or_throw();
  EXPECT_EQ(*first, "a");
  EXPECT_EQ(first.info().sequence, 1u);
  EXPECT_EQ(rx.recv_view().or_throw().info().sequence, 2u);
}

TEST_P(over, on_send_waits_for_room) {
  auto [tx, rx] = transom::channel<bytes>(GetParam(), {.capacity = 4});
  const bytes block(4096);
  std::size_t sent = 0;
  while (tx.try_send(block)) ++sent;
  EXPECT_GT(sent, 0u);
  std::jthread reader([&rx, sent] {
    for (std::size_t i = 0; i < sent + 1; ++i) rx.recv_for(30s).or_throw();
  });
  EXPECT_EQ(transom::select(transom::on_send(tx, block, [] {})).or_throw(), 0u);
}

TEST(over, an_end_travels_in_a_message) {
  auto [tx, rx] = transom::channel<with_reply>("unix:");
  auto [answer, answers] = transom::channel<int>("unix:");
  tx.send({7, std::move(answer)}).or_throw();
  auto got = rx.recv().or_throw();
  EXPECT_EQ(got.number, 7);
  got.reply.send(49).or_throw();
  EXPECT_EQ(answers.recv().or_throw(), 49);
  got.reply.close();
  EXPECT_TRUE(answers.recv().failed_with(errc::closed));
}

TEST(over, an_end_whose_message_was_not_sent_is_as_before) {
  auto [tx, rx] = transom::channel<with_reply>("unix:");
  auto [answer, answers] = transom::channel<int>("unix:");
  with_reply request{7, std::move(answer)};
  std::stop_source stopped;
  stopped.request_stop();
  EXPECT_TRUE(tx.send(std::move(request), stopped.get_token()).failed_with(errc::canceled));
  request.reply.send(1).or_throw();
  EXPECT_EQ(answers.recv().or_throw(), 1);
}

// Its memory is not there: each quick way has to know before it looks.
TEST(shared_memory, a_child_of_fork_is_told_by_every_call) {
  using lines = std::array<std::uint64_t, 32>;
  const std::string url = "shm://transom-test-forked-" + std::to_string(::getpid());
  auto rx = transom::receiver<lines>::open(url).or_throw();
  auto tx = transom::sender<lines>::open(url).or_throw();
  for (int i = 0; i < 3; ++i) {  // until all quick ways are open
    auto room = tx.loan().or_throw();
    *room = lines{};
    tx.send(std::move(room)).or_throw();
    ASSERT_TRUE(rx.try_recv_view());
    ASSERT_EQ(rx.try_recv_view().error(), errc::would_block);
  }
  transom::os::testing::forked child([&] {
    const bool told = rx.try_recv_view().failed_with(errc::forked) && rx.try_recv().failed_with(errc::forked) &&
                      tx.try_send(lines{}).failed_with(errc::forked) && tx.try_loan().failed_with(errc::forked);
    return told ? 0 : 1;
  });
  EXPECT_EQ(child.wait(), 0);
}
