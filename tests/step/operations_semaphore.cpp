// tests/step/operations_semaphore.cpp - semaphores and permits, whose users are killed while they take, give back,
// wait, wake, and settle what others left.
//
// Oracle: what a dead one held comes back, once; what it acquired plainly stays taken, or never was; who waits goes on,
// at the longest at the next bound. The control counts first and notes afterwards.
#include <poll.h>

#include <optional>
#include <vector>

#include "tests/step/room_fixture.hpp"
#include "transom/sync/semaphore.hpp"

namespace transom::step {
namespace {

class on_permits : public in_a_room<sync::semaphore> {
 protected:
  explicit on_permits(std::uint32_t count) : in_a_room(count), count_(count) {}
  void fresh() override { renew(count_); }
  /// All permits are there, none is there twice, and no note is left.
  void demand_all_back() {
    std::vector<sync::permit> all;
    for (std::uint32_t n = 0; n < count_; ++n) {
      auto one = room_->try_hold();
      demand(one.has_value(), "a permit is lost");
      all.push_back(std::move(*one));
    }
    demand(room_->try_hold().failed_with(errc::would_block), "there is one too many");
    all.clear();
    demand(room_->value() == count_, "the count is wrong");
    room_.me().reap();
    demand(room_.notes_in_use() == 0, "a note is left");
  }
  std::uint32_t count_;
};

// Holds one and gives it back, beside another who does so. Neither waits for long: nobody tells them of a death.
class holding : public on_permits {
 public:
  explicit holding(std::uint32_t count) : on_permits(count) {}
  void victim() override { hold_once(victim_row); }
  void partner() override { hold_once(partner_row); }
  std::string while_stopped() override {
    return complaint([&] {
      room_.me().reap();
      demand(room_->value() + room_.notes_in_use() >= count_, "one that lives is settled");
    });
  }
  std::string after_stop() override {
    return complaint([&] { demand(room_->value() == count_, "given back twice, or not at all"); });
  }
  verdict judge() override {
    return judged([&] {
      const bool held = room_->value() < count_;
      bury_all();
      demand_all_back();
      return held ? "held" : "nothing";
    });
  }

 private:
  void hold_once(unsigned row) {
    room_.join(row);
    begin();
    { auto mine = room_->hold_for(1ms); }
    end();
  }
};

// Waits for one that somebody else has, in vain.
class holding_in_vain : public on_permits {
 public:
  holding_in_vain() : on_permits(1) {}
  void fresh() override {
    held_.reset();
    on_permits::fresh();
    held_.emplace(room_->hold().or_throw());
  }
  void victim() override {
    room_.join(victim_row);
    begin();
    auto mine = room_->hold_for(100us);
    end();
  }
  void partner() override {  // one who waits as long as it takes
    room_.join(partner_row);
    begin();
    auto mine = room_->hold_for(300us);
    end();
  }
  verdict judge() override {
    return judged([&] {
      const bool noted = room_.notes_in_use() > 1;
      start_sleeper([this] { return room_->hold().has_value() ? 0 : 1; });
      held_->release();
      bury_all();
      demand(sleepers_result() == 0, "a sleeper after it gets nothing");
      demand_all_back();
      return noted ? "waited" : "nothing";
    });
  }

 private:
  std::optional<sync::permit> held_;
};

// Settles what a dead one held.
class settling : public on_permits {
 public:
  settling() : on_permits(1) {}
  void fresh() override {
    on_permits::fresh();
    os::testing::forked dead([this] {
      room_.join(dead_row);
      auto mine = room_->hold();
      ::raise(SIGKILL);
      return 0;
    });
    dead.wait();
    room_.bury(dead_row);
  }
  void victim() override { settle_once(victim_row); }
  void partner() override { settle_once(partner_row); }
  verdict judge() override {
    return judged([&] {
      const bool settled = room_->value() == 1;
      bury_all();
      demand_all_back();
      return settled ? "settled" : "nothing";
    });
  }

