// tests/step/operations_events.cpp - barriers and the latest value, whose users are killed while they arrive, wait,
// find a dead one, reset, store and look.
//
// Oracle: who waits goes on or is told, at the longest at the next bound; a reader gets a whole value, the last one
// stored. The control keeps one copy, and a sequence that is odd while it is written.
#include <poll.h>

#include <array>

#include "tests/step/room_fixture.hpp"
#include "transom/sync/barrier.hpp"
#include "transom/sync/latest.hpp"

namespace transom::step {
namespace {

// Arrives as the second of two, or as one who finds that somebody has died.
class arriving : public in_a_room<sync::barrier> {
 public:
  enum class as { last, first };
  explicit arriving(as who) : in_a_room(2u), who_(who) {}
  void fresh() override {
    renew(2u);
    if (who_ == as::first) return;
    start_sleeper([this] {
      const auto told = room_->arrive_and_wait();
      return told ? 0 : told.failed_with(errc::peer_died) ? 2 : 1;
    });
    while (!somebody_sleeps()) ::poll(nullptr, 0, 0);
  }
  void victim() override {
    room_.join(victim_row);
    begin();
    (void)room_->arrive_and_wait_for(who_ == as::last ? 1h : std::chrono::nanoseconds(100us));
    end();
  }
  verdict judge() override {
    return judged([&]() -> std::string {
      bury_all();
      const auto told = room_->arrive_and_wait_for(who_ == as::last ? 1s : std::chrono::nanoseconds(1ms));
      int other = -1;
      if (who_ == as::last) other = sleepers_result();
      const bool died = told.failed_with(errc::peer_died);
      demand(died || told.has_value() || told.failed_with(errc::timed_out), "told something else");
      if (who_ == as::last) {
        demand(other == 0 || other == 2, "the other is told something else");
        demand(other != 2 || died, "one is told of the death, another is not");
        demand(other != 0 || died || told.has_value(), "only one goes on");
      }
      if (died) demand(room_->arrive_and_wait_for(0s).failed_with(errc::peer_died), "told once, and then forgotten");
      room_->reset();
      start_sleeper([this] {
        for (int lap = 0; lap < 3; ++lap)
          if (!room_->arrive_and_wait()) return 1;
        return 0;
      });
      for (int lap = 0; lap < 3; ++lap)
        demand(room_->arrive_and_wait_for(5s).has_value(), "after a reset it does not work");
      demand(sleepers_result() == 0, "after a reset it does not work for others");
      if (!died) return "unknown";
      return other == 0 ? "went on, then missed" : "missed";
    });
  }

 private:
  as who_;
};

// Finds that one has died while another waits, or resets after that.
class breaking : public in_a_room<sync::barrier> {
 public:
  explicit breaking(bool resets) : in_a_room(3u), resets_(resets) {}
  void fresh() override {
    renew(3u);
    os::testing::forked dead([this] {
      room_.join(dead_row);
      (void)room_->arrive_and_wait_for(0s);
      ::raise(SIGKILL);
      return 0;
    });
    dead.wait();
    room_.bury(dead_row);
    if (resets_) (void)room_->arrive_and_wait_for(0s);
  }
  void victim() override {
    room_.join(victim_row);
    begin();
    if (resets_) room_->reset();
    else (void)room_->arrive_and_wait_for(0s);
    end();
  }
  verdict judge() override {
    return judged([&] {
      const bool broken = room_->is_broken();
      bury_all();
      if (!resets_) demand(room_->arrive_and_wait_for(0s).failed_with(errc::peer_died), "a dead one is waited for");
      room_->reset();
      demand(room_->arrive_and_wait_for(0s).failed_with(errc::timed_out), "after a reset it is not as new");
      return broken ? "broken" : "whole";
    });
  }

 private:
  bool resets_;
};

struct value {
  std::array<std::uint64_t, 9> words{};
  static value of(std::uint64_t number) {
    value made;
    made.words.fill(number);
    return made;
  }
  bool is_whole() const {
    for (const std::uint64_t word : words)
      if (word != words[0]) return false;
    return true;
  }
};

class storing : public in_a_room<sync::latest<value>> {
 public:
  storing() : in_a_room(value::of(1)) {}
  void fresh() override { renew(value::of(1)); }
  void victim() override {
    begin();
    room_->store(value::of(2));
    end();
  }
  void partner() override {
    begin();
    const value seen = room_->load();
    if (!seen.is_whole() || seen.words[0] < 1 || seen.words[0] > 2) ::raise(SIGABRT);
    end();
  }
  std::string while_stopped() override {
    return complaint([&] { look(); });
  }
  verdict judge() override {
    return judged([&] {
      const std::uint64_t seen = look();
      demand(room_->version() == seen - 1, "the version is another's");
      for (std::uint64_t next = 5; next < 8; ++next) {
        room_->store(value::of(next));
        demand(look() == next, "a successor's value is not there");
      }
      demand(room_->version() == seen + 2, "a successor's values are not counted");
      return seen == 1 ? "nothing" : "stored";
    });
  }

 private:
  std::uint64_t look() {
    const value seen = room_->load();
    demand(seen.is_whole(), "a mixture");
    return seen.words[0];
  }
};

// One copy, and a sequence that is odd while it is written.
class storing_naively : public operation {
 public:
  void fresh() override { state_.renew(); }
  void victim() override {
    begin();
    state_->sequence.fetch_add(1, sync::acq_rel);
    for (note& word : state_->words) write(word, 2);
    state_->sequence.fetch_add(1, sync::acq_rel);
    end();
  }
  verdict judge() override {
    return judged([&] {
      demand(read(state_->sequence) % 2 == 0, "no reader ever gets a value again");
      return read(state_->words[0]) == 0 ? "nothing" : "stored";
    });
  }

 private:
  struct state {
    note sequence;
    std::array<note, 9> words;
  };
  shared<state> state_;
};

}  // namespace

void add_event_operations(entries& all) {
  all.push_back(row<arriving>("barrier: arrive as the last", steps, arriving::as::last));
  all.push_back(row<arriving>("barrier: arrive and give up", steps, arriving::as::first));
  all.push_back(row<breaking>("barrier: find a dead one", steps, false));
  all.push_back(row<breaking>("barrier: reset", steps, true));
  all.push_back(row<storing>("latest: store", steps | pairs | stops));
  all.push_back(control<storing_naively>("latest value in one copy", steps));
}

}  // namespace transom::step
