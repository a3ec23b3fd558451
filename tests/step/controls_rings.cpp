// tests/step/controls_rings.cpp - rings as they are often written, each with one fault that the harness has to find,
// beside the same ring without it, which has to pass.
//
// One ring of four slots that has been round once, so that each slot holds old bytes. A message is a number, seven
// times: a mixture is torn.
#include <algorithm>
#include <array>
#include <vector>

#include "tests/step/fixtures.hpp"

namespace transom::step {
namespace {

using sync::acquire;
using sync::relaxed;
using sync::release;

constexpr std::uint64_t slot_count = 4;
using payload = std::array<note, 7>;

void fill(payload& into, std::uint64_t number) {
  for (auto& word : into) word.store(number, relaxed);
}
std::uint64_t whole(const payload& from) {
  const std::uint64_t number = from[0].load(relaxed);
  for (const auto& word : from) demand(word.load(relaxed) == number, "a torn message");
  return number;
}

struct slot {
  note seq;
  payload bytes;
};

// One producer, one consumer: the ring of docs/STYLE.md.
struct single_ring {
  note head, taken;
  slot slots[slot_count];
  note shown;  // the message the consumer acted upon, plus one

  slot& at(std::uint64_t n) { return slots[n % slot_count]; }
  void send(std::uint64_t n, bool early) {
    if (early) {
      at(n).seq.store(n + 1, release);
      sync::kill_fence();
    }
    fill(at(n).bytes, n);
    if (!early) at(n).seq.store(n + 1, release);
  }
  bool there(std::uint64_t n) { return at(n).seq.load(acquire) == n + 1; }
  void receive(std::uint64_t n, bool late) {
    if (!there(n)) return;
    if (!late) {
      taken.store(n + 1, relaxed);
      sync::kill_fence();
    }
    write(shown, whole(at(n).bytes) + 1);
    sync::kill_fence();
    if (late) {
      taken.store(n + 1, relaxed);
      sync::kill_fence();
    }
    head.store(n + 1, release);
  }
  // The successors: first what is there, then three laps.
  std::vector<std::uint64_t> drain() {
    std::vector<std::uint64_t> got;
    for (std::uint64_t n = head.load(acquire); there(n); ++n) {
      got.push_back(whole(at(n).bytes));
      demand(got.back() == n, "a message of another number");
      receive(n, false);
    }
    return got;
  }
  void laps() {
    const std::uint64_t first = head.load(acquire);
    for (std::uint64_t n = first; n < first + 3 * slot_count; ++n) {
      send(n, false);
      demand(drain() == std::vector{n}, "a message sent afterwards does not arrive");
    }
  }
};

class single_send : public operation {
 public:
  explicit single_send(bool early) : early_(early) {}
  void fresh() override {
    ring_.renew();
    for (std::uint64_t n = 0; n < 6; ++n) {
      ring_->send(n, false);
      if (n < 5) ring_->receive(n, false);
    }
  }
  void victim() override {
    begin();
    ring_->send(6, early_);
    end();
  }
  verdict judge() override {
    return judged([&] {
      const auto got = ring_->drain();
      demand(!got.empty() && got.size() <= 2, "the message before it is lost");
      ring_->laps();
      return got.size() == 2 ? "sent" : "nothing";
    });
  }

 private:
  bool early_;
  shared<single_ring> ring_;
};

class single_receive : public operation {
 public:
  explicit single_receive(bool late) : late_(late) {}
  void fresh() override {
    ring_.renew();
    for (std::uint64_t n = 0; n < 6; ++n) {
      ring_->send(n, false);
      if (n < 5) ring_->receive(n, false);
    }
    write(ring_->shown, 0);
  }
  void victim() override {
    begin();
    ring_->receive(5, late_);
    end();
  }
  verdict judge() override {
    return judged([&] {
      const std::uint64_t head = read(ring_->head), taken = read(ring_->taken), shown = read(ring_->shown);
      if (head == 5) demand(shown == 0 || taken == 6, "shown, and not marked as redelivered when it comes again");
      const auto again = ring_->drain();
      demand(again.size() == (head == 5 ? 1u : 0u), "lost");
      ring_->laps();
      return head == 6 ? "acknowledged" : taken == 6 ? "redelivered" : "nothing";
    });
  }

