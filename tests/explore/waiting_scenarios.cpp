// tests/explore/waiting_scenarios.cpp - nobody sleeps through a ring of transom/sync/waiting.hpp, whoever fences for
// whom; and three sleepers with one flaw each, which must be found.
#include "tests/explore/world.hpp"
#include "transom/sync/waiting.hpp"

namespace transom::explore {

namespace {

struct place_to_wait {
  sync::wait_word waits;
  sync::bell_word bell;
  sync::atomic<std::uint32_t> descriptor;  // as an eventfd(2)
  std::array<sync::atomic<std::uint32_t>, 2> published;
  std::array<plain<std::uint32_t>, 8> payload;

  plain<std::uint32_t>& of(std::size_t ringer, std::uint32_t message) { return payload[ringer * 4 + message]; }
};

struct setting {
  std::size_t ringers = 1;
  std::uint32_t messages = 2;  // of each ringer
  bool by_descriptor = false, second_rings_again = false, loudly = false, may_die = false;
  bool sleeper_registered = true, ringer_registered = true;
  bool switches = false;  // the sleeper lets its ringers fence before one wait and not before the next
  bool succeeds = false;  // the sleeper follows one that was registered; ringers may have attached before
};

struct shipping_sleeper : sync::sleeper {
  using sync::sleeper::sleeper;
};

// What sync::sleeper would be without one of its parts.
enum class flaw { look_again, bell_first, count };
template <flaw Missing>
class flawed_sleeper {
 public:
  flawed_sleeper(sync::wait_word& mine, const sync::bell_word& rung) : word_(mine), bell_(rung) {}
  template <typename Ready>
  void wait(Ready ready, os::bound limit) {
    std::uint32_t seen = bell_.value.load(sync::relaxed);
    if (Missing != flaw::count) count_ += sync::wait_word::one_announcement;
    word_.value.store(count_ | sync::wait_word::asleep, sync::release);
    sync::heavy_fence();
    if (Missing == flaw::bell_first) seen = bell_.value.load(sync::relaxed);
    if (Missing == flaw::look_again || !ready()) os::futex_wait(&bell_.value, seen, limit);
    word_.value.store(count_, sync::relaxed);
  }

