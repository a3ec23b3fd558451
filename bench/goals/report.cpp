// bench/goals/report.cpp - see report.hpp.
#include "bench/goals/report.hpp"

#include <set>

#include <fmt/core.h>

#include "tools/machine.hpp"

namespace goals {
namespace {

std::string time_text(double ns) {
  if (ns <= 0) return "-";
  if (ns < 1e3) return fmt::format("{:.1f} ns", ns);
  if (ns < 1e6) return fmt::format("{:.2f} us", ns / 1e3);
  return fmt::format("{:.2f} ms", ns / 1e6);
}
std::string rate_text(double per_second) {
  if (per_second >= 1e6) return fmt::format("{:.2f} M/s", per_second / 1e6);
  return fmt::format("{:.2f} k/s", per_second / 1e3);
}
std::string ratio_text(double ratio) { return ratio <= 0 ? "-" : fmt::format("{:.2f}x", ratio); }

std::string figure_text(figure f, double value) {
  switch (f) {
    case figure::rate: return rate_text(value);
    case figure::bytes: return fmt::format("{:.0f} KiB", value / 1'024);
    default: return time_text(value);
  }
}

// One entrant's line; `note` is what the numbers do not show.
void print_record(const contest_result& row, std::size_t i) {
  const entrant& e = row.row->entrants[i];
  const record& r = row.records[i];
  fmt::print("  {:<22} ", e.label);
  if (const answer* why = r.trouble()) {
    fmt::print("{}\n", why->what == answer::kind::refused ? "refused: " + why->words : why->words);
    return;
  }
  const std::string cpu = time_text(r.middle(&outcome::cpu_ns));
  if (e.how.what == pattern::stream) {
    const repeated s = summary(r.each(&outcome::per_second), true);
    fmt::print("{:>12} {:>9.2f} GB/s  best {:>12}  spread {:>12}  cpu {:>9} {:>8}\n", rate_text(s.middle),
               s.middle * static_cast<double>(e.how.size) / 1e9, rate_text(s.best), rate_text(s.spread), cpu,
               i == 0 && row.row->has_reference ? "" : ratio_text(row.ratio(i)));
  } else if (e.how.what == pattern::idle_memory) {
    fmt::print("{}\n", figure_text(figure::bytes, r.middle(&outcome::bytes)));
  } else {
    const repeated s = summary(r.each(&outcome::p50), false);
    fmt::print("p50 {:>9}  p90 {:>9}  p99 {:>9}  p99.9 {:>9}  max {:>9}  best {:>9}  spread {:>9}  cpu {:>9} {:>8}",
               time_text(s.middle), time_text(r.middle(&outcome::p90)), time_text(r.middle(&outcome::p99)),
               time_text(r.middle(&outcome::p999)), time_text(r.middle(&outcome::max)), time_text(s.best),
               time_text(s.spread), cpu, i == 0 && row.row->has_reference ? "" : ratio_text(row.ratio(i)));
    const double sleeps = r.middle(&outcome::sleeps);
    if (e.how.hold_us != 0 && sleeps < 0.45) fmt::print("  slept for {:.0f} % of the messages only", sleeps * 200);
    fmt::print("\n");
  }
}

void print_goal(const judgement& j) {
  const bool ratio = is_ratio(j.what) || j.what == figure::tail99 || j.what == figure::tail999;
  const std::string sign = at_most(j.what) ? "<=" : ">=";
  std::string what = j.title;
  if (j.what == figure::tail99) what += ": p99 / p50";
  if (j.what == figure::tail999) what += ": p99.9 / p50";
  fmt::print("{:<4} {:<76} {:>12} {:>12} {:>9} {:>12} {}\n", j.goal, what,
             j.known && j.limit > 0 ? figure_text(j.what, j.limit) : "-", j.known ? figure_text(j.what, j.ours) : "-",
             j.known && ratio ? fmt::format("{:.3f}", j.ratio) : "-",
             sign + " " + (ratio ? fmt::format("{:.2f}", j.bound) : figure_text(j.what, j.bound)),
             !j.known ? j.words
             : j.met  ? "met"
                      : "missed");
}

}  // namespace

void print(const run_result& run) {
  fmt::print(
      "{}\nTwo processes, on cpu 0 and cpu 1 unless a row says one core; medians of {} rounds, everybody of a row "
      "in a new order each round; ratios to the first line, of the same round.\nOne-way is half of a round trip. "
      "Payload written, read and checked unless a row says handed over. cpu: of both processes, per message.\n",
      tools::this_machine().sentence(), run.rounds);
  int met = 0, all = 0;
  for (const contest_result& row : run.rows) {
    std::set<std::string> goals;
    for (const aim& a : row.row->aims) goals.insert(a.goal);
    std::string names;
    for (const std::string& g : goals) names += (names.empty() ? "" : ", ") + g;
    fmt::print("\n{}  {}\n", names, row.row->title);
    for (std::size_t i = 0; i < row.records.size(); ++i) print_record(row, i);
  }
  fmt::print("\n{:<4} {:<76} {:>12} {:>12} {:>9} {:>12} {}\n", "goal", "row", "limit", "ours", "ratio", "goal",
             "verdict");
  for (const contest_result& row : run.rows) {
    for (const judgement& j : row.judge()) {
      print_goal(j);
      met += j.met;
      ++all;
    }
  }
  fmt::print("\n{} of {} goals met. {} of the measurements were disturbed and {} of those repeated.\n", met, all,
             run.disturbed, run.repeated);
  for (const std::string& remark : run.remarks) fmt::print("{}\n", remark);
  fmt::print("\nHow each is configured:\n");
  std::set<const contender*> told;
  for (const contest_result& row : run.rows) {
    for (const entrant& e : row.row->entrants)
      if (told.insert(e.who).second)
        fmt::print("  {:<12} {:<7} {}{}\n", e.who->name, e.who->mechanism, e.who->expert,
                   e.who->play == nullptr ? fmt::format(" (not installed: {})", e.who->package) : "");
  }
}

}  // namespace goals
