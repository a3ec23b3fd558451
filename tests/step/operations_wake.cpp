// tests/step/operations_wake.cpp - who wakes a sleeper may die between the store, the ring and the wake; a sleeper may
// die before, in and after its sleep. For the doorbell, and for the wait word and bell of a lane (sync/waiting.hpp).
//
// Oracle: whoever sleeps sees what was published at its bound at the latest, and a dead sleeper harms no ringer. The
// control sleeps without a bound.
#include <poll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <chrono>
#include <csignal>

#include "tests/step/fixtures.hpp"
#include "transom/os/process.hpp"
#include "transom/os/testing.hpp"
#include "transom/sync/doorbell.hpp"
#include "transom/sync/event.hpp"
#include "transom/sync/latest.hpp"
#include "transom/sync/waiting.hpp"

namespace transom::step {
namespace {

using namespace std::chrono_literals;

// Both ways to sleep, alike.
struct by_doorbell {
  sync::doorbell bell;
  void prepare() {}
  void ring() { bell.ring(); }
  template <typename Ready>
  void sleep(Ready ready, os::bound limit) {
    bell.wait(ready, limit);
  }
  bool somebody() const { return bell.has_sleepers(); }
};

struct by_wait_word {
  sync::wait_word word;
  sync::bell_word bell;
  sync::ringer ringer;  // each process goes on with its own copy of this one
  void prepare() {
    sync::sleeper(word, bell).introduce();
    ringer = sync::ringer(word, bell);
  }
  void ring() {
    sync::ringer mine = ringer;
    (void)mine.ring();
  }
  template <typename Ready>
  void sleep(Ready ready, os::bound limit) {
    sync::sleeper(word, bell).wait(ready, limit);
  }
  bool somebody() const { return (word.value.load(sync::acquire) & sync::wait_word::asleep) != 0; }
};

// Where the ringer counts, or stores, and the sleeper waits for the next.
struct by_event {
  sync::event counted;
  void prepare() {}
  void ring() { counted.notify(); }
  template <typename Ready>
  void sleep(Ready ready, os::bound limit) {
    const std::uint32_t seen = counted.value();
    if (!ready()) (void)counted.wait_for(seen, limit.at_most);
  }
  bool somebody() const { return (read(reinterpret_cast<const note&>(counted)) & 1) != 0; }
};

struct by_latest {
  sync::latest<std::array<std::uint64_t, 3>> stored;
  void prepare() {}
  void ring() { stored.store({1, 2, 3}); }
  template <typename Ready>
  void sleep(Ready ready, os::bound limit) {
    const std::uint64_t seen = stored.version();
    if (!ready()) (void)stored.wait_for(seen, limit.at_most);
  }
  bool somebody() const { return (read(reinterpret_cast<const note&>(stored)) & 1) != 0; }
};

template <typename Way>
struct state {
  Way way;
  note published;
  bool is_published() const noexcept { return read(published) != 0; }
};

template <typename Way>
class rung : public operation {
 public:
  explicit rung(bool bounded) : bounded_(bounded) {}
  void fresh() override {
    sleeper_.reset();
    state_.renew().way.prepare();
    const os::bound limit{bounded_ ? std::chrono::nanoseconds(20ms) : std::chrono::nanoseconds(1h)};
    sleeper_ = std::make_unique<os::testing::forked>([this, limit] {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      while (!state_->is_published()) state_->way.sleep([&] { return state_->is_published(); }, limit);
      return 0;
    });
    while (!state_->way.somebody()) ::poll(nullptr, 0, 0);
  }
  void victim() override {
    begin();
    publish();
    end();
  }
  verdict judge() override {
    return judged([&] {
      const bool published = state_->is_published();
      if (!published) publish();
      demand(ends(bounded_ ? 5s : 200ms), "stranded: it sleeps although its condition holds");
      sleeper_.reset();
      return published ? "published" : "nothing";
    });
  }

 private:
  void publish() {
    write(state_->published, 1);
    state_->way.ring();
  }
  bool ends(std::chrono::milliseconds time) {
    const auto handle = os::process::open(sleeper_->pid()).or_throw();
    return handle.wait_ended(patience::until_time(deadline::after(time))).has_value();
  }
  bool bounded_;
  shared<state<Way>> state_;
  std::unique_ptr<os::testing::forked> sleeper_;
};

template <typename Way>
class waited_for : public operation {
 public:
  void fresh() override { state_.renew().way.prepare(); }
  void victim() override {
    begin();
    state_->way.sleep([&] { return state_->is_published(); }, os::bound{100us});
    end();
  }
  void partner() override {
    begin();
    write(state_->published, 1);
    state_->way.ring();
    end();
  }
  // Whoever sleeps here next is woken by a ring, whatever the dead one left behind.
  verdict judge() override {
    return judged([&] {
      const bool announced = state_->way.somebody();
      for (int lap = 0; lap < 3; ++lap) {
        write(state_->published, 0);
        os::testing::forked sleeper([&] {
          ::prctl(PR_SET_PDEATHSIG, SIGKILL);
          while (!state_->is_published()) state_->way.sleep([&] { return state_->is_published(); }, os::bound{20ms});
          return 0;
        });
        write(state_->published, 1);
        state_->way.ring();
        demand(sleeper.wait() == 0, "a sleeper after it does not wake");
      }
      return announced ? "announced" : "nothing";
    });
  }

 private:
  shared<state<Way>> state_;
};

}  // namespace

void add_wake_operations(entries& all) {
  all.push_back(row<rung<by_doorbell>>("doorbell: ring", steps, true));
  all.push_back(row<waited_for<by_doorbell>>("doorbell: wait", steps | pairs));
  all.push_back(row<rung<by_wait_word>>("wait word: ring", steps, true));
  all.push_back(row<waited_for<by_wait_word>>("wait word: wait", steps | pairs));
  all.push_back(row<rung<by_event>>("event: notify", steps, true));
  all.push_back(row<waited_for<by_event>>("event: wait", steps | pairs));
  all.push_back(row<rung<by_latest>>("latest: store for a sleeper", steps, true));
  all.push_back(row<waited_for<by_latest>>("latest: wait", steps | pairs));
  all.push_back(control<rung<by_doorbell>>("sleep without a bound", steps, false));
}

}  // namespace transom::step
