// tests/step/report.cpp - see report.hpp.
#include "tests/step/report.hpp"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace transom::step {
namespace {

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out + '"';
}

std::string fixed(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

std::string machine() {
  utsname self{};
  ::uname(&self);
  return std::string("{\"system\":") + quoted(std::string(self.sysname) + " " + self.release) +
         ",\"architecture\":" + quoted(self.machine) +
         ",\"processors\":" + std::to_string(::sysconf(_SC_NPROCESSORS_ONLN)) + ",\"build\":" + quoted(build_text()) +
         "}";
}

std::string histogram_json(const outcome& out) {
  std::string text = "{";
  for (const auto& [history, count] : out.histogram)
    text += (text.size() > 1 ? "," : "") + quoted(history) + ":" + std::to_string(count);
  return text + "}";
}

std::string row_json(const entry& row, const outcome& out, proof of) {
  std::string text = std::string("{\"") + (row.must_fail ? "name" : "operation") + "\":" + quoted(row.name) +
                     ",\"instructions\":" + std::to_string(out.instructions) +
                     ",\"points\":" + std::to_string(out.points) + ",\"bad\":" + std::to_string(out.bad) +
                     ",\"hung\":" + std::to_string(out.hung) + ",\"drifted\":" + std::to_string(out.drifted) +
                     ",\"seconds\":" + fixed(out.seconds) + ",\"histogram\":" + histogram_json(out);
  if (row.must_fail) text += ",\"must_fail\":true";
  if (!out.fault.empty()) text += ",\"fault\":" + quoted(out.fault);
  text += ",\"findings\":[";
  for (std::size_t at = 0; at < out.findings.size(); ++at) {
    const finding& found = out.findings[at];
    text += std::string(at == 0 ? "" : ",") + "{\"point\":" + quoted(found.where.text(of)) +
            ",\"what\":" + quoted(found.what) + "}";
  }
  return text + "],\"passed\":" + (out.passed(row, of) ? "true" : "false") + "}";
}

}  // namespace

const char* name_of(proof of) noexcept { return of == proof::step ? "step" : of == proof::pairs ? "pairs" : "stop"; }

std::string build_text() {
#if defined(__clang__)
  return "clang " + std::to_string(__clang_major__) + " " TRANSOM_STEP_LEVEL;
#else
  return "gcc " + std::to_string(__GNUC__) + "." + std::to_string(__GNUC_MINOR__) + " " TRANSOM_STEP_LEVEL;
#endif
}

bool report::passed() const noexcept {
  return !rows.empty() && std::ranges::all_of(rows, [&](const auto& row) { return row.second.passed(*row.first, of); });
}

void report::print_row(const entry& row, const outcome& out, proof of) {
  std::string way = std::to_string(out.instructions);
  if (of == proof::pairs) way += "x" + std::to_string(out.partner_instructions);
  const bool good = out.passed(row, of);
  std::printf("%-8s %-44s n %-12s points %-7llu bad %-6llu %6.1f s ",
              good ? (row.must_fail ? "control" : "ok") : "FAILED", row.name.c_str(), way.c_str(),
              static_cast<unsigned long long>(out.points), static_cast<unsigned long long>(out.bad), out.seconds);
  for (const auto& [history, count] : out.histogram)
    std::printf(" [%s %llu]", history.c_str(), static_cast<unsigned long long>(count));
  if (out.drifted != 0) std::printf(" (%llu stood elsewhere)", static_cast<unsigned long long>(out.drifted));
  std::printf("\n");
  if (!out.fault.empty()) std::printf("         %s\n", out.fault.c_str());
  if (row.must_fail && !good) std::printf("         a control that passes: the zeros of this proof mean nothing\n");
  if (!row.must_fail && !good && out.bad == 0 && out.fault.empty())
    std::printf("         only one history: no death fell on the other side of the commit\n");
  if (!row.must_fail) {
    for (const finding& found : out.findings)
      std::printf("         at %s: %s\n", found.where.text(of).c_str(), found.what.c_str());
  }
  std::fflush(stdout);
}

void report::print_summary() const {
  std::uint64_t points = 0, bad = 0, controls = 0, caught = 0;
  for (const auto& [row, out] : rows) {
    if (row->must_fail) {
      ++controls;
      caught += out.passed(*row, of) ? 1 : 0;
      continue;
    }
    points += out.points;
    bad += out.bad;
  }
  std::printf("%s (%s, %s): %llu points, %llu bad; %llu of %llu controls caught; seed %llu; %.1f s: %s\n", name_of(of),
              build_text().c_str(), full ? "full" : "quick", static_cast<unsigned long long>(points),
              static_cast<unsigned long long>(bad), static_cast<unsigned long long>(caught),
              static_cast<unsigned long long>(controls), static_cast<unsigned long long>(seed), seconds,
              passed() ? "passed" : "FAILED");
}

std::string report::json() const {
  std::string operations, controls;
  for (const auto& [row, out] : rows) {
    std::string& to = row->must_fail ? controls : operations;
    to += (to.empty() ? "\n    " : ",\n    ") + row_json(*row, out, of);
  }
  return std::string("{\"schema\":\"transom.proof/1\",\"proof\":\"") + name_of(of) +
         "\",\"full\":" + (full ? "true" : "false") + ",\n  \"machine\":" + machine() +
         ",\n  \"seed\":" + std::to_string(seed) + ",\"seconds\":" + fixed(seconds) + ",\n  \"rows\":[" + operations +
         "],\n  \"controls\":[" + controls + "],\n  \"verdict\":\"" + (passed() ? "passed" : "failed") + "\"}\n";
}

}  // namespace transom::step
