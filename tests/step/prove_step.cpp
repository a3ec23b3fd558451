// tests/step/prove_step.cpp - proves, by ending processes after every instruction, that nobody else comes to harm.
//
// prove_step [--list] [--pairs | --stops] [--quick | --full] [--only NAME] [--seed N] [--points N] [--jobs N]
//            [--seconds S] [--point I[,J,SWAPPED,SECOND_FIRST,EXACT]] [--json FILE]
//
// Quick: for about S seconds (25; pairs 35), at most 400 points of a row, or 20,000 pairs. Full: every point, or a
// million pairs. Exit status 1: something was bad, or a control passed. A finding is run again by --only NAME --point
// WHERE.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tests/step/report.hpp"

namespace {

using namespace transom::step;

struct options {
  proof of = proof::step;
  bool list = false, full = false;
  std::string only, json;
  std::uint64_t seed = std::random_device{}(), points = 0;
  double seconds = 0;
  unsigned jobs = static_cast<unsigned>(::sysconf(_SC_NPROCESSORS_ONLN));
  std::vector<point> at;
};

point point_of(const std::string& text) {
  unsigned long long first = 0, second = 0;
  unsigned swapped = 0, second_first = 0, exact = 0;
  std::sscanf(text.c_str(), "%llu,%llu,%u,%u,%u", &first, &second, &swapped, &second_first, &exact);
  return {first, second, swapped != 0, second_first != 0, exact != 0};
}

// False: that is not how it is called.
bool read_options(int count, char** words, options& out) {
  for (int at = 1; at < count; ++at) {
    const std::string_view word = words[at];
    const auto value = [&]() -> std::string { return at + 1 < count ? words[++at] : ""; };
    if (word == "--list") out.list = true;
    else if (word == "--pairs") out.of = proof::pairs;
    else if (word == "--stops") out.of = proof::stop;
    else if (word == "--quick") out.full = false;
    else if (word == "--full") out.full = true;
    else if (word == "--only") out.only = value();
    else if (word == "--json") out.json = value();
    else if (word == "--seed") out.seed = std::strtoull(value().c_str(), nullptr, 10);
    else if (word == "--points") out.points = std::strtoull(value().c_str(), nullptr, 10);
    else if (word == "--seconds") out.seconds = std::strtod(value().c_str(), nullptr);
    else if (word == "--jobs") out.jobs = static_cast<unsigned>(std::strtoul(value().c_str(), nullptr, 10));
    else if (word == "--point") out.at.push_back(point_of(value()));
    else return false;
  }
  if (out.seconds == 0 && !out.full && out.points == 0 && out.at.empty())
    out.seconds = out.of == proof::pairs ? 35 : 25;
  return out.jobs > 0;
}

// How many points each row gets. Pairs are dealt out so that each row takes about the same time.
std::vector<std::uint64_t> points_for(const options& how, const std::vector<prepared>& rows) {
  std::vector<std::uint64_t> most(rows.size(), how.full ? 0 : 400);
  if (how.of == proof::pairs) {
    const auto share = [](const prepared& row) {
      const double way = static_cast<double>(row.known.victim.instructions + row.known.partner.instructions);
      return 1 / (1 + way / 1000);
    };
    double all = 0;
    for (const prepared& row : rows) all += share(row);
    for (std::size_t at = 0; at < rows.size(); ++at)
      most[at] = 1 + static_cast<std::uint64_t>((how.full ? 1'000'000 : 20'000) * share(rows[at]) / all);
  }
  for (std::size_t at = 0; at < rows.size(); ++at) {
    const entry& row = *rows[at].row;
    if (how.points != 0) most[at] = how.points;
    else if (most[at] == 0) most[at] = row.most;
    else if (how.of == proof::pairs && row.must_fail) most[at] = std::min<std::uint64_t>(most[at], 2000);
  }
  return most;
}

double since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

int main(int count, char** words) {
  // A copy by `rep movsb` is a step per byte, and says nothing that copies by vectors do not.
  constexpr const char* tunables = "glibc.cpu.x86_rep_movsb_threshold=0x10000000";
  if (std::getenv("GLIBC_TUNABLES") == nullptr) {
    ::setenv("GLIBC_TUNABLES", tunables, 1);
    ::execv("/proc/self/exe", words);
  }
  options how;
  if (!read_options(count, words, how)) {
    std::fprintf(stderr, "prove_step: not understood; see the first lines of tests/step/prove_step.cpp\n");
    return 2;
  }
  const entries all = all_entries();
  entries chosen;
  for (const entry& row : all) {
    if (row.in(how.of) && (how.only.empty() || row.name == how.only)) chosen.push_back(row);
  }
  if (how.list) {
    for (const entry& row : chosen) std::printf("%s%s\n", row.name.c_str(), row.must_fail ? " (control)" : "");
    return 0;
  }
  const auto start = std::chrono::steady_clock::now();
  report all_of_it{.of = how.of, .seed = how.seed, .full = how.full, .seconds = 0, .rows = {}};
  std::vector<prepared> rows;
  for (const entry& row : chosen) rows.push_back(prepare(row, how.of));
  const std::vector<std::uint64_t> most = points_for(how, rows);
  for (std::size_t at = 0; at < rows.size(); ++at) {
    campaign row{.of = how.of, .seed = how.seed, .most_points = most[at], .stages = how.jobs, .only = how.at};
    // What one row does not use, the next ones have. A control that fails ends early; one that has no time for it would
    // make the zeros mean nothing.
    const double least = rows[at].row->must_fail ? 10 : 0.1;
    if (how.seconds > 0)
      row.seconds = std::max(least, (how.seconds - since(start)) / static_cast<double>(rows.size() - at));
    const outcome out = run(rows[at], row);
    report::print_row(*rows[at].row, out, how.of);
    all_of_it.rows.emplace_back(rows[at].row, out);
  }
  all_of_it.seconds = since(start);
  all_of_it.print_summary();
  if (!how.json.empty()) std::ofstream(how.json) << all_of_it.json();
  return all_of_it.passed() ? 0 : 1;
}
