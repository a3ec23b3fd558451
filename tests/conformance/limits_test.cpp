// tests/conformance/limits_test.cpp - sizes from nothing to 16 MiB, the limit from both sides, and what a mechanism
// does not have is refused rather than ignored.
#include "tests/conformance/suite.hpp"
#include "transom/channel/channel_pair.hpp"
#include "transom/os/fd.hpp"

using namespace transom;
using namespace transom::conformance;

namespace {

class sizes : public suite {};
class empty_messages : public suite {};
class big_messages : public suite {};
class small_messages_only : public suite {};
class special_features : public suite {};
class priority_order : public suite {};
class chosen_types : public suite {};
class required_features : public suite {};
class descriptors : public suite {};

bool every_row(const row&) { return true; }
bool named_row(const row& r) { return r.named(); }
bool has_priorities(const row& r) { return r.has(priorities); }
bool has_types(const row& r) { return r.has(types); }
bool opened_by_url(const row& r) { return r.meets != meeting::descriptor; }
bool has_empty_messages(const row& r) { return r.has(boundaries) && !r.empty_is_the_end; }
bool has_messages(const row& r) { return r.has(boundaries); }
bool has_big_messages(const row& r) { return r.has(boundaries) && r.keys_for_16_MiB != nullptr; }
bool has_no_big_messages(const row& r) { return r.keys_for_16_MiB == nullptr; }
const auto named_circumstance = [](const auto& info) { return name_of(info.param); };

struct with_descriptor {
  int number = 0;
  fd file;
};

}  // namespace

TEST_P(sizes, from_nothing_to_the_limit_and_not_one_more) {
  send_here();
  const std::size_t limit = here().largest();
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, limit - 1, limit}) {
    if (size == 0 && here().empty_is_the_end) {
      EXPECT_EQ(outcome_of(tx->send("")), "unsupported");
      continue;
    }
    other->begin({.what = verb::recv, .run = {.count = 1}});
    EXPECT_EQ(outcome_of(tx->send_for(message_of({.sequence = size == limit ? 1u : 0u, .size = size}), soon)), "ok")
        << size;
    EXPECT_RUN(other->finish(), size >= certificate ? 1 : 0, "ok");
  }
  const auto refused = tx->send_for(message_of({.size = limit + 1}), soon);
  EXPECT_EQ(outcome_of(refused), "message_too_large");
  EXPECT_EQ(outcome_of(tx->try_send(message_of({.size = limit + 1}))), "message_too_large");
  other->begin({.what = verb::recv, .run = {.count = 1}});
  EXPECT_EQ(outcome_of(tx->send_for(message_of({.sequence = 2, .size = 100}), soon)), "ok") << "the channel goes on";
  EXPECT_RUN(other->finish(), 1, "ok");
}

TEST_P(empty_messages, are_messages) {
  receive_here();
  EXPECT_RUN(other->send({.count = 3, .size = 0}), 3, "ok");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(rx->recv_for(soon).or_throw(), "");
  EXPECT_EQ(outcome_of(rx->try_recv()), "would_block");
}

TEST_P(big_messages, of_16_MiB_go_through_whole) {
  receive_here(here().keys_for_16_MiB);
  constexpr std::size_t size = 16u << 20;
  other->begin({.what = verb::send, .run = {.count = 2, .size = size}});
  expect_received(2);
  EXPECT_RUN(other->finish(), 2, "ok");
  EXPECT_RUN(other->send({.first = 2, .count = 1, .size = 64}), 1, "ok");
  expect_received(1);
}

TEST_P(small_messages_only, a_larger_one_is_refused_and_not_cut) {
  auto receiving = receiver<std::string>::open(url("max_message=16M"), how());
  if (!receiving) {
    const std::string said = outcome_of(receiving);
    EXPECT_TRUE(said == "unsupported" || said == "message_too_large") << receiving.error().message();
    return;
  }
  tx.emplace(receiving->url(), how());
  const auto refused = tx->send_for(message_of({.size = 16u << 20}), soon);
  EXPECT_EQ(outcome_of(refused), "message_too_large");
  EXPECT_EQ(outcome_of(tx->try_send(message_of({.size = 64}))), "ok");
  EXPECT_EQ(receiving->recv_for(soon).or_throw(), message_of({.size = 64}));
}

