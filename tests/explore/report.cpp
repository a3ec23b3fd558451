// tests/explore/report.cpp - see report.hpp.
#include "tests/explore/report.hpp"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace transom::explore {

namespace {

const char* name_of(verdict judged) {
  constexpr const char* names[] = {"ok", "BAD", "found", "MISSED", "explained"};
  return names[static_cast<std::size_t>(judged)];
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) >= ' ') out += c;
  }
  return out + "\"";
}

std::string fixed(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", value);
  return text;
}

std::string row_json(const row& one) {
  const outcome& out = one.out;
  return "{\"name\":" + quoted(one.name) + ",\"n\":" + std::to_string(out.executions) +
         ",\"executions\":" + std::to_string(out.executions) + ",\"states\":" + std::to_string(out.states) +
         ",\"steps\":" + std::to_string(out.steps) + ",\"bad\":" + (out.bad() ? "1" : "0") +
         ",\"bound\":" + std::to_string(out.bound) + ",\"complete\":" + (out.complete ? "true" : "false") +
         ",\"seconds\":" + fixed(out.seconds) + ",\"verdict\":" + quoted(name_of(one.judged)) +
         ",\"complaint\":" + quoted(out.complaint) + ",\"schedule\":" + quoted(out.schedule) +
         ",\"remark\":" + quoted(one.remark) + "}";
}

std::string machine() {
  utsname name{};
  ::uname(&name);
  return std::string("{\"kernel\":\"") + name.release + "\",\"arch\":\"" + name.machine +
         "\",\"cpus\":" + std::to_string(::sysconf(_SC_NPROCESSORS_ONLN)) + "}";
}

bool is_good(const row& one) { return one.judged != verdict::bad && one.judged != verdict::missed; }

}  // namespace

void report::add(row one) {
  const outcome& out = one.out;
  std::printf("%-9s %-72s %9llu executions %6.1f s", name_of(one.judged), one.name.c_str(),
              static_cast<unsigned long long>(out.executions), out.seconds);
  if (!one.is_control() && !out.bad()) std::printf("  bound %d%s", out.bound, out.complete ? "" : " and beyond");
  std::printf("\n");
  if (out.bad()) std::printf("          %s; schedule %s\n", out.complaint.c_str(), out.schedule.c_str());
  if (!one.remark.empty()) std::printf("          %s\n", one.remark.c_str());
  if (one.judged == verdict::bad)
    for (const std::string& line : out.trace) std::printf("    %s\n", line.c_str());
  std::fflush(stdout);
  rows.push_back(std::move(one));
}

bool report::passed() const { return !rows.empty() && std::ranges::all_of(rows, is_good); }

void report::print_summary() const {
  unsigned long long executions = 0, bad = 0, controls = 0, found = 0, explained = 0, cut = 0;
  for (const row& one : rows) {
    if (one.is_control()) {
      ++controls;
      found += one.judged == verdict::found;
      explained += one.judged == verdict::explained;
      continue;
    }
    executions += one.out.executions;
    bad += one.judged == verdict::bad;
    cut += !one.out.complete;
  }
  std::printf(
      "explore (%s, bound %d): %llu executions, %llu bad; of %llu mutants and controls %llu found, %llu explained, "
      "%llu missed; %llu scenarios not tried to the end at the last bound; %.1f s: %s\n",
      full ? "full" : "quick", bound, executions, bad, controls, found, explained, controls - found - explained, cut,
      seconds, passed() ? "passed" : "FAILED");
}

std::string report::json() const {
  std::string scenarios, controls;
  for (const row& one : rows) {
    std::string& to = one.is_control() ? controls : scenarios;
    to += (to.empty() ? "\n    " : ",\n    ") + row_json(one);
  }
  return std::string("{\"schema\":\"transom.proof/1\",\"proof\":\"explore\",\"full\":") + (full ? "true" : "false") +
         ",\n  \"machine\":" + machine() + ",\n  \"bound\":" + std::to_string(bound) +
         ",\"seconds\":" + fixed(seconds) + ",\n  \"rows\":[" + scenarios + "],\n  \"controls\":[" + controls +
         "],\n  \"verdict\":\"" + (passed() ? "passed" : "failed") + "\"}\n";
}

}  // namespace transom::explore
