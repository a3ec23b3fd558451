// tests/explore/ring_scenarios.cpp - the touchstone: a small ring that is right, with every death of its consumer, and
// two that are not.
#include "tests/explore/ring_example.hpp"
#include "tests/explore/world.hpp"
#include "transom/sync/backoff.hpp"

namespace transom::explore {

namespace {

constexpr std::uint64_t messages = 3, first_value = 100;

struct ring_world {
  ring lane;
  sync::atomic<std::uint64_t> shown;  // what the user of the consumer did about it, and cannot take back
  std::uint64_t shown_before = 0;
  std::array<bool, messages> acknowledging{}, again{}, marked{};
};

enum class flaw { none, publishes_early, takes_late };

template <flaw Flaw>
void produce(ring& r) {
  for (std::uint64_t n = 0; n < messages; ++n) {
    while (n - acknowledged(r) >= 2) sync::relax();
    ring_slot& slot = r.slots[n % 2];
    if (Flaw == flaw::publishes_early) publish(slot, n);
    slot.payload.write(first_value + n);
    if (Flaw != flaw::publishes_early) publish(slot, n);
  }
}

template <flaw Flaw>
void consume(ring_world& shared) {
  ring& r = shared.lane;
  for (std::uint64_t n = 0; n < messages; ++n) {
    while (!published(r.slots[n % 2], n)) sync::relax();
    if (Flaw != flaw::takes_late) about_to_show(r, n);
    expect(r.slots[n % 2].payload.read() == first_value + n, "in order, once each");
    shared.shown.store(n + 1, sync::relaxed);
    if (Flaw == flaw::takes_late) about_to_show(r, n);
    shared.acknowledging[n] = true;
    acknowledge(r, n);
  }
}

void succeed(ring_world& shared) {
  ring& r = shared.lane;
  const std::uint64_t taken = r.taken.load(sync::relaxed);
  shared.shown_before = shared.shown.load(sync::relaxed);
  for (std::uint64_t n = acknowledged(r); n < messages; ++n) {
    while (!published(r.slots[n % 2], n)) sync::relax();
    expect(r.slots[n % 2].payload.read() == first_value + n, "in order, once each");
    shared.again[n] = true;
    shared.marked[n] = n < taken;
    acknowledge(r, n);
  }
}

template <flaw Flaw>
void build_ring(world& w) {
  auto& shared = w.make<ring_world>();
  w.name(&shared.lane.head, "head");
  w.name(&shared.lane.taken, "taken");
  w.name(&shared.shown, "shown");
  w.thread("producer", [&shared] { produce<Flaw>(shared.lane); });
  const std::size_t first = w.thread("consumer", [&shared] { consume<Flaw>(shared); }, {.may_die = true});
  w.thread("successor", [&shared, first] {
    if (await_end(first)) succeed(shared);
  });
  w.at_end([&shared]() -> std::string {
    for (std::size_t n = 0; n < messages; ++n) {
      if (n < shared.shown_before && shared.again[n] && !shared.marked[n])
        return "a message that was shown comes as new";
      if (!shared.acknowledging[n] && !shared.again[n]) return "a message is lost";
    }
    return "";
  });
}

}  // namespace

std::vector<scenario> ring_scenarios() {
  return {{"ring: the consumer is killed", "ring", build_ring<flaw::none>, false, 1, 0},
          {"ring: control, published before it is written", "ring", build_ring<flaw::publishes_early>, true, 1, 0},
          {"ring: control, shown before it is marked as taken", "ring", build_ring<flaw::takes_late>, true, 1, 0}};
}

}  // namespace transom::explore
