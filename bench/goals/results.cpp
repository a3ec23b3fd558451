// bench/goals/results.cpp - see results.hpp.
#include "bench/goals/results.hpp"

#include <algorithm>

namespace goals {
namespace {

bool is_stream(const contest& c) { return c.entrants[c.ours()].how.what == pattern::stream; }

double value_of(figure f, const record& r) {
  switch (f) {
    case figure::rate: return r.middle(&outcome::per_second);
    case figure::interval: return 1e9 / r.middle(&outcome::per_second);
    case figure::late: return r.middle(&outcome::p99);
    case figure::bytes: return r.middle(&outcome::bytes);
    default: return r.middle(&outcome::p50);
  }
}

double tail_of(const record& r, double outcome::* tail) {
  std::vector<double> ratios;
  for (const answer& a : r.rounds) ratios.push_back(a.result.*tail / a.result.p50);
  return median(std::move(ratios));
}

}  // namespace

bool record::measured() const {
  return !rounds.empty() &&
         std::ranges::all_of(rounds, [](const answer& a) { return a.what == answer::kind::measured; });
}

const answer* record::trouble() const {
  const auto found = std::ranges::find_if(rounds, [](const answer& a) { return a.what != answer::kind::measured; });
  return found == rounds.end() ? nullptr : &*found;
}

std::vector<double> record::each(double outcome::* part) const {
  std::vector<double> values;
  for (const answer& a : rounds) {
    if (a.what == answer::kind::measured) values.push_back(a.result.*part);
  }
  return values;
}

double contest_result::ratio(std::size_t entrant) const {
  if (!row->has_reference || !records[0].measured() || !records[entrant].measured()) return 0;
  std::vector<double> ratios;
  for (std::size_t i = 0; i < records[0].rounds.size(); ++i) {
    const outcome &limit = records[0].rounds[i].result, &other = records[entrant].rounds[i].result;
    ratios.push_back(is_stream(*row) ? other.per_second / limit.per_second : other.p50 / limit.p50);
  }
  return median(std::move(ratios));
}

std::vector<judgement> contest_result::judge() const {
  const record& ours = records[row->ours()];
  std::vector<judgement> all;
  for (const aim& a : row->aims) {
    judgement j{.goal = a.goal, .title = row->title, .reference = "", .what = a.what, .bound = a.bound, .words = ""};
    if (is_ratio(a.what)) j.reference = row->entrants[0].label;
    if (const answer* why = ours.trouble()) {
      j.words = why->what == answer::kind::refused ? "unsupported" : "failed";
    } else if (is_ratio(a.what) && !records[0].measured()) {
      j.words = "no reference";
    } else if (a.what == figure::tail999 && ours.middle(&outcome::p999) == 0) {
      j.words = "too few samples";
    } else {
      j.known = true;
      j.ours = value_of(a.what, ours);
      if (is_ratio(a.what)) j.limit = value_of(a.what, records[0]);
      if (a.what == figure::tail99) j.ratio = tail_of(ours, &outcome::p99);
      else if (a.what == figure::tail999) j.ratio = tail_of(ours, &outcome::p999);
      else j.ratio = is_ratio(a.what) ? ratio(row->ours()) : j.ours;
      j.met = at_most(a.what) ? j.ratio <= a.bound : j.ratio >= a.bound;
    }
    all.push_back(std::move(j));
  }
  return all;
}

}  // namespace goals
