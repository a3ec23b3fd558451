// bench/goals/main.cpp - does Transom reach its goals (P1 to P12, P16, P18), and how far are the others? Each row
// beside the bare limit of the same machine in the same minute, and beside the peers that are installed.
//
// Method: two processes, pinned; a warm-up; the entrants of a row in a new random order in each round; the same way of
// waiting on both sides of a comparison. Prints ratios, asserts nothing: 0 unless a limit or Transom could not be
// measured.
#include <signal.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <random>
#include <set>
#include <string>

#include <unistd.h>

#include <fmt/core.h>

#include "bench/goals/conditions.hpp"
#include "bench/goals/conductor.hpp"
#include "bench/goals/report.hpp"
#include "transom/process/stop_on_signals.hpp"

namespace goals {
namespace {

constexpr const char* usage =
    "goals_bench [--only P1,P4,...] [--rounds N] [--json FILE] [--via SCHEME] [--no-peers] [--smoke] [--list]\n"
    "Transom's goals beside bare limits and peers, as ratios measured in one run.\n"
    "  --only      rows of these goals alone\n"
    "  --rounds    repetitions (5)\n"
    "  --json      the same as transom.bench/1\n"
    "  --via       what Transom runs over: shm, or unix and others that have a path\n"
    "  --no-peers  Transom and the limits alone\n"
    "  --smoke     one round of a few messages: do the rows still run?\n"
    "  --list      the rows and who is in them, without measuring\n";

struct request {
  int rounds = 5;
  bool smoke = false, no_peers = false, list = false, help = false, wrong = false;
  std::string json_file, scheme = "shm";
  std::set<std::string> only;
};

std::set<std::string> split(const std::string& words) {
  std::set<std::string> all;
  for (std::size_t from = 0; from <= words.size();) {
    const std::size_t to = std::min(words.find(',', from), words.size());
    if (to > from) all.insert(words.substr(from, to - from));
    from = to + 1;
  }
  return all;
}

request parse(int argc, char** argv) {
  request asked;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const bool more = i + 1 < argc;
    if (argument == "--smoke") asked.smoke = true;
    else if (argument == "--list") asked.list = true;
    else if (argument == "--no-peers") asked.no_peers = true;
    else if (argument == "--help") asked.help = true;
    else if (argument == "--only" && more) asked.only = split(argv[++i]);
    else if (argument == "--rounds" && more) asked.rounds = std::max(1, std::atoi(argv[++i]));
    else if (argument == "--json" && more) asked.json_file = argv[++i];
    else if (argument == "--via" && more) asked.scheme = argv[++i];
    else asked.wrong = true;
  }
  if (asked.smoke) asked.rounds = 1;
  return asked;
}

void list(const std::vector<contest>& plan) {
  for (const contest& row : plan) {
    std::set<std::string> names;
    for (const aim& a : row.aims) names.insert(a.goal);
    for (const std::string& name : names) fmt::print("{} ", name);
    fmt::print(" {}\n     ", row.title);
    for (const entrant& e : row.entrants)
      fmt::print(" {}{};", e.label, e.who->play == nullptr ? " (not installed)" : "");
    fmt::print("\n");
  }
}

// A limit or Transom spinning on a core of its own loses it to nobody, unless somebody else wanted it.
bool disturbed(const entrant& e, const answer& a) {
  const bool alone = e.how.waiting == wait::spin && e.how.cpu[0] != e.how.cpu[1];
  return alone && !is_peer(*e.who) && a.what == answer::kind::measured && a.result.preempted > 5;
}

run_result measure(const std::vector<contest>& plan, const request& asked, conductor& with) {
  run_result run;
  run.rounds = asked.rounds;
  run.scheme = asked.scheme;
  for (const contest& row : plan) run.rows.push_back({&row, std::vector<record>(row.entrants.size())});
  std::mt19937 random(std::random_device{}());
  for (int round = 0; round < asked.rounds; ++round) {
    for (contest_result& result : run.rows) {
      if (::isatty(2) == 1) fmt::print(stderr, "\r\033[Kround {}: {}", round + 1, result.row->title);
      std::vector<std::size_t> order(result.records.size());
      std::iota(order.begin(), order.end(), std::size_t{0});
      std::ranges::shuffle(order, random);
      for (const std::size_t i : order) {
        const entrant& e = result.row->entrants[i];
        answer a = with.measure(*e.who, e.how);
        run.disturbed += disturbed(e, a);
        for (int again = 0; again < 2 && !asked.smoke && disturbed(e, a); ++again) {
          a = with.measure(*e.who, e.how);
          ++run.repeated;
        }
        result.records[i].rounds.push_back(std::move(a));
      }
    }
  }
  if (::isatty(2) == 1) fmt::print(stderr, "\r\033[K");
  return run;
}

int conduct(const request& asked) {
  transom::stop_on_signals stop{SIGINT, SIGTERM, SIGHUP};
  auto plan = make_plan(asked.smoke);
  if (!asked.only.empty()) {
    std::erase_if(plan, [&](const contest& row) {
      return std::ranges::none_of(row.aims, [&](const aim& a) { return asked.only.contains(a.goal); });
    });
  }
  if (asked.no_peers)
    for (contest& row : plan) std::erase_if(row.entrants, [](const entrant& e) { return is_peer(*e.who); });
  if (asked.list) {
    list(plan);
    return 0;
  }
  const conditions before = conditions_now();
  run_result run;
  {
    conductor with(asked.scheme, stop.token());
    run = measure(plan, asked, with);
  }
  run.remarks = remarks_on(before, conditions_now());
  if (asked.scheme != "shm") run.remarks.push_back("Transom ran over " + asked.scheme + ", not shm.");
  print(run);
  bool failed = !asked.json_file.empty() && !write_json(run, asked.json_file);
  for (const contest_result& row : run.rows) {
    for (std::size_t i = 0; i < row.records.size(); ++i) {
      const answer* why = row.records[i].trouble();
      failed |= why != nullptr && why->what == answer::kind::failed && !is_peer(*row.row->entrants[i].who);
    }
  }
  return failed ? 1 : 0;
}

}  // namespace
}  // namespace goals

int main(int argc, char** argv) {
  try {
    if (argc == 3 && std::strcmp(argv[1], "--side") == 0) return goals::take_side(argv[2]);
    const goals::request asked = goals::parse(argc, argv);
    if (asked.help || asked.wrong) {
      fmt::print(asked.help ? stdout : stderr, "{}", goals::usage);
      return asked.help ? 0 : 2;
    }
    return goals::conduct(asked);
  } catch (const std::exception& e) {
    fmt::print(stderr, "goals_bench: {}\n", e.what());
    return 1;
  }
}