 private:
  void settle_once(unsigned row) {
    room_.join_quietly(row);
    begin();
    room_.me().reap();
    end();
  }
};

// Gives one while somebody sleeps for it.
class releasing : public in_a_room<sync::semaphore> {
 public:
  explicit releasing(bool permit) : in_a_room(0u), permit_(permit) {}
  void fresh() override {
    renew(0u);
    start_sleeper([this] { return (permit_ ? room_->hold().has_value() : room_->acquire().has_value()) ? 0 : 1; });
    while (!somebody_sleeps()) ::poll(nullptr, 0, 0);
  }
  void victim() override {
    room_.join(victim_row);
    begin();
    room_->release().or_throw();
    end();
  }
  verdict judge() override {
    return judged([&] {
      bury_all();
      const auto handle = os::process::open(sleeper_->pid()).or_throw();
      const bool given = room_->value() == 1 || !somebody_sleeps() ||
                         handle.wait_ended(patience::until_time(deadline::after(20ms))).has_value();
      if (!given) room_->release().or_throw();
      demand(sleepers_result() == 0, "what was given is not taken");
      demand(room_->value() == (permit_ ? 1u : 0u), "taken twice, or given twice");
      return given ? "given" : "nothing";
    });
  }

 private:
  bool permit_;
};

// Takes one and gives it back, plainly.
class acquiring : public in_a_room<sync::semaphore> {
 public:
  acquiring() : in_a_room(1u) {}
  void fresh() override { renew(1u); }
  void victim() override {
    room_.join(victim_row);
    begin();
    if (room_->acquire_for(1ms)) room_->release().or_throw();
    end();
  }
  void partner() override {
    room_.join(partner_row);
    begin();
    const bool took = room_->acquire_for(1ms).has_value();
    if (took) room_->release().or_throw();
    end();
  }
  verdict judge() override {
    return judged([&] {
      bury_all();
      const std::uint32_t there = room_->value();
      demand(there <= 1, "one too many");
      if (there == 0) room_->release().or_throw();  // as whoever knows what it stood for
      start_sleeper([this] {
        for (int lap = 0; lap < 3; ++lap) {
          if (!room_->acquire()) return 1;
          if (!room_->release()) return 1;
        }
        return 0;
      });
      demand(sleepers_result() == 0, "it cannot be taken any more");
      return there == 1 ? "there" : "taken along";
    });
  }
};

// The usual way to hold: count down, then note who it was.
class holding_naively : public operation {
 public:
  void fresh() override { write(state_.renew().count, 1); }
  void victim() override {
    begin();
    state_->count.fetch_add(~std::uint64_t{0}, sync::acq_rel);
    write(state_->holder, 1);
    write(state_->holder, 0);
    state_->count.fetch_add(1, sync::acq_rel);
    end();
  }
  verdict judge() override {
    return judged([&] {
      if (read(state_->holder) != 0) write(state_->count, read(state_->count) + 1);
      demand(read(state_->count) == 1, "nobody knows that the dead one has it");
      return "there";
    });
  }

 private:
  struct state {
    note count, holder;
  };
  shared<state> state_;
};

}  // namespace

void add_semaphore_operations(entries& all) {
  all.push_back(row<acquiring>("semaphore: acquire and release", steps | pairs));
  all.push_back(row<releasing>("semaphore: release to a sleeper", steps, false));
  all.push_back(row<releasing>("semaphore: release to one who will hold it", steps, true));
  all.push_back(row<holding>("permit: hold and give back", steps | pairs | stops, 1u));
  all.push_back(row<holding>("permit: hold one of two and give it back", steps | pairs, 2u));
  all.push_back(row<holding_in_vain>("permit: wait for one", steps));
  all.push_back(row<settling>("permit: settle for the dead", steps | pairs));
  all.push_back(control<holding_naively>("permit noted after the count", steps));
}

}  // namespace transom::step