 private:
  sync::wait_word& word_;
  const sync::bell_word& bell_;
  std::uint32_t count_ = 0;
};

void ring_descriptor(place_to_wait& shared) {
  shared.descriptor.fetch_add(1, sync::acq_rel);
  os::futex_wake_all(&shared.descriptor);
}

void be_ringer(place_to_wait& shared, std::size_t which, const setting& how) {
  sync::ringer bell(shared.waits, shared.bell);
  for (std::uint32_t message = 0; message < how.messages; ++message) {
    shared.of(which, message).write(message + 7);
    shared.published[which].store(message + 1, sync::release);
    if (how.loudly) shared.bell.ring_loudly();
    else if (how.second_rings_again && which == 1 ? bell.ring_again() : bell.ring()) ring_descriptor(shared);
  }
}

template <typename Sleeper>
void wait_once(Sleeper& me, place_to_wait& shared, const setting& how, auto ready) {
  if constexpr (requires { me.announce(0); }) {
    if (how.by_descriptor) {
      me.announce(sync::wait_word::by_fd);
      if (!ready()) os::futex_wait(&shared.descriptor, 0, {});  // poll(2)
      me.stop_waiting();
      shared.descriptor.exchange(0, sync::acq_rel);
      return;
    }
  }
  me.wait(ready, {});
}

template <typename Sleeper>
void be_sleeper(place_to_wait& shared, const setting& how) {
  Sleeper me(shared.waits, shared.bell);
  if constexpr (requires { me.introduce(); })
    if (how.succeeds) me.introduce();
  std::array<std::uint32_t, 2> taken{};
  std::array<bool, 2> over{};
  bool they_fence = false;
  const auto ready = [&] {
    for (std::size_t i = 0; i < how.ringers; ++i)
      if (shared.published[i].load(sync::acquire) > taken[i]) return true;
    return false;
  };
  for (;;) {
    bool done = true;
    for (std::size_t i = 0; i < how.ringers; ++i) {
      if (how.may_die) over[i] = is_over(i);
      for (const std::uint32_t there = shared.published[i].load(sync::acquire); taken[i] < there; ++taken[i])
        expect(shared.of(i, taken[i]).read() == taken[i] + 7, "the payload is there");
      done = done && (taken[i] == how.messages || over[i]);
    }
    if (done) return;
    if constexpr (requires { me.let_ringers_fence(true); })
      if (how.switches) me.let_ringers_fence(they_fence = !they_fence);
    wait_once(me, shared, how, ready);
  }
}

template <typename Sleeper>
void build_waiting(world& w, const setting& how) {
  auto& shared = w.make<place_to_wait>();
  w.name(&shared.waits, "wait word");
  w.name(&shared.bell, "bell");
  w.name(&shared.descriptor, "descriptor");
  w.name(&shared.published[0], "published 0");
  w.name(&shared.published[1], "published 1");
  w.outside_is_registered(how.sleeper_registered || how.succeeds);
  sync::sleeper(shared.waits, shared.bell).introduce();
  for (std::size_t i = 0; i < how.ringers; ++i)
    w.thread(i == 0 ? "ringer 0" : "ringer 1", [&shared, i, how] { be_ringer(shared, i, how); },
             {.may_die = how.may_die, .registered = how.ringer_registered});
  w.thread("sleeper", [&shared, how] { be_sleeper<Sleeper>(shared, how); },
           {.may_die = false, .registered = how.sleeper_registered});
}

template <typename Sleeper, setting How>
void build(world& w) {
  build_waiting<Sleeper>(w, How);
}

constexpr setting one{}, two{.ringers = 2, .messages = 1},
    again{.ringers = 2, .messages = 1, .second_rings_again = true};
constexpr setting loudly{.loudly = true}, loudly_alone{.loudly = true, .sleeper_registered = false};
constexpr setting three{.messages = 3};
constexpr setting switching{.switches = true}, switching_two{.ringers = 2, .messages = 1, .switches = true};
constexpr setting by_descriptor{.by_descriptor = true}, dying{.ringers = 2, .messages = 1, .may_die = true};
constexpr setting sleeper_alone{.sleeper_registered = true, .ringer_registered = false};
constexpr setting successor_alone{.sleeper_registered = false, .succeeds = true};
constexpr setting ringer_alone{.sleeper_registered = false, .ringer_registered = true};

}  // namespace

std::vector<scenario> waiting_scenarios() {
  using shipping = shipping_sleeper;
  const char* subject = "waiting";
  return {
      {"waiting: one ringer, two messages", subject, build<shipping, one>, false, 0, 1},
      {"waiting: two ringers", subject, build<shipping, two>, false, 0, 1},
      {"waiting: two ringers, one for any thread", subject, build<shipping, again>, false, 0, 0},
      {"waiting: in poll(2)", subject, build<shipping, by_descriptor>, false, 0, 1},
      {"waiting: a ringer without membarrier", subject, build<shipping, sleeper_alone>, false, 0, 0},
      {"waiting: a sleeper without membarrier", subject, build<shipping, ringer_alone>, false, 0, 0},
      {"waiting: a sleeper that lets its ringer fence and no longer", subject, build<shipping, switching>, false, 0, 1},
      {"waiting: a sleeper that lets two ringers fence", subject, build<shipping, switching_two>, false, 0, 0},
      // What a ringer publishes before it has seen that it must fence from now on may ring nobody: the bound covers it.
      {"waiting: a successor without membarrier", subject, build<shipping, successor_alone>, false, 0, 0, true},
      {"waiting: rung loudly", subject, build<shipping, loudly>, false, 0, 0},
      {"waiting: rung loudly, a sleeper without membarrier", subject, build<shipping, loudly_alone>, false, 0, 0},
      {"waiting: a ringer dies", subject, build<shipping, dying>, false, 1, 0},
      {"waiting: control, no second look", subject, build<flawed_sleeper<flaw::look_again>, one>, true, 0, 0},
      {"waiting: control, the bell read after the announcement", subject, build<flawed_sleeper<flaw::bell_first>, one>,
       true, 0, 0},
      {"waiting: control, announcements without a number", subject, build<flawed_sleeper<flaw::count>, three>, true, 0,
       1},
  };
}

}  // namespace transom::explore
