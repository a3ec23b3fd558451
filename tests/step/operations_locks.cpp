// tests/step/operations_locks.cpp - the locks of transom/sync in a shared object, whose users are killed while they
// take it, hold it, give it back, repair, wait for it and wake others.
//
// Oracle: nobody waits for the dead, at the longest until the next bound; two are never inside; what was left half done
// is given out by lock_or_recover() alone; a lock whose holder stands still is held; a dead reader is forgotten.
#include <poll.h>

#include <csignal>

#include "tests/step/object_fixture.hpp"

namespace transom::step {
namespace {

// Moves 25 from here to there under the lock.
class transferring : public on_an_object {
 public:
  enum class way { lock, try_lock, rwlock };
  explicit transferring(way how) : how_(how) {}
  void victim() override {
    const auto mine = open();
    begin();
    transfer(at(mine), 25);
    end();
  }
  void partner() override {
    const auto mine = open();
    begin();
    transfer(at(mine), 10);
    end();
  }
  std::string while_stopped() override {
    return complaint([&] {
      auto tried = how_ == way::rwlock ? here().table.try_lock() : here().lock.try_lock();
      demand(!tried.failed_with(errc::owner_died), "it counts as dead");
      if (tried) demand_whole(here());
    });
  }
  std::string after_stop() override {
    return complaint([&] { demand_whole(here()); });
  }
  verdict judge() override {
    return judged([&] {
      const bool died_inside = how_ == way::rwlock ? !settle(here().table) : !settle(here().lock);
      const auto moved = 60 - read(here().left_side);
      demand(moved == 0 || moved == 10 || moved == 25 || moved == 35, "moved " + std::to_string(moved));
      return died_inside ? "died inside" : moved == 0 || moved == 10 ? "nothing" : "transferred";
    });
  }

 private:
  void transfer(bank& in, std::uint64_t amount) {
    auto held = enter(in);
    if (held.failed_with(errc::would_block)) return;
    held.or_throw();
    demand_whole(in);
    write(in.inside, 1);
    write(in.left_side, read(in.left_side) - amount);
    write(in.right_side, read(in.right_side) + amount);
    write(in.inside, 0);
  }
  result<sync::guard> enter(bank& in) const {
    const auto repair = [&] { repair_all(in); };
    if (how_ == way::rwlock) {
      auto held = in.table.lock();
      return held.failed_with(errc::owner_died) ? in.table.lock_or_recover(repair) : std::move(held);
    }
    auto held = how_ == way::try_lock ? in.lock.try_lock() : in.lock.lock();
    return held.failed_with(errc::owner_died) ? in.lock.lock_or_recover(repair) : std::move(held);
  }
  way how_;
};

// Gives the lock back while another process sleeps on it.
class handing_over : public on_an_object {
 public:
  explicit handing_over(bool to_reader) : to_reader_(to_reader) {}
  void fresh() override {
    on_an_object::fresh();
    sleeper_.start([&](bank& in) {
      while (read(in.ready) == 0) ::poll(nullptr, 0, 0);
      const bool got = to_reader_ ? in.table.lock_shared().has_value() : in.lock.lock().has_value();
      return got ? 0 : 1;
    });
  }
  void victim() override {
    const auto mine = open();
    auto held = (to_reader_ ? at(mine).table.lock() : at(mine).lock.lock()).or_throw();
    write(at(mine).ready, 1);
    while (!has_waiters(at(mine))) ::poll(nullptr, 0, 0);
    begin();
    held.unlock();
    end();
  }
  verdict judge() override {
    return judged([&] {
      const int got = sleeper_.result();
      demand(got == 0 || got == 1, "the sleeper: " + std::to_string(got));
      const bool died_inside = to_reader_ ? !settle(here().table) : !settle(here().lock);
      demand(died_inside == (got == 1), "one got it, another is told that its holder died");
      return got == 0 ? "handed over" : "died inside";
    });
  }

 private:
  bool has_waiters(bank& in) const {
    auto& word = to_reader_ ? reinterpret_cast<note&>(in.table) : reinterpret_cast<note&>(in.lock);
    return (read(word) & 1) != 0;
  }
  bool to_reader_;
};

// Waits for a lock that somebody has, and gives up.
class waiting_in_vain : public on_an_object {
 public:
  enum class what { mutex, write, read };
  explicit waiting_in_vain(what how) : how_(how) {}
  void fresh() override {
    on_an_object::fresh();
    if (how_ == what::mutex) held_ = here().lock.lock().or_throw();
    if (how_ == what::read) held_ = here().table.lock().or_throw();
    if (how_ == what::write) reads_ = here().table.lock_shared().or_throw();
  }
  void victim() override {
    const auto mine = open();
    begin();
    bool refused = false;
    if (how_ == what::mutex) refused = at(mine).lock.lock_for(100us).failed_with(errc::timed_out);
    if (how_ == what::write) refused = at(mine).table.lock_for(100us).failed_with(errc::timed_out);
    if (how_ == what::read) refused = at(mine).table.lock_shared_for(100us).failed_with(errc::timed_out);
    write(at(mine).ready, refused ? 1 : 2);
    end();
  }
  verdict judge() override {
    return judged([&] {
      demand(read(here().ready) != 2, "it got what somebody else has");
      held_ = {};
      reads_ = {};
      sleeper_.start([&](bank& in) { return in.lock.lock() && in.table.lock_shared() ? 0 : 1; });
      demand(sleeper_.result() < 2, "the next one waits for a dead one");
      settle(here().lock);  // whoever waited to write had the gate
      const bool died_inside = !settle(here().table);
      return died_inside ? "died at the gate" : read(here().ready) == 1 ? "gave up" : "nothing";
    });
  }

