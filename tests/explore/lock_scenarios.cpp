// tests/explore/lock_scenarios.cpp - mutex, rwlock and condition of transom/sync, as they ship: two are never inside,
// what one did the next one sees, nobody sleeps through his turn, and a death is nobody's end but the dead one's.
#include "tests/explore/sync_room.hpp"
#include "tests/explore/world.hpp"
#include "transom/sync/condition.hpp"
#include "transom/sync/mutex.hpp"
#include "transom/sync/rwlock.hpp"

namespace transom::explore {

namespace {

const char* const names[] = {"user 0", "user 1", "user 2"};

struct vault {
  sync::mutex lock;
  plain<int> here, there;
};

void use(vault& shared) {
  const int now = shared.here.read();
  expect(now == shared.there.read(), "what is inside is whole");
  shared.here.write(now + 1);
  shared.there.write(now + 1);
}

// Everybody counts once. With deaths: whoever finds a dead one's half repairs it.
template <int Users, bool Dies>
void build_mutex(world& w) {
  auto& shared = w.make<vault>();
  const auto sit = make_room(w, &shared, sizeof shared, true);
  w.name(&shared.lock, "mutex");
  for (unsigned i = 0; i < Users; ++i)
    w.thread(names[i],
             [&shared, sit, i] {
               sit(i);
               auto held = shared.lock.lock();
               if (Dies && held.failed_with(errc::owner_died))
                 held = shared.lock.lock_or_recover([&] { shared.there.write(shared.here.read()); });
               expect(held.has_value(), "it is had in the end");
               use(shared);
             },
             {.may_die = Dies && i == 0});
  w.at_end([&shared] { return !shared.lock.is_dirty() || Dies ? "" : "dirty although nobody died"; });
}

// A lock taken without the others who wait (glibc bug 20973): the second wake never comes.
struct lonely_lock {
  sync::atomic<std::uint32_t> word{0};
  void lock() {
    for (std::uint32_t free = 0; !word.compare_exchange(free, 1, sync::acquire, sync::relaxed); free = 0) {
      if (free == 1 && !word.compare_exchange(free, 2, sync::relaxed, sync::relaxed)) continue;
      os::futex_wait(&word, 2, {});
    }
  }
  void unlock() {
    if (word.exchange(0, sync::release) == 2) os::futex_wake(&word, 1);
  }
};
void build_lonely(world& w) {
  auto& shared = w.make<lonely_lock>();
  for (const char* name : names)
    w.thread(name, [&shared] {
      shared.lock();
      shared.unlock();
    });
}

struct library {
  sync::rwlock lock;
  plain<int> here, there;
};

template <int Readers, int Writers, bool Dies>
void build_rwlock(world& w) {
  auto& shared = w.make<library>();
  const auto sit = make_room(w, &shared, sizeof shared, true);
  w.name(&shared.lock, "gate");
  for (unsigned i = 0; i < Readers; ++i)
    w.thread(i == 0 ? "reader 0" : "reader 1",
             [&shared, sit, i] {
               sit(i);
               const auto held = shared.lock.lock_shared();
               expect(held.has_value(), "read");
               expect(shared.here.read() == shared.there.read(), "what is read is whole");
             },
             {.may_die = Dies && i == 0});
  for (unsigned i = Readers; i < Readers + Writers; ++i)
    w.thread("writer", [&shared, sit, i] {
      sit(i);
      const auto held = shared.lock.lock();
      expect(held.has_value(), "to write");
      shared.here.write(shared.here.read() + 1);
      shared.there.write(shared.there.read() + 1);
    });
}

// Somebody else finds out that the reader is dead.
void build_settled_reader(world& w) {
  auto& shared = w.make<library>();
  const auto sit = make_room(w, &shared, sizeof shared);
  w.name(&shared.lock, "gate");
  const std::size_t reader = w.thread("reader",
                                      [&shared, sit] {
                                        sit(0);
                                        const auto held = shared.lock.lock_shared();
                                        expect(held.has_value(), "read");
                                        expect(shared.here.read() == shared.there.read(), "what is read is whole");
                                      },
                                      {.may_die = true});
  w.thread("writer", [&shared, sit] {
    sit(1);
    const auto held = shared.lock.lock();
    expect(held.has_value(), "to write");
    shared.here.write(1);
    shared.there.write(1);
  });
  w.thread("settler", [sit, reader] {
    const bool died = await_end(reader);
    sit(2);
    if (died) settle_for_the_dead(0);
  });
}

// Each has one and wants the other's.
template <typename Lock>
struct two_locks {
  Lock first{sync::report_deadlocks{}}, second{sync::report_deadlocks{}};
  sync::atomic<std::uint32_t> told{0};
};
result<sync::guard> want(sync::mutex& lock) { return lock.lock(); }
result<sync::shared_guard> want(sync::rwlock& lock) { return lock.lock_shared(); }

template <typename Lock>
void cross(two_locks<Lock>& shared, Lock& mine, Lock& other) {
  const auto held = mine.lock();
  expect(held.has_value(), "the first one is to be had");
  const auto wanted = want(other);
  expect(wanted.has_value() || wanted.failed_with(errc::would_deadlock), "had, or told why not");
  if (!wanted) shared.told.fetch_add(1, sync::relaxed);
}
template <typename Lock>
void build_cycle(world& w) {
  auto& shared = w.make<two_locks<Lock>>();
  const auto sit = make_room(w, &shared, sizeof shared, true);
  w.name(&shared.first, "first");
  w.name(&shared.second, "second");
  w.thread("one", [&shared, sit] {
    sit(0);
    cross(shared, shared.first, shared.second);
  });
  w.thread("other", [&shared, sit] {
    sit(1);
    cross(shared, shared.second, shared.first);
  });
}

struct waiting_room {
  sync::mutex lock;
  sync::condition changed;
  plain<int> ready;
};

void build_condition(world& w) {
  auto& shared = w.make<waiting_room>();
  const auto sit = make_room(w, &shared, sizeof shared, true);
  w.thread("waiter", [&shared, sit] {
    sit(0);
    auto held = shared.lock.lock();
    expect(held.has_value(), "locked");
    expect(shared.changed.wait(*held, [&] { return shared.ready.read() == 1; }).has_value(), "it became so");
  });
  w.thread("notifier", [&shared, sit] {
    sit(1);
    {
      const auto held = shared.lock.lock();
      expect(held.has_value(), "locked");
      shared.ready.write(1);
    }
    shared.changed.notify_all();
  });
}

}  // namespace

std::vector<scenario> lock_scenarios() {
  return {
      {"mutex: two users", "mutex", build_mutex<2, false>, false, 0, 1},
      {"mutex: three users", "mutex", build_mutex<3, false>, false, 0, 0},
      {"mutex: one of two dies", "mutex", build_mutex<2, true>, false, 1, 0},
      {"mutex: one of three dies", "mutex", build_mutex<3, true>, false, 1, 0},
      {"mutex: control, taken without the others who wait", "mutex", build_lonely, true, 0, 0},
      {"rwlock: a reader and a writer", "rwlock", build_rwlock<1, 1, false>, false, 0, 0},
      {"rwlock: two readers and a writer", "rwlock", build_rwlock<2, 1, false>, false, 0, 0},
      {"rwlock: a reader and two writers", "rwlock", build_rwlock<1, 2, false>, false, 0, 0},
      {"rwlock: a reader dies", "rwlock", build_rwlock<1, 1, true>, false, 1, 0},
      {"rwlock: a reader dies, and a third one settles it", "rwlock", build_settled_reader, false, 1, 0},
      {"mutex: two who would wait for each other", "mutex", build_cycle<sync::mutex>, false, 0, 0},
      {"rwlock: two who want to read what the other writes", "rwlock", build_cycle<sync::rwlock>, false, 0, 0},
      {"condition: one waits, one makes it so", "condition", build_condition, false, 0, 0},
  };
}

}  // namespace transom::explore
