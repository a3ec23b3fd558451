// bench/goals/report_json.cpp - transom.bench/1: a row for each entrant, a goal for each judgement. Keys are stable.
#include <fstream>

#include <nlohmann/json.hpp>

#include "bench/goals/report.hpp"
#include "tools/machine.hpp"

namespace goals {
namespace {

using nlohmann::json;

const char* name_of(pattern p) {
  switch (p) {
    case pattern::round_trip: return "round_trip";
    case pattern::stream: return "stream";
    case pattern::open_close: return "open";
    case pattern::idle_memory: return "idle_memory";
    case pattern::recovery: return "recovery";
  }
  return "";
}
const char* name_of(figure f) {
  switch (f) {
    case figure::tail99: return "p99_to_p50";
    case figure::tail999: return "p999_to_p50";
    case figure::rate: return "rate_to_limit";
    case figure::time: return "time_to_limit";
    case figure::late: return "p99_ns";
    case figure::bytes: return "bytes";
    case figure::absolute:
    case figure::interval: return "ns";
  }
  return "";
}

bool is_limit(const contender& c) {
  return &c == &one_line() || &c == &bulk_ring() || &c == &bare_futex() || &c == &unix_socket();
}

json row_of(const contest_result& result, std::size_t i, const std::string& scheme) {
  const entrant& e = result.row->entrants[i];
  const record& r = result.records[i];
  json row{{"system", is_limit(*e.who) ? "raw" : e.who->name},
           {"label", e.label},
           {"mechanism", is_limit(*e.who) || is_peer(*e.who) ? e.who->mechanism : scheme},
           {"row", result.row->title},
           {"pattern", name_of(e.how.what)},
           {"wait", e.how.waiting == wait::spin ? "spin" : "block"},
           {"size", e.how.size * e.how.burst},
           {"cores", e.how.cpu[0] == e.how.cpu[1] ? 1 : 2},
           {"idle_polling", e.how.idle_polling},
           {"touched", e.how.touched},
           {"runs", r.rounds.size()},
           {"configuration", e.who->expert}};
  if (const answer* why = r.trouble()) {
    row["note"] = why->words;
    return row;
  }
  if (e.how.what == pattern::idle_memory) {
    row["bytes"] = r.middle(&outcome::bytes);
    return row;
  }
  const double rate = r.middle(&outcome::per_second);
  if (e.how.what == pattern::stream || e.how.what == pattern::round_trip) {
    row["messages_per_s"] = rate;
    row["bytes_per_s"] = rate * static_cast<double>(e.how.size * e.how.burst);
    row["cpu_ns_per_message"] = r.middle(&outcome::cpu_ns);
  }
  if (e.how.what != pattern::stream) {
    row["best_ns"] = summary(r.each(&outcome::p50), false).best;
    row["spread_ns"] = summary(r.each(&outcome::p50), false).spread;
    row["p50_ns"] = r.middle(&outcome::p50);
    row["p90_ns"] = r.middle(&outcome::p90);
    row["p99_ns"] = r.middle(&outcome::p99);
    if (const double p999 = r.middle(&outcome::p999); p999 > 0) row["p999_ns"] = p999;
    row["max_ns"] = r.middle(&outcome::max);
  } else {
    row["best_messages_per_s"] = summary(r.each(&outcome::per_second), true).best;
    row["spread_messages_per_s"] = summary(r.each(&outcome::per_second), true).spread;
  }
  if (e.how.hold_us != 0) row["sleeps_per_message"] = 2 * r.middle(&outcome::sleeps);
  if (const double ratio = result.ratio(i); ratio > 0) row["ratio_to_limit"] = ratio;
  return row;
}

json goal_of(const judgement& j) {
  json goal{{"goal", j.goal},
            {"row", j.title},
            {"figure", name_of(j.what)},
            {"bound", j.bound},
            {"at_most", at_most(j.what)}};
  goal["verdict"] = !j.known ? j.words : j.met ? "met" : "missed";
  if (j.known) {
    goal["value"] = j.ratio;
    goal["ours"] = j.ours;
    if (j.limit > 0) goal["limit"] = j.limit;
    if (!j.reference.empty()) goal["reference"] = j.reference;
  }
  return goal;
}

}  // namespace

bool write_json(const run_result& run, const std::string& file) {
  json rows = json::array(), judged = json::array(), limits = json::object();
  for (const contest_result& result : run.rows) {
    for (std::size_t i = 0; i < result.records.size(); ++i) {
      rows.push_back(row_of(result, i, run.scheme));
      const entrant& e = result.row->entrants[i];
      if (is_limit(*e.who) && result.records[i].measured())
        limits[e.label + ": " + result.row->title] = e.how.what == pattern::stream
                                                         ? json{{"messages_per_s", rows.back()["messages_per_s"]}}
                                                         : json{{"p50_ns", rows.back()["p50_ns"]}};
    }
    for (const judgement& j : result.judge()) judged.push_back(goal_of(j));
  }
  const json document{{"schema", "transom.bench/1"},
                      {"machine", tools::this_machine().json()},
                      {"limits", limits},
                      {"rows", rows},
                      {"goals", judged},
                      {"rounds", run.rounds},
                      {"disturbed", run.disturbed},
                      {"repeated", run.repeated},
                      {"remarks", run.remarks}};
  std::ofstream out(file);
  out << document.dump(2) << '\n';
  return static_cast<bool>(out.flush());
}

}  // namespace goals
