// tools/tour.cpp - `transom tour [FILE]`: a file through every mechanism, from process to process, verified.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "tools/commands.hpp"
#include "tools/machine.hpp"
#include "tools/message_pump.hpp"
#include "tools/sha256.hpp"
#include "tools/text.hpp"
#include "tools/tour_routes.hpp"

namespace tools {
namespace {

struct tour_arguments {
  std::string file;
  std::vector<std::string> via;
  std::vector<std::string> produce;
  bool json = false;
};

struct row {
  std::string scheme, note;
  std::uint64_t messages = 0, bytes = 0;
  double seconds = 0;
  std::int64_t p50_ns = 0;
  bool verified = false;
  double rate() const { return seconds > 0 ? static_cast<double>(bytes) / seconds : 0; }
};

row tour_one(const std::string& scheme, const std::string& file, std::size_t size, const std::string& digest,
             const std::stop_token& stop) {
  row r{.scheme = scheme, .note = {}};
  transom::result<arrival> got = transom::error(transom::errc::unsupported, "tour");
  try {
    got = travel(scheme, file, size, stop);
  } catch (const transom::exception& e) {
    got = e.reason();
  }
  if (!got) {
    r.note = got.error().message();
    return r;
  }
  r.messages = got->messages;
  r.bytes = got->data.size();
  r.seconds = got->seconds;
  r.p50_ns = got->p50_ns;
  r.verified = sha256(got->data) == digest;
  r.note = r.verified ? got->note : "what arrived is not what was sent";
  return r;
}

void print_head(const std::string& file, std::size_t size, const std::string& digest) {
  fmt::print("{}\n", this_machine().sentence());
  fmt::print("{}: {} ({} bytes), sha256 {}\n\n", file, human_bytes(static_cast<double>(size)), size, digest);
  fmt::print("{:<12} {:>9} {:>12} {:>10} {:>12}  {}\n", "mechanism", "messages", "throughput", "time", "64 B one way",
             "verified");
}

void print_row(const row& r, bool colour) {
  const std::string verdict =
      r.verified ? (colour ? "\033[32myes\033[0m" : "yes") : (colour ? "\033[31mNO\033[0m" : "NO");
  if (r.messages == 0) {
    fmt::print("{:<12} {:>9} {:>12} {:>10} {:>12}  {}  {}\n", r.scheme, "-", "-", "-", "-", verdict, r.note);
    return;
  }
  fmt::print("{:<12} {:>9} {:>10}/s {:>10} {:>12}  {}{}{}\n", r.scheme, r.messages, human_bytes(r.rate()),
             human_time(std::chrono::nanoseconds(static_cast<std::int64_t>(r.seconds * 1e9))),
             r.p50_ns == 0 ? "-" : human_time(std::chrono::nanoseconds(r.p50_ns)), verdict, r.note.empty() ? "" : "  ",
             r.note);
}

nlohmann::json to_json(const row& r) {
  return {{"scheme", r.scheme},      {"messages", r.messages}, {"bytes", r.bytes},       {"seconds", r.seconds},
          {"bytes_per_s", r.rate()}, {"p50_ns", r.p50_ns},     {"verified", r.verified}, {"note", r.note}};
}

int tour(const tour_arguments& a) {
  transom::stop_on_signals interrupted{SIGINT, SIGTERM};
  const std::string file = a.file.empty() ? std::filesystem::read_symlink("/proc/self/exe").string() : a.file;
  std::ifstream stream(file, std::ios::binary);
  if (!stream || std::filesystem::is_directory(file)) {
    fmt::print(stderr, "transom tour: cannot read {}\n", file);
    return 1;
  }
  const std::string content{std::istreambuf_iterator<char>(stream), {}};
  const std::string digest = sha256(std::as_bytes(std::span(content)));
  const auto& schemes = a.via.empty() ? tour_schemes() : a.via;

  if (!a.json) print_head(file, content.size(), digest);
  const bool colour = may_colour(1);
  std::vector<row> rows;
  for (const std::string& scheme : schemes) {
    if (interrupted.token().stop_requested()) break;
    rows.push_back(tour_one(scheme, file, content.size(), digest, interrupted.token()));
    if (!a.json) {
      print_row(rows.back(), colour);
      std::fflush(stdout);
    }
  }
  if (interrupted.token().stop_requested()) return failed("tour", transom::error(transom::errc::canceled, "tour"));
  const auto verified = std::ranges::count_if(rows, &row::verified);
  if (a.json) {
    nlohmann::json document{{"schema", "transom.tour/1"},
                            {"machine", this_machine().json()},
                            {"input", {{"file", file}, {"bytes", content.size()}, {"sha256", digest}}},
                            {"rows", nlohmann::json::array()}};
    for (const row& r : rows) document["rows"].push_back(to_json(r));
    fmt::print("{}\n", document.dump(2));
  } else {
    fmt::print("\n{} of {} mechanisms verified: every byte that left one process arrived in the other.\n", verified,
               schemes.size());
  }
  return static_cast<std::size_t>(verified) == schemes.size() ? 0 : 1;
}

}  // namespace

void add_tour(CLI::App& app, int& status) {
  auto* command =
      app.add_subcommand("tour", "Move a file through every mechanism, from process to process, and verify it");
  auto arguments = std::make_shared<tour_arguments>();
  command->add_option("FILE", arguments->file, "What to move (default: this program itself)");
  command->add_option("--via", arguments->via, "Only these mechanisms, separated by commas")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::IsMember(tour_schemes()));
  command->add_flag("--json", arguments->json, "One JSON document (transom.tour/1)");
  command->add_option("--produce", arguments->produce)->expected(3)->group("");  // the producer's process
  command->footer(
      "Producer and consumer are two processes (for inproc two threads). The time runs from the consumer's\n"
      "first piece to the end; one way is half the median round trip of 64 bytes, both sides asleep in\n"
      "between. Exit status 1 if any mechanism could not be verified.");
  command->callback([arguments, &status] {
    status = arguments->produce.empty() ? tour(*arguments)
                                        : produce(arguments->produce[0], arguments->produce[1], arguments->produce[2]);
  });
}

}  // namespace tools