 private:
  bool late_;
  shared<single_ring> ring_;
};

// Many producers. Naive: the tail is moved first, and the slot written after it: who dies in between leaves a hole
// at which everybody waits. Otherwise the slot itself is reserved; then the tail is a hint that others must help
// along, and one variant leaves that to a reaper.
struct many_ring {
  enum state : std::uint64_t { free, reserved, committed };
  note head, tail;
  slot slots[slot_count];  // seq: number * 4 + state
  note sent;

  note& word(std::uint64_t n) { return slots[n % slot_count].seq; }
  bool move(note& from, std::uint64_t old, std::uint64_t next) {
    return from.compare_exchange(old, next, sync::acq_rel, relaxed);
  }
  void send_naively(std::uint64_t number) {
    std::uint64_t t = tail.load(relaxed);
    while (!move(tail, t, t + 1)) t = tail.load(relaxed);
    fill(slots[t % slot_count].bytes, number);
    word(t).store(t * 4 + committed, release);
  }
  void send(std::uint64_t number, bool helping) {
    for (;;) {
      const std::uint64_t t = tail.load(acquire);
      if (move(word(t), t * 4 + free, t * 4 + reserved)) {
        move(tail, t, t + 1);
        fill(slots[t % slot_count].bytes, number);
        word(t).store(t * 4 + committed, release);
        return;
      }
      if (helping) move(tail, t, t + 1);  // the slot is taken: so the tail is behind
    }
  }
  // The reaper, when all others are dead: the hint, and what was reserved.
  void repair() {
    for (std::uint64_t t = tail.load(acquire); word(t).load(acquire) / 4 == t && word(t).load(acquire) % 4 != free; ++t)
      move(tail, t, t + 1);
  }
  std::vector<std::uint64_t> drain(bool reaping) {
    std::vector<std::uint64_t> got;
    for (std::uint64_t h = head.load(acquire); h < tail.load(acquire); ++h) {
      const bool whole_one = word(h).load(acquire) == h * 4 + committed;
      if (!whole_one && !reaping) break;
      if (whole_one) got.push_back(whole(slots[h % slot_count].bytes));
      word(h).store((h + slot_count) * 4 + free, release);
      head.store(h + 1, release);
    }
    return got;
  }
};

enum class many { naive, without_help, helped };

class many_send : public operation {
 public:
  explicit many_send(many how) : how_(how) {}
  void fresh() override {
    auto& ring = ring_.renew();
    for (std::uint64_t n = 0; n < slot_count; ++n) write(ring.word(n), n * 4 + many_ring::free);
  }
  void victim() override { send_one(100); }
  void partner() override { send_one(200); }
  verdict judge() override {
    return judged([&] {
      if (how_ != many::naive) ring_->repair();
      const std::vector<std::uint64_t> got = ring_->drain(how_ != many::naive);
      for (const auto one : numbers{100, 200}) demand(std::ranges::count(got, one) <= 1, "a message came twice");
      for (std::uint64_t lap = 0; lap < 3 * slot_count; ++lap) {
        send(300 + lap);
        demand(ring_->drain(false) == std::vector{300 + lap}, "a message sent afterwards does not arrive");
      }
      return std::to_string(got.size()) + " sent";
    });
  }

 private:
  void send(std::uint64_t number) {
    if (how_ == many::naive) ring_->send_naively(number);
    else ring_->send(number, how_ == many::helped);
  }
  void send_one(std::uint64_t number) {
    begin();
    send(number);
    end();
  }
  many how_;
  shared<many_ring> ring_;
};

}  // namespace

void add_ring_controls(entries& all) {
  all.push_back(row<single_send>("ring of the style page: send", steps, false));
  all.push_back(row<single_receive>("ring of the style page: receive", steps, false));
  all.push_back(row<many_send>("ring that is helped: send", steps | pairs, many::helped));
  all.push_back(control<single_send>("ring that publishes early", steps, true));
  all.push_back(control<single_receive>("ring that notes late what it took", steps, true));
  all.push_back(control<many_send>("ring that moves the tail first", steps, many::naive));
  all.push_back(control<many_send>("ring without helping", pairs, many::without_help));
}

}  // namespace transom::step
