// tests/soak/soak_report.cpp - see soak_report.hpp.
#include "tests/soak/soak_report.hpp"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace transom::soak {
namespace {

using ull = unsigned long long;

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out + '"';
}

std::string machine() {
  utsname self{};
  ::uname(&self);
  return std::string(self.sysname) + " " + self.release + " " + self.machine + ", " +
         std::to_string(::sysconf(_SC_NPROCESSORS_ONLN)) + " processors";
}

std::uint64_t percentile(std::vector<std::uint64_t> all, unsigned hundredths) {
  if (all.empty()) return 0;
  std::ranges::sort(all);
  return all[std::min(all.size() - 1, all.size() * hundredths / 100)];
}
std::uint64_t most(const std::vector<std::uint64_t>& all) { return percentile(all, 100); }

std::string recovery_json(const std::vector<std::uint64_t>& times) {
  return "{\"n\":" + std::to_string(times.size()) + ",\"p50\":" + std::to_string(percentile(times, 50)) +
         ",\"p99\":" + std::to_string(percentile(times, 99)) + ",\"max\":" + std::to_string(most(times)) + "}";
}

std::string row_json(const soak_row& row) {
  const soak_totals& t = row.totals;
  std::string text = "{\"name\":" + quoted(row.name);
  const auto number = [&](const char* key, std::uint64_t value) {
    text += std::string(",\"") + key + "\":" + std::to_string(value);
  };
  number("kills", t.kills);
  number("messages", t.messages);
  for (unsigned i = 0; i < fault_kinds; ++i) number(fault_names[i], t.faults[i]);
  number("consumer_kills", t.consumer_kills);
  number("producer_kills", t.producer_kills);
  number("rounds", t.rounds);
  number("quick", t.quick);
  number("copied", t.copied);
  number("viewed", t.viewed);
  number("redelivered", t.redelivered);
  number("torn_tails", t.torn_tails);
  number("unnoted", t.unnoted);
  number("audits", t.audits);
  number("loans_dropped", t.loans_dropped);
  number("calms", t.calms);
  text += ",\"complaints\":[";
  for (std::size_t i = 0; i < t.complaints.size(); ++i) text += (i == 0 ? "" : ",") + quoted(t.complaints[i]);
  return text + "]}";
}

std::vector<std::uint64_t> recoveries(const soak_report& all, bool consumer) {
  std::vector<std::uint64_t> times;
  for (const soak_row& row : all.rows) {
    const auto& some = consumer ? row.totals.recovery_after_consumer : row.totals.recovery_after_producer;
    times.insert(times.end(), some.begin(), some.end());
  }
  return times;
}

}  // namespace

soak_control control_of(std::string name, const soak_totals& totals) {
  soak_control out{std::move(name), totals.kills, totals.bad(), {}};
  for (unsigned i = 0; i < fault_kinds; ++i)
    if (totals.faults[i] != 0) out.found += (out.found.empty() ? "" : ", ") + std::string(fault_names[i]);
  if (!totals.complaints.empty()) out.found += ": " + totals.complaints.front();
  return out;
}

bool soak_report::passed() const {
  if (rows.empty() && controls.empty()) return false;
  const auto good = [](const soak_row& row) { return row.totals.bad() == 0 && row.totals.kills != 0; };
  return std::ranges::all_of(rows, good) && std::ranges::all_of(controls, [](const auto& one) { return one.bad != 0; });
}

void soak_report::print() const {
  for (const soak_row& row : rows) {
    const soak_totals& t = row.totals;
    std::printf(
        "soak %s: %llu kills (%llu of consumers), %llu messages, %llu lost, %llu doubled, %llu torn, "
        "%llu wedged, %llu leaked\n",
        row.name.c_str(), ull(t.kills), ull(t.consumer_kills), ull(t.messages), ull(t.faults[0]), ull(t.faults[1]),
        ull(t.faults[2]), ull(t.faults[3]), ull(t.faults[4]));
    std::printf(
        "  %llu rounds; %llu quick, %llu copied, %llu viewed, %llu came again, %llu torn tails skipped, "
        "%llu acknowledged without a note, %llu audits, %llu calms\n",
        ull(t.rounds), ull(t.quick), ull(t.copied), ull(t.viewed), ull(t.redelivered), ull(t.torn_tails),
        ull(t.unnoted), ull(t.audits), ull(t.calms));
    for (const auto& [who, times] :
         {std::pair("consumer", &t.recovery_after_consumer), std::pair("producer", &t.recovery_after_producer)})
      std::printf("  recovery after the death of a %s: %zu times, p50 %.2f ms, p99 %.2f ms, most %.2f ms\n", who,
                  times->size(), static_cast<double>(percentile(*times, 50)) / 1e6,
                  static_cast<double>(percentile(*times, 99)) / 1e6, static_cast<double>(most(*times)) / 1e6);
    for (const std::string& why : t.complaints) std::printf("  bad: %s\n", why.c_str());
  }
  for (const soak_control& one : controls)
    std::printf("control %s: %llu bad within %llu kills%s\n", one.name.c_str(), ull(one.bad), ull(one.kills),
                one.bad != 0 ? (" (" + one.found + ")").c_str() : ": the judge sees nothing");
  std::printf("soak: seed %llu, %.1f s, %s: %s\n", ull(seed), seconds, machine().c_str(),
              passed() ? "passed" : "FAILED");
}

std::string soak_report::json() const {
  std::string text = "{\"schema\":\"transom.proof/1\",\"proof\":\"soak\",\n  \"machine\":" + quoted(machine()) +
                     ",\"seed\":" + std::to_string(seed) + ",\"seconds\":" + std::to_string(seconds) +
                     ",\n  \"rows\":[";
  for (std::size_t i = 0; i < rows.size(); ++i) text += (i == 0 ? "\n    " : ",\n    ") + row_json(rows[i]);
  text += "],\n  \"controls\":[";
  for (std::size_t i = 0; i < controls.size(); ++i)
    text += std::string(i == 0 ? "" : ",") + "\n    {\"name\":" + quoted(controls[i].name) +
            ",\"kills\":" + std::to_string(controls[i].kills) + ",\"bad\":" + std::to_string(controls[i].bad) +
            ",\"found\":" + quoted(controls[i].found) + ",\"must_fail\":true}";
  auto times = recoveries(*this, true);
  const auto after_consumer = times, after_producer = recoveries(*this, false);
  times.insert(times.end(), after_producer.begin(), after_producer.end());
  text += "],\n  \"recovery_ns\":{\"p50\":" + std::to_string(percentile(times, 50)) +
          ",\"p99\":" + std::to_string(percentile(times, 99)) + ",\"after_consumer\":" + recovery_json(after_consumer) +
          ",\"after_producer\":" + recovery_json(after_producer) + "}";
  return text + ",\n  \"verdict\":\"" + (passed() ? "passed" : "failed") + "\"}\n";
}

}  // namespace transom::soak