TEST_P(special_features, that_are_missing_are_refused) {
  send_here();
  if (!here().has(priorities)) {
    EXPECT_EQ(outcome_of(tx->try_send("x", {.priority = 1})), "unsupported");
  }
  if (!here().has(types)) {
    EXPECT_EQ(outcome_of(tx->try_send("x", {.type = 1})), "unsupported");
  }
  tx.reset();
  other.reset();
  receive_here();
  if (!here().has(types)) {
    EXPECT_EQ(outcome_of(rx->try_recv({.type = 1})), "unsupported");
  }
}

TEST_P(required_features, that_are_missing_refuse_the_channel) {
  for (std::uint32_t bit = 0; bit < 15; ++bit) {
    const feature_set one(1u << bit);
    if (one == outlives_processes) continue;  // depends on keep
    const auto opened = receiver<std::string>::open(url(), {.on_full = how().on_full, .require = one});
    EXPECT_EQ(outcome_of(opened), here().has(one) ? "ok" : "unsupported") << one.names();
  }
}

TEST_P(priority_order, larger_priorities_overtake) {
  rx.emplace(url());
  tx.emplace(rx->url());
  for (int priority : {0, 5, 1}) tx->send(std::to_string(priority), {.priority = priority}).or_throw();
  for (const char* expected : {"5", "1", "0"}) EXPECT_EQ(rx->recv_for(soon).or_throw(), expected);
}

TEST_P(chosen_types, a_type_can_be_asked_for) {
  rx.emplace(url());
  tx.emplace(rx->url());
  for (long type : {3, 1, 2}) tx->send(std::to_string(type), {.type = type}).or_throw();
  EXPECT_EQ(rx->recv_for({.type = 2}, soon).or_throw(), "2");
  EXPECT_EQ(outcome_of(rx->try_recv({.type = 2})), "would_block");
  EXPECT_EQ(rx->recv_for({.type = -5}, soon).or_throw(), "1");
  EXPECT_EQ(rx->recv_for(soon).or_throw(), "3");
}

TEST_P(descriptors, travel_where_the_matrix_says_so_and_are_refused_elsewhere) {
  auto both = channel<with_descriptor>::open(url(), {.on_full = how().on_full});
  if (!here().has(fd_passing)) {
    EXPECT_EQ(outcome_of(both), "unsupported");
    return;
  }
  both.or_throw();
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const fd reader(ends[0]);
  both->tx.send(with_descriptor{7, fd(ends[1])}).or_throw();
  {
    auto got = both->rx.recv_for(soon).or_throw();
    EXPECT_EQ(got.number, 7);
    EXPECT_TRUE(os::testing::is_close_on_exec(got.file.get()));
    EXPECT_EQ(::write(got.file.get(), "!", 1), 1);
  }
  char c = 0;
  EXPECT_EQ(::read(reader.get(), &c, 1), 1);
  EXPECT_EQ(::read(reader.get(), &c, 1), 0) << "the sender's copy has gone";
}

INSTANTIATE_TEST_SUITE_P(on, sizes, ::testing::ValuesIn(where(has_messages)), named_circumstance);
INSTANTIATE_TEST_SUITE_P(on, empty_messages, ::testing::ValuesIn(where(has_empty_messages)), named_circumstance);
INSTANTIATE_TEST_SUITE_P(on, big_messages, ::testing::ValuesIn(where(has_big_messages)), named_circumstance);
INSTANTIATE_TEST_SUITE_P(on, small_messages_only, ::testing::ValuesIn(where(has_no_big_messages, with::threads)),
                         named_circumstance);
INSTANTIATE_TEST_SUITE_P(on, special_features, ::testing::ValuesIn(where(every_row, with::threads)),
                         named_circumstance);
INSTANTIATE_TEST_SUITE_P(on, required_features, ::testing::ValuesIn(where(named_row, with::threads)),
                         named_circumstance);
INSTANTIATE_TEST_SUITE_P(on, priority_order, ::testing::ValuesIn(where(has_priorities, with::threads)),
                         named_circumstance);
INSTANTIATE_TEST_SUITE_P(on, chosen_types, ::testing::ValuesIn(where(has_types, with::threads)), named_circumstance);
INSTANTIATE_TEST_SUITE_P(on, descriptors, ::testing::ValuesIn(where(opened_by_url, with::threads)), named_circumstance);
