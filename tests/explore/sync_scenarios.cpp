// tests/explore/sync_scenarios.cpp - event, latest and semaphore of transom/sync, as they ship: nobody sleeps through
// what he waits for, no reader keeps a mixture, and a permit comes back once, whoever dies.
#include "tests/explore/sync_room.hpp"
#include "tests/explore/world.hpp"
#include "transom/sync/event.hpp"
#include "transom/sync/latest.hpp"
#include "transom/sync/semaphore.hpp"

namespace transom::explore {

namespace {

struct square {
  sync::event happened;
  std::array<plain<int>, 2> payload;
};

template <int Notifiers, int Waiters>
void build_event(world& w) {
  auto& shared = w.make<square>();
  w.name(&shared.happened, "event");
  for (std::size_t i = 0; i < Notifiers; ++i)
    w.thread(i == 0 ? "notifier 0" : "notifier 1", [&shared, i] {
      shared.payload[i].write(7);
      shared.happened.notify();
    });
  for (int i = 0; i < Waiters; ++i)
    w.thread(i == 0 ? "waiter 0" : "waiter 1", [&shared] {
      for (std::uint32_t seen = 0; seen != Notifiers;) seen = *shared.happened.wait(seen);
      for (std::size_t n = 0; n < Notifiers; ++n)
        expect(shared.payload[n].read() == 7, "what was done before is there");
    });
}

using pair = std::array<std::uint64_t, 2>;
struct board {
  sync::latest<pair> value;
  plain<int> payload;
};

void read_and_judge(board& shared) {
  if (shared.value.version() > 0) expect(shared.payload.read() == 7, "what was done before its version is there");
  const auto [seen, version] = shared.value.load_with_version();
  expect(seen[0] == seen[1], "a mixture");
  expect(seen[0] == version, "the value of another version");
  if (version > 0) expect(shared.payload.read() == 7, "what was done before is there");
}

template <int Readers, int Values, bool Dies>
void build_latest(world& w) {
  auto& shared = w.make<board>();
  w.name(&shared.value, "version");
  const std::size_t writer = w.thread("writer",
                                      [&shared] {
                                        shared.payload.write(7);
                                        for (std::uint64_t n = 1; n <= Values; ++n) shared.value.store({n, n});
                                      },
                                      {.may_die = Dies});
  if (Dies)
    w.thread("successor", [&shared, writer] {
      if (!await_end(writer)) return;
      const std::uint64_t next = shared.value.version() + 1;
      if (next <= Values) shared.value.store({next, next});
    });
  for (int i = 0; i < Readers; ++i) w.thread("reader", [&shared] { read_and_judge(shared); });
}

void build_latest_waited_for(world& w) {
  auto& shared = w.make<board>();
  w.name(&shared.value, "version");
  w.thread("writer", [&shared] {
    shared.payload.write(7);
    shared.value.store({1, 1});
    shared.value.store({2, 2});
  });
  w.thread("reader", [&shared] {
    for (std::uint64_t seen = 0; seen != 2;) {
      seen = *shared.value.wait(seen);
      expect(shared.payload.read() == 7, "what was done before it was woken is there");
    }
    read_and_judge(shared);
  });
}

struct store_room {
  sync::semaphore there{0};
  std::array<plain<int>, 2> payload;
};

template <int Takers>
void build_semaphore(world& w) {
  auto& shared = w.make<store_room>();
  const auto sit = make_room(w, &shared, sizeof shared);
  w.name(&shared.there, "semaphore");
  w.thread("giver", [&shared, sit] {
    sit(0);
    shared.payload[0].write(7);
    shared.there.release();
    if (Takers > 1) shared.there.release();
  });
  for (std::size_t i = 0; i < Takers; ++i)
    w.thread(i == 0 ? "taker 0" : "taker 1", [&shared, sit, i] {
      sit(static_cast<unsigned>(i) + 1);
      expect(shared.there.acquire().has_value(), "acquired");
      expect(shared.payload[0].read() == 7, "what was done before is there");
    });
  w.at_end([&shared] { return shared.there.value() == 0 ? "" : "taken twice, or not at all"; });
}

struct workshop {
  sync::semaphore places{1};
  plain<int> inside;
};

template <int Holders, bool Dies>
void build_permit(world& w) {
  auto& shared = w.make<workshop>();
  const auto sit = make_room(w, &shared, sizeof shared);
  w.name(&shared.places, "semaphore");
  std::size_t first = 0;
  for (std::size_t i = 0; i < Holders; ++i) {
    const std::size_t made = w.thread(i == 0 ? "holder 0" : "holder 1",
                                      [&shared, sit, i] {
                                        sit(static_cast<unsigned>(i));
                                        auto mine = shared.places.hold();
                                        expect(mine.has_value(), "held");
                                        if (!Dies) shared.inside.write(shared.inside.read() + 1);
                                        mine->release();
                                      },
                                      {.may_die = Dies && i == 0});
    if (i == 0) first = made;
  }
  if (Dies)
    w.thread("settler", [&shared, sit, first] {
      const bool died = await_end(first);
      sit(3);
      if (died) settle_for_the_dead(0);
    });
  w.at_end([&shared]() -> std::string {
    if (shared.places.value() != 1) return "a permit is lost, or there twice";
    return Dies || shared.inside.read() == Holders ? "" : "two were inside";
  });
}

// The same as a lock: by acquire(), and by one of them by hold(), which leave the count as it was.
template <bool Holds>
void build_turns(world& w) {
  auto& shared = w.make<workshop>();
  const auto sit = make_room(w, &shared, sizeof shared);
  w.name(&shared.places, "semaphore");
  for (std::size_t i = 0; i < 2; ++i)
    w.thread(i == 0 ? "taker 0" : "taker 1", [&shared, sit, i] {
      sit(static_cast<unsigned>(i));
      if (Holds && i == 0) {
        auto mine = shared.places.hold();
        shared.inside.write(shared.inside.read() + 1);
        return;
      }
      expect(shared.places.acquire().has_value(), "acquired");
      shared.inside.write(shared.inside.read() + 1);
      shared.places.release();
    });
  w.at_end([&shared] { return shared.places.value() == 1 && shared.inside.read() == 2 ? "" : "two were inside"; });
}

// One who has a permit of two dies, while the other's step replaces the tag and a third one settles.
void build_helping(world& w) {
  auto& places = w.make<sync::semaphore>(2u);
  const auto sit = make_room(w, &places, sizeof places);
  w.name(&places, "semaphore");
  const std::size_t dying = w.thread("holder 0",
                                     [&places, sit] {
                                       sit(0);
                                       auto mine = places.hold();
                                     },
                                     {.may_die = true});
  w.thread("holder 1", [&places, sit] {
    sit(1);
    auto mine = places.hold();
  });
  w.thread("settler", [sit, dying] {
    const bool died = await_end(dying);
    sit(3);
    if (died) settle_for_the_dead(0);
  });
  w.at_end([&places] { return places.value() == 2 ? "" : "a permit is lost, or there twice"; });
}

// A note goes from one semaphore to another, and the tag it left at the first is helped.
struct two_semaphores {
  sync::semaphore first{1}, second{1};
};

void build_two_semaphores(world& w) {
  auto& both = w.make<two_semaphores>();
  const auto sit = make_room(w, &both, sizeof both);
  w.name(&both.first, "first");
  w.name(&both.second, "second");
  w.thread("holder 0", [&both, sit] {
    sit(0);
    for (sync::semaphore* one : {&both.first, &both.second}) auto mine = one->hold();
  });
  w.thread("holder 1", [&both, sit] {
    sit(1);
    auto mine = both.first.hold();
  });
  w.at_end([&both] {
    return both.first.value() == 1 && both.second.value() == 1 ? "" : "a permit is lost, or there twice";
  });
}

}  // namespace

std::vector<scenario> sync_scenarios() {
  return {{"event: one waiter, two notifiers", "event", build_event<2, 1>, false, 0, 1},
          {"event: two waiters, one notifier", "event", build_event<1, 2>, false, 0, 1},
          {"latest: three values, one reader", "latest", build_latest<1, 3, false>, false, 0, 0},
          {"latest: two values, two readers", "latest", build_latest<2, 2, false>, false, 0, 0},
          {"latest: the writer is killed", "latest", build_latest<1, 2, true>, false, 1, 0},
          {"latest: waited for", "latest", build_latest_waited_for, false, 0, 1},
          {"semaphore: one taker", "semaphore", build_semaphore<1>, false, 0, 1},
          {"semaphore: two takers, two releases", "semaphore", build_semaphore<2>, false, 0, 0},
          {"semaphore: two who take turns", "semaphore", build_turns<false>, false, 0, 0},
          {"semaphore: one acquires, one holds", "semaphore", build_turns<true>, false, 0, 0},
          {"permit: one note for two semaphores", "semaphore", build_two_semaphores, false, 0, 0},
          {"permit: a holder is killed while another helps", "semaphore", build_helping, false, 1, 0},
          {"permit: two holders", "semaphore", build_permit<2, false>, false, 0, 0},
          {"permit: a holder is killed and settled", "semaphore", build_permit<1, true>, false, 1, 0},
          {"permit: a holder is killed beside another", "semaphore", build_permit<2, true>, false, 1, 0}};
}

}  // namespace transom::explore
