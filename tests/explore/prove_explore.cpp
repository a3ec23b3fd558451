// tests/explore/prove_explore.cpp - runs the shipping text of lock-free code under every schedule, weak-memory outcome
// and death within bounds, and then every mutant of its orders and fences, each of which must be found.
//
// prove_explore [--quick | --bound N] [--seconds S] [--only TEXT] [--mutants none|only] [--json FILE] [--list]
// prove_explore --only SCENARIO [--mutant TEXT] [--bound N] --replay SCHEDULE
// SECONDS are of processor time.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>

#include "tests/explore/report.hpp"
#include "tests/explore/survivors.hpp"

namespace transom::explore {

namespace {

struct wishes {
  int bound = 3;
  bool quick = false, list = false;
  double seconds = 0;
  std::string only, mutants = "all", mutant, json, schedule;
};

std::vector<scenario> all_scenarios() {
  std::vector<scenario> all;
  for (auto list : {doorbell_scenarios, ring_scenarios, waiting_scenarios, sync_scenarios, lock_scenarios,
                    lane_scenarios, lane_death_scenarios})
    for (scenario& one : list()) all.push_back(std::move(one));
  return all;
}

// A scenario's own text is not what is to be proved.
bool is_subject(const site& at) {
  const std::string file = at.file;
  return !file.ends_with("_scenarios.cpp") && !file.ends_with("_world.hpp") && !file.ends_with("sync_room.cpp") &&
         !file.ends_with("steps.cpp");
}

const survivor* explanation(const mutant& changed) {
  const site& at = all_sites()[changed.site - 1];
  for (const survivor& one : explained_survivors())
    if (std::strstr(at.file, one.file) != nullptr && at.text().find(one.fragment) != std::string::npos &&
        changed.name().find(one.change) != std::string::npos)
      return &one;
  return nullptr;
}

class campaign {
 public:
  explicit campaign(wishes how) : how_(std::move(how)), ends_(processor_seconds() + how_.seconds) {
    result.bound = how_.bound;
    result.full = !how_.quick;
  }

  void run() {
    const double began = processor_seconds(), for_mutants = how_.mutants == "none" ? 0 : how_.seconds * 0.4;
    std::vector<scenario> chosen;
    for (const scenario& one : all_scenarios())
      if (how_.only.empty() || one.name.find(how_.only) != std::string::npos) chosen.push_back(one);
    for (std::size_t i = 0; i < chosen.size(); ++i)
      run_scenario(chosen[i], (ends_ - for_mutants - processor_seconds()) / static_cast<double>(chosen.size() - i));
    if (how_.mutants != "none") run_mutants();
    result.seconds = processor_seconds() - began;
  }

  report result;

 private:
  // One that was tried, and where it passes.
  struct tried {
    scenario what;
    double seconds;
    std::vector<std::size_t> sites;
  };

  void run_scenario(const scenario& one, double seconds) {
    forget_passed();
    row made;
    made.name = one.name;
    made.out = search_growing(one, {}, how_.bound, seconds);
    made.judged = one.must_fail ? (made.out.bad() ? verdict::found : verdict::missed)
                                : (made.out.bad() ? verdict::bad : verdict::good);
    if (!one.must_fail && !made.out.bad()) tried_.push_back({one, made.out.seconds_of_first, passed_sites()});
    result.add(std::move(made));
  }

  void run_mutants() {
    std::ranges::sort(tried_, {}, &tried::seconds);
    std::vector<mutant> todo;
    for (std::size_t index = 0; index < all_sites().size(); ++index)
      if (is_subject(all_sites()[index]) &&
          std::ranges::any_of(tried_, [&](const tried& t) { return passes(t, index); }))
        for (const mutant& changed : mutants_of(index))
          if (changed.name().find(how_.mutant) != std::string::npos) todo.push_back(changed);
    for (std::size_t i = 0; i < todo.size(); ++i)
      run_mutant(todo[i], (ends_ - processor_seconds()) / static_cast<double>(todo.size() - i));
  }

  static bool passes(const tried& one, std::size_t site) {
    return std::ranges::find(one.sites, site) != one.sites.end();
  }

