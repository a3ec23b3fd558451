// tests/step/stage.cpp - what happens inside a stage: one point of one proof, and the choice of points.
#include <algorithm>
#include <random>
#include <set>

#include "tests/step/campaign.hpp"
#include "tests/step/stepper.hpp"

namespace transom::step {
namespace {

verdict fault_of(const tracee& who) { return verdict::bad("it ended by itself: " + who.fault()); }

verdict run_step(operation& what, const traces& known, const point& where, bool& drifted) {
  tracee victim([&] { what.victim(); });
  victim.advance(known.victim, where.first);
  drifted = !victim.is_at(known.victim, where.first);
  victim.kill();
  if (!victim.fault().empty()) return fault_of(victim);
  return what.judge();
}

verdict run_pair(operation& what, const traces& known, const point& where) {
  tracee victim([&] { what.victim(); });
  tracee partner([&] { what.partner(); });
  tracee& dies = where.swapped ? partner : victim;
  tracee& lives = where.swapped ? victim : partner;
  const trace& way_of_dead = where.swapped ? known.partner : known.victim;
  const trace& way_of_living = where.swapped ? known.victim : known.partner;
  if (where.second_first) {
    lives.advance(way_of_living, where.second);
    dies.advance_beside(way_of_dead, where.first, where.exact);
  } else {
    dies.advance(way_of_dead, where.first);
    lives.advance_beside(way_of_living, where.second, where.exact);
  }
  dies.kill();
  lives.run_to_end();
  lives.kill();
  if (!dies.fault().empty()) return fault_of(dies);
  if (!lives.fault().empty()) return fault_of(lives);
  return what.judge();
}

verdict run_stop(operation& what, const traces& known, const point& where, bool& drifted) {
  tracee victim([&] { what.victim(); });
  victim.advance(known.victim, where.first);
  drifted = !victim.is_at(known.victim, where.first);
  victim.leave_stopped();
  if (std::string wrong = what.while_stopped(); !wrong.empty()) return verdict::bad("while it was stopped: " + wrong);
  victim.resume_to_end();
  if (!victim.fault().empty()) return fault_of(victim);
  if (std::string wrong = what.after_stop(); !wrong.empty()) return verdict::bad("after it went on: " + wrong);
  victim.kill();
  return what.judge();
}

}  // namespace

std::string point::text(proof of) const {
  if (of != proof::pairs) return std::to_string(first);
  return std::to_string(first) + "," + std::to_string(second) + "," + (swapped ? "1" : "0") + "," +
         (second_first ? "1" : "0") + "," + (exact ? "1" : "0");
}

void warm_up(operation& what, proof of) {
  bool drifted = false;
  for (int time = 0; time < 2; ++time) run_at(what, of, {}, {}, drifted);
}

traces measure(operation& what, proof of) {
  warm_up(what, of);
  traces known;
  for (const bool partner : {false, true}) {
    if (partner && of != proof::pairs) break;
    what.fresh();
    tracee one([&] { partner ? what.partner() : what.victim(); });
    (partner ? known.partner : known.victim) = one.measure();
  }
  return known;
}

verdict run_at(operation& what, proof of, const traces& known, const point& where, bool& drifted) {
  drifted = false;
  what.fresh();
  switch (of) {
    case proof::step: return run_step(what, known, where, drifted);
    case proof::pairs: return run_pair(what, known, where);
    case proof::stop: return run_stop(what, known, where, drifted);
  }
  return {};
}

namespace {

// Half of the draws by instruction, half by stretch between two system calls: what is decided between two calls is
// decided in few instructions, and the long stretches are strings.
class draw {
 public:
  draw(const trace& way, std::mt19937_64& random) : way_(way), random_(random) {}
  std::uint64_t operator()() {
    if (way_.calls.empty() || random_() % 2 == 0) return random_() % (way_.instructions + 1);
    const std::size_t stretch = random_() % (way_.calls.size() + 1);
    const std::uint64_t from = stretch == 0 ? 0 : way_.calls[stretch - 1] + 1;
    const std::uint64_t to = stretch == way_.calls.size() ? way_.instructions : way_.calls[stretch];
    return from + random_() % (to - from + 1);
  }

 private:
  const trace& way_;
  std::mt19937_64& random_;
};

}  // namespace

std::vector<point> choose(const campaign& how, const traces& known) {
  if (!how.only.empty()) return how.only;
  std::mt19937_64 random(how.seed);
  draw victim(known.victim, random), partner(known.partner, random);
  std::vector<point> points;
  if (how.of == proof::pairs) {
    for (std::uint64_t one = 0; one < how.most_points; ++one) {
      const std::uint64_t at = victim(), other = partner();
      const bool swapped = random() % 2 != 0, second_first = random() % 2 != 0;
      const bool exact = random() % 8 == 0;
      points.push_back({swapped ? other : at, swapped ? at : other, swapped, second_first, exact});
    }
    return points;
  }
  // Both ends first: whatever time allows, both histories are there.
  const std::uint64_t all = known.victim.instructions + 1;
  std::vector<std::uint64_t> order{0, known.victim.instructions};
  std::set<std::uint64_t> chosen(order.begin(), order.end());
  const bool every_one = how.most_points == 0 || all <= how.most_points;
  const auto add = [&](std::uint64_t at) {
    if (chosen.insert(at).second) order.push_back(at);
  };
  for (std::uint64_t at = 0; every_one && at < all; ++at) add(at);
  while (!every_one && chosen.size() < how.most_points) add(victim());
  if (every_one) std::shuffle(order.begin() + 2, order.end(), random);
  for (const std::uint64_t at : order) points.push_back({.first = at});
  return points;
}

}  // namespace transom::step