 private:
  what how_;
  sync::guard held_;
  sync::shared_guard reads_;
};

// Repairs what a dead one left.
class repairing : public on_an_object {
 public:
  void fresh() override {
    on_an_object::fresh();
    os::testing::forked dead([&] {
      const auto mine = open();
      auto held = at(mine).lock.lock().or_throw();
      write(at(mine).inside, 1);
      write(at(mine).left_side, 35);
      ::raise(SIGKILL);
      return 0;
    });
    dead.wait();
  }
  void victim() override {
    const auto mine = open();
    begin();
    auto held = at(mine).lock.lock_or_recover([&] { repair_all(at(mine)); }).or_throw();
    held.unlock();
    end();
  }
  void partner() override { victim(); }
  verdict judge() override {
    return judged([&] {
      const bool healthy = settle(here().lock);
      demand(read(here().left_side) == 35, "repaired twice, to something else");
      return healthy ? "repaired" : "still to be repaired";
    });
  }
};

class reading : public on_an_object {
 public:
  void victim() override {
    const auto mine = open();
    begin();
    read_once(at(mine));
    end();
  }
  void partner() override {
    const auto mine = open();
    begin();
    write_once(at(mine));
    end();
  }
  std::string while_stopped() override {
    return complaint([&] {
      auto tried = here().table.try_lock_shared();
      demand(tried.has_value(), "one reader keeps another out: " + (tried ? "" : tried.error().message()));
    });
  }
  verdict judge() override {
    return judged([&] {
      // A dead partner, a writer, leaves it dirty; a dead reader never does.
      const bool healthy = settle(here().table);
      return !healthy ? "a writer died" : read(here().ready) == 1 ? "read" : "nothing";
    });
  }

 private:
  static void read_once(bank& in) {
    auto held = in.table.lock_shared();
    if (held.failed_with(errc::owner_died)) return;  // the partner was killed
    held.or_throw();
    demand_whole(in);
    write(in.ready, 1);
  }
  static void write_once(bank& in) {
    auto held = in.table.lock().or_throw();
    write(in.inside, 1);
    write(in.inside, 0);
  }
};

class waiting_for_condition : public on_an_object {
 public:
  void victim() override {
    const auto mine = open();
    begin();
    auto held = at(mine).lock.lock().or_throw();
    const auto waited = at(mine).changed.wait_for(held, 100us, [&] { return read(at(mine).ready) == 9; });
    write(at(mine).ready, waited.failed_with(errc::timed_out) && held ? 1 : 2);
    held.unlock();
    end();
  }
  verdict judge() override {
    return judged([&] {
      demand(read(here().ready) != 2, "it came back without the lock, or too early");
      const bool waited = read(here().ready) == 1;
      const bool healthy = settle(here().lock);
      sleeper_.start([&](bank& in) {
        auto held = in.lock.lock();
        return held && in.changed.wait(*held, [&] { return read(in.ready) == 7; }) ? 0 : 1;
      });
      {
        auto held = here().lock.lock().or_throw();
        write(here().ready, 7);
      }
      here().changed.notify_all();
      demand(sleeper_.result() == 0, "one who waits after it does not wake");
      return !healthy ? "died inside" : waited ? "waited" : "nothing";
    });
  }
};

class notifying : public on_an_object {
 public:
  void fresh() override {
    on_an_object::fresh();
    sleeper_.start([&](bank& in) {
      auto held = in.lock.lock().or_throw();
      write(in.ready, 1);
      const auto waited = in.changed.wait(held, [&] { return read(in.ready) == 7; });
      return waited ? 0 : waited.failed_with(errc::owner_died) && !held ? 1 : 2;
    });
    while (read(here().ready) == 0) ::poll(nullptr, 0, 0);
  }
  void victim() override {
    const auto mine = open();
    begin();
    make_it_so(at(mine));
    end();
  }
  verdict judge() override {
    return judged([&] {
      const bool done = read(here().ready) == 7;
      const bool healthy = settle(here().lock);
      if (!done) make_it_so(here());
      const int got = sleeper_.result();
      demand(got == 0 || got == 1, "the sleeper: " + std::to_string(got));
      return !healthy ? "died inside" : done ? "notified" : "nothing";
    });
  }

 private:
  static void make_it_so(bank& in) {
    auto held = in.lock.lock().or_throw();
    write(in.ready, 7);
    held.unlock();
    in.changed.notify_all();
  }
};

}  // namespace

void add_lock_operations(entries& all) {
  using transfers = transferring::way;
  using vain = waiting_in_vain::what;
  all.push_back(row<transferring>("mutex: lock, unlock", steps | pairs | stops, transfers::lock));
  all.push_back(row<transferring>("mutex: try_lock, unlock", steps | stops, transfers::try_lock));
  all.push_back(row<handing_over>("mutex: unlock, to one who sleeps", steps, false));
  all.push_back(row<waiting_in_vain>("mutex: lock, in vain", steps, vain::mutex));
  all.push_back(row<repairing>("mutex: lock_or_recover", steps | pairs));
  all.push_back(row<transferring>("rwlock: lock, unlock", steps | pairs | stops, transfers::rwlock));
  all.push_back(row<reading>("rwlock: lock_shared, unlock", steps | pairs | stops));
  all.push_back(row<handing_over>("rwlock: unlock, to a reader who sleeps", steps, true));
  all.push_back(row<waiting_in_vain>("rwlock: lock, in vain", steps, vain::write));
  all.push_back(row<waiting_in_vain>("rwlock: lock_shared, in vain", steps, vain::read));
  all.push_back(row<waiting_for_condition>("condition: wait", steps));
  all.push_back(row<notifying>("condition: notify", steps));
}

}  // namespace transom::step
