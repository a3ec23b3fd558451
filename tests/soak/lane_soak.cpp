// tests/soak/lane_soak.cpp - kills producers and the consumer of shared-memory lanes at random, thousands of times, and
// accounts for every message.
//
//     transom_lane_soak [--named] [--seconds S] [--kills N] [--messages N] [--quick] [--seed S] [--control NAME]
//                       [--json FILE]
//
// A round: two to four small lanes and one with large messages, all merged by one consumer. Each lane has a producer.
// The parent, which judges, kills one of them with SIGKILL every 0.2 to 1 ms (some at once after their birth, some
// later), waits for the kernel's word that it is dead, and starts a successor: of the consumer at once, of a producer
// once its lane is drained and no view of it is out. Now and then nobody is killed until every lane has moved (a calm):
// deaths hide wedges. --named does it through the public API (named_soak.hpp).
//
// Rules. `sent`, `passed`, `shown` and `releasing` are notes in memory that outlives the children (lane_books.hpp); all
// other words are the lane's own, read without the library. An incarnation is one life of one producer.
//
//   R1  Dead producer: committed = messages that left the slots, plus those that stand in them and are no longer
//       growing. sent <= committed <= sent + 1, because `sent` is noted after the commit. Fewer: lost. More: doubled.
//   R2  Message number n of a lane is exactly sequence n - first of its incarnation, in size and in every byte: a
//       later one in its place: lost. An earlier one: doubled. Any other bytes: torn. Looked at when it is received or
//       shown, and again before a view is released; of a growing one also the part that has grown.
//   R3  Dead consumer: passed <= head <= passed + 1, because `passed` is noted after head. head behind: doubled.
//       Beyond: lost. Where head == passed + 1 and no hold has the message, one was acknowledged whose bytes nobody
//       could look at any more ("acknowledged without a note"): at most one per death.
//   R4  Dead consumer: hold i with a count c <= head: shown[i] == c, or c == head == passed + 1 (killed before the
//   note).
//       Anything else was acknowledged or never shown: doubled. Hold i free: shown[i] == 0, or releasing[i] == shown[i]
//       (killed between acknowledgement and note). Anything else: lost. c > head: only head + 1, and never shown.
//       The successor receives exactly those of holds <= head, in order, marked, before all others; the others
//       unmarked. One too few: lost. One too many, or not marked: doubled. Torn as in R2.
//   R5  A message of a dead producer that was still growing is skipped, once, and nothing else ever is (else lost).
//   R6  Wedged: for 2 s nobody moves; or, in a calm, for 2 s per lane some lane does not, although both ends live. The
//       judge's own delays do not count. Sleeps last at most 20 ms.
//   R7  Leaked: whenever a lane is drained and nothing of it is shown, its producer can claim the whole arena at once,
//       however long it has been at it (an audit); a consumer with free holds gets one; at the end no hold is in use.
//   R8  Nobody dies, ends, is told "closed" or "broken", or throws, except by our hand; that counts as torn.
//
// Controls, each a defect of the test's own producer or consumer, which must be found: see lane_books.hpp. The run
// stops at the first thing that is bad.
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <limits>
#include <random>

#include "tests/soak/named_soak.hpp"
#include "tests/soak/soak_report.hpp"

using namespace transom::soak;
using namespace std::chrono_literals;

