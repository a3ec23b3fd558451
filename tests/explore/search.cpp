// tests/explore/search.cpp - see search.hpp.
#include "tests/explore/search.hpp"

#include <cstdlib>
#include <ctime>

namespace transom::explore {

namespace {

// "7:1-12:2": seven first choices, the second, twelve first ones, the third.
std::string text_of(const std::vector<std::uint8_t>& choices) {
  std::string text;
  std::size_t firsts = 0;
  for (std::uint8_t one : choices) {
    if (one == 0) {
      ++firsts;
      continue;
    }
    text += (text.empty() ? "" : "-") + std::to_string(firsts) + ":" + std::to_string(one);
    firsts = 0;
  }
  return text.empty() ? "0:0" : text;
}

std::vector<std::uint8_t> choices_of(const std::string& text) {
  std::vector<std::uint8_t> choices;
  for (const char* at = text.c_str(); *at != '\0';) {
    char* end = nullptr;
    choices.insert(choices.end(), std::strtoul(at, &end, 10), 0);
    if (*end != ':') break;
    choices.push_back(static_cast<std::uint8_t>(std::strtoul(end + 1, &end, 10)));
    at = *end == '-' ? end + 1 : end;
  }
  return choices;
}

void prepare(const scenario& what, const mutant& changed, int bound) {
  engine& e = the_engine();
  set_mutant(changed);
  e.allowed = {bound, bound, what.deaths, what.early};
  e.may_rouse = what.bounded;
  e.visited.clear();
  e.choices.clear();
  e.counts.clear();
}

}  // namespace

double processor_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

outcome search(const scenario& what, const mutant& changed, int bound, double seconds) {
  engine& e = the_engine();
  prepare(what, changed, bound);
  e.forget_words();
  e.tracing = false;
  e.remembers = true;
  e.steps = 0;
  const std::function<void()> build = [&] {
    world made;
    what.build(made);
  };
  outcome out;
  const double began = processor_seconds();
  for (;;) {
    e.found_sharing = false;
    const engine::end how = e.run(build);
    ++out.executions;
    if (e.found_sharing) {
      prepare(what, changed, bound);
      continue;
    }
    if (how == engine::end::failed) {
      out.schedule = text_of(e.choices);
      out.complaint = e.complaint;
      break;
    }
    while (!e.choices.empty() && e.choices.back() + 1 == e.counts.back()) {
      e.choices.pop_back();
      e.counts.pop_back();
    }
    out.complete = e.choices.empty();
    if (out.complete || (out.executions % 256 == 0 && processor_seconds() - began > seconds)) break;
    ++e.choices.back();
  }
  out.steps = e.steps;
  out.states = e.visited.size();
  if (out.bad()) out.trace = replay(what, changed, bound, out.schedule).trace;
  out.seconds = processor_seconds() - began;
  return out;
}

outcome search_growing(const scenario& what, const mutant& changed, int bound, double seconds) {
  const double until = processor_seconds() + seconds;
  outcome all;
  for (int now_at = 1; now_at <= bound; ++now_at) {
    outcome one = search(what, changed, now_at, until - processor_seconds());
    one.executions += all.executions;
    one.steps += all.steps;
    one.seconds += all.seconds;
    one.seconds_of_first = now_at == 1 ? one.seconds : all.seconds_of_first;
    one.bound = one.complete ? now_at : all.bound;
    all = std::move(one);
    if (all.bad() || !all.complete) break;
  }
  return all;
}

outcome replay(const scenario& what, const mutant& changed, int bound, const std::string& schedule) {
  engine& e = the_engine();
  outcome out;
  do {  // again, until it is known which words are shared
    prepare(what, changed, bound);
    e.tracing = true;
    e.remembers = false;
    const std::vector<std::uint8_t> wanted = choices_of(schedule);
    e.choices.assign(wanted.begin(), wanted.end());
    e.counts.assign(e.choices.size(), 0);
    e.found_sharing = false;
    e.run([&] {
      world made;
      what.build(made);
    });
  } while (e.found_sharing);
  out.executions = 1;
  out.complaint = e.complaint;
  out.schedule = schedule;
  out.trace = e.trace;
  return out;
}

}  // namespace transom::explore