  void run_mutant(const mutant& changed, double seconds) {
    const survivor* known = explanation(changed);
    const int bound = known != nullptr && how_.quick ? 1 : how_.bound;
    row made;
    made.name = changed.name();
    made.out.complete = true;
    const double until = processor_seconds() + seconds;
    for (int at = 1; at <= bound && !made.out.bad(); ++at) {
      for (const tried& one : tried_) {
        if (!passes(one, changed.site - 1) || made.out.bad()) continue;
        // The slow ones come last, and get what is left.
        outcome out = search(one.what, changed, at, (until - processor_seconds()) * (&one == &tried_.back() ? 1 : 0.6));
        out.executions += made.out.executions;
        out.seconds += made.out.seconds;
        out.complete = out.complete && made.out.complete;
        if (out.bad()) made.remark = "by '" + one.what.name + "', bound " + std::to_string(at);
        made.out = std::move(out);
      }
    }
    if (made.out.bad()) {
      made.judged = known == nullptr ? verdict::found : verdict::missed;
      if (known != nullptr) made.remark += "; but survivors.hpp explains why nothing finds it";
    } else {
      made.judged = known != nullptr ? verdict::explained : verdict::missed;
      made.remark = known != nullptr ? known->reason : all_sites()[changed.site - 1].text();
    }
    result.add(std::move(made));
  }

  wishes how_;
  double ends_;
  std::vector<tried> tried_;
};

int replay_one(const wishes& how) {
  for (const scenario& one : all_scenarios()) {
    if (one.name.find(how.only) == std::string::npos) continue;
    mutant changed;
    if (!how.mutant.empty()) {
      search(one, {}, 1, 1);
      for (std::size_t index : passed_sites())
        for (const mutant& other : mutants_of(index))
          if (other.name().find(how.mutant) != std::string::npos) changed = other;
    }
    const outcome out = replay(one, changed, how.bound, how.schedule);
    std::printf("%s, %s\n", one.name.c_str(), changed.name().c_str());
    for (const std::string& line : out.trace) std::printf("    %s\n", line.c_str());
    std::printf("%s\n", out.bad() ? out.complaint.c_str() : "nothing is wrong");
    return out.bad() ? 1 : 0;
  }
  std::fprintf(stderr, "no scenario is called so\n");
  return 2;
}

std::optional<wishes> read(int count, char** words) {
  wishes how;
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    if (word == "--quick") {
      how.quick = true;
      how.bound = 2;
      continue;
    }
    if (word == "--list") {
      how.list = true;
      continue;
    }
    if (word == "--full") continue;
    if (i + 1 == count) return {};
    const char* value = words[++i];
    if (word == "--bound") how.bound = std::atoi(value);
    else if (word == "--seconds") how.seconds = std::atof(value);
    else if (word == "--only") how.only = value;
    else if (word == "--mutants") how.mutants = value;
    else if (word == "--mutant") how.mutant = value;
    else if (word == "--json") how.json = value;
    else if (word == "--replay") how.schedule = value;
    else return {};
  }
  if (how.seconds == 0) how.seconds = how.quick ? 55 : 1800;
  return how;
}

}  // namespace

}  // namespace transom::explore

int main(int count, char** words) {
  using namespace transom::explore;
  const auto how = read(count, words);
  if (!how) {
    std::fprintf(stderr,
                 "usage: prove_explore [--quick | --bound N] [--seconds S] [--only TEXT] [--mutants none] "
                 "[--mutant TEXT] [--replay SCHEDULE] [--json FILE] [--list]\n");
    return 2;
  }
  if (how->list) {
    for (const scenario& one : all_scenarios())
      std::printf("%s%s\n", one.name.c_str(), one.must_fail ? " (must fail)" : "");
    return 0;
  }
  if (!how->schedule.empty()) return replay_one(*how);
  campaign all(*how);
  all.run();
  all.result.print_summary();
  if (!how->json.empty()) std::ofstream(how->json) << all.result.json();
  return all.result.passed() ? 0 : 1;
}