namespace {

struct named_defect {
  const char* name;
  defect what;
};
constexpr std::array defects{named_defect{"early", defect::early},
                             named_defect{"acknowledge_early", defect::acknowledge_early},
                             named_defect{"acknowledge_late", defect::acknowledge_late},
                             named_defect{"no_holds", defect::no_holds},
                             named_defect{"deaf", defect::deaf},
                             named_defect{"forgotten_loans", defect::forgotten_loans}};

struct arguments {
  double seconds = 5;
  std::uint64_t kills = 0, messages = 0, seed = std::random_device{}();
  bool named = false;
  std::string control, json;
};

[[noreturn]] void usage() {
  std::cerr << "usage: transom_lane_soak [--named] [--seconds S] [--kills N] [--messages N] [--quick] [--seed S]\n"
               "                         [--control NAME] [--json FILE]\n";
  std::exit(64);
}

arguments parse(int count, char** values) {
  arguments a;
  bool timed = false;
  for (int i = 1; i < count; ++i) {
    const std::string_view word = values[i];
    const auto text = [&] { return ++i < count ? std::string_view(values[i]) : std::string_view(); };
    const auto number = [&](auto& into) {
      const std::string_view said = text();
      if (std::from_chars(said.data(), said.data() + said.size(), into).ec != std::errc{}) usage();
    };
    if (word == "--seconds") number(a.seconds), timed = true;
    else if (word == "--kills") number(a.kills);
    else if (word == "--messages") number(a.messages);
    else if (word == "--seed") number(a.seed);
    else if (word == "--quick") a.seconds = 10, timed = true;
    else if (word == "--named") a.named = true;
    else if (word == "--control") a.control = text();
    else if (word == "--json") a.json = text();
    else usage();
  }
  if (!timed && (a.kills != 0 || a.messages != 0)) a.seconds = 24 * 3600;
  return a;
}

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// Rounds of 4 s at most, until the time is up or what was asked for is done, or something is bad.
soak_row soak_lanes(const arguments& wanted) {
  soak_row row{"lanes", {}};
  soak_totals& totals = row.totals;
  const auto begin = std::chrono::steady_clock::now();
  auto told = begin;
  const bool counted = wanted.kills != 0 || wanted.messages != 0;
  dice seeds(wanted.seed);
  while (totals.bad() == 0) {
    const double left = wanted.seconds - seconds_since(begin);
    if (left <= 0 || (counted && totals.kills >= wanted.kills && totals.messages >= wanted.messages)) break;
    round_limits limits{.time = std::chrono::nanoseconds(static_cast<std::int64_t>(std::min(left, 4.0) * 1e9)),
                        .kills = std::numeric_limits<std::uint64_t>::max()};
    if (wanted.kills != 0 && wanted.messages != 0)
      limits.messages_per_kill = static_cast<double>(wanted.messages) / static_cast<double>(wanted.kills);
    lane_round(seeds(), defect::none).run(limits, totals);
    if (!counted || seconds_since(told) < 30) continue;
    told = std::chrono::steady_clock::now();
    std::cerr << "soak: " << totals.kills << " kills, " << totals.messages << " messages so far, "
              << static_cast<int>(seconds_since(begin)) << " s\n";
  }
  return row;
}

soak_control try_control(const named_defect& one, std::uint64_t seed) {
  soak_totals totals;
  const auto begin = std::chrono::steady_clock::now();
  for (dice seeds(seed); totals.bad() == 0 && seconds_since(begin) < 30;)
    lane_round(seeds(), one.what).run({.time = 4s, .kills = std::numeric_limits<std::uint64_t>::max()}, totals);
  return control_of(one.name, totals);
}

}  // namespace

int main(int count, char** values) {
  play_the_named_role_if_told();
  const arguments wanted = parse(count, values);
  const auto begin = std::chrono::steady_clock::now();
  soak_report report;
  report.seed = wanted.seed;
  const bool only_control = !wanted.control.empty();
  if (wanted.named) {
    report.rows = soak_names(wanted.seed, wanted.seconds, wanted.kills);
    report.controls.push_back(soak_names_without_holds(wanted.seed));
  } else {
    if (!only_control) report.rows.push_back(soak_lanes(wanted));
    for (const named_defect& one : defects)
      if (!only_control || wanted.control == one.name) report.controls.push_back(try_control(one, wanted.seed));
    if (only_control && report.controls.empty()) usage();
  }
  report.seconds = seconds_since(begin);
  report.print();
  if (!wanted.json.empty()) std::ofstream(wanted.json) << report.json();
  return report.passed() ? 0 : 1;
}
