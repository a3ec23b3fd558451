// tests/explore/doorbell_scenarios.cpp - nobody sleeps through a ring of transom/sync/doorbell.hpp.
#include "tests/explore/world.hpp"
#include "transom/sync/doorbell.hpp"

namespace transom::explore {

namespace {

struct door {
  sync::doorbell bell;
  std::array<sync::atomic<std::uint32_t>, 2> published;
  std::array<plain<int>, 2> payload;
};

// Two ringers publish one thing each, the second one rings as those do who clean up; `sleepers` wait for both.
template <int Sleepers, bool Loudly>
void build_door(world& w) {
  auto& shared = w.make<door>();
  w.name(&shared.bell, "bell");
  w.name(&shared.published[0], "published 0");
  w.name(&shared.published[1], "published 1");
  for (std::size_t i = 0; i < 2; ++i)
    w.thread(i == 0 ? "ringer 0" : "ringer 1", [&shared, i] {
      shared.payload[i].write(7);
      shared.published[i].store(1, sync::release);
      if (Loudly && i == 1) shared.bell.ring_loudly();
      else shared.bell.ring();
    });
  for (int sleeper = 0; sleeper < Sleepers; ++sleeper)
    w.thread(sleeper == 0 ? "sleeper 0" : "sleeper 1", [&shared] {
      for (std::size_t i = 0; i < 2; ++i) {
        const auto ready = [&] { return shared.published[i].load(sync::acquire) != 0; };
        while (!ready()) shared.bell.wait(ready, {});
        expect(shared.payload[i].read() == 7, "the payload is there");
      }
    });
}

}  // namespace

std::vector<scenario> doorbell_scenarios() {
  return {{"doorbell: one sleeper, two ringers", "doorbell", build_door<1, false>, false, 0, 1},
          {"doorbell: one sleeper, one of two rings loudly", "doorbell", build_door<1, true>, false, 0, 1},
          {"doorbell: two sleepers, two ringers", "doorbell", build_door<2, false>, false, 0, 0}};
}

}  // namespace transom::explore
