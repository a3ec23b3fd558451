// bench/overhead_report.cpp - see overhead.hpp.
#include <algorithm>
#include <fstream>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "bench/overhead.hpp"
#include "tools/machine.hpp"

namespace bench {
namespace {

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  return values[values.size() / 2];
}

std::vector<double> ratios_of(const comparison& c) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < c.raw.size(); ++i) {
    ratios.push_back(c.pattern == "round_trip" ? c.ours[i] / c.raw[i] : c.raw[i] / c.ours[i]);
  }
  return ratios;
}

nlohmann::json to_json(const comparison& c, const char* system, const std::vector<double>& seconds) {
  const double each = median(seconds);
  nlohmann::json row{{"system", system},
                     {"mechanism", c.mechanism},
                     {"pattern", c.pattern},
                     {"wait", "block"},
                     {"size", c.size},
                     {"runs", seconds.size()},
                     {"messages_per_s", 1 / each},
                     {"bytes_per_s", static_cast<double>(c.size) / each}};
  if (c.pattern == "round_trip") row["p50_ns"] = each * 1e9;
  if (std::string_view(system) == "transom") row["ratio_to_raw"] = c.ratio();
  return row;
}

}  // namespace

double comparison::ratio() const { return median(ratios_of(*this)); }

double comparison::spread() const {
  const auto all = ratios_of(*this);
  const auto [least, most] = std::ranges::minmax(all);
  return most - least;
}

bool comparison::holds() const { return pattern == "round_trip" ? ratio() <= goal : ratio() >= goal; }

bool comparison::is_in(std::string_view only) const {
  const std::string name = fmt::format("{}/{}/{}/", mechanism, pattern, size);
  return only.empty() || name.starts_with(fmt::format("{}/", only));
}

int report(const std::vector<comparison>& all, const std::string& json_file, int rounds) {
  const tools::machine here = tools::this_machine();
  fmt::print("{}\ntwo processes on two cores, both blocking; medians of {} interleaved rounds\n\n", here.sentence(),
             rounds);
  fmt::print("{:<12} {:<11} {:>7} {:>14} {:>14} {:>7} {:>7} {:>8}\n", "mechanism", "pattern", "size", "raw", "transom",
             "ratio", "spread", "goal");
  int missed = 0;
  nlohmann::json rows = nlohmann::json::array();
  for (const comparison& c : all) {
    const bool trip = c.pattern == "round_trip";
    const auto shown = [&](double s) {
      return trip ? fmt::format("{:.2f} us", s * 1e6) : fmt::format("{:.3f} M/s", 1e-6 / s);
    };
    fmt::print("{:<12} {:<11} {:>7} {:>14} {:>14} {:>7.3f} {:>7.3f} {:>2} {:.2f} {}\n", c.mechanism, c.pattern, c.size,
               shown(median(c.raw)), shown(median(c.ours)), c.ratio(), c.spread(), trip ? "<=" : ">=", c.goal,
               c.holds() ? "" : "missed");
    missed += !c.holds();
    rows.push_back(to_json(c, "raw", c.raw));
    rows.push_back(to_json(c, "transom", c.ours));
  }
  fmt::print("\n{} of {} goals hold\n", all.size() - static_cast<std::size_t>(missed), all.size());
  if (!json_file.empty()) {
    const nlohmann::json document{
        {"schema", "transom.bench/1"}, {"machine", here.json()}, {"limits", nlohmann::json::object()}, {"rows", rows}};
    std::ofstream(json_file) << document.dump(2) << '\n';
  }
  return missed;
}

}  // namespace bench
