// tools/version.cpp - `transom version`: which Transom, built how, with which mechanisms.
#include <algorithm>
#include <string>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "tools/commands.hpp"
#include "transom/transom.hpp"
#include "transom/transport/transport.hpp"

namespace tools {
namespace {

void print_version(bool as_json) {
  nlohmann::json schemes = nlohmann::json::array();
  std::string listed;
  for (int i = 0; i <= static_cast<int>(transom::scheme::jetstream); ++i) {
    const auto s = static_cast<transom::scheme>(i);
    const std::string names = transom::transport::features_of(s).names();
    if (names.empty()) continue;
    nlohmann::json features = nlohmann::json::array();
    for (std::size_t at = 0; at < names.size();) {
      const std::size_t end = std::min(names.find(", ", at), names.size());
      features.push_back(names.substr(at, end - at));
      at = end + 2;
    }
    schemes.push_back({{"scheme", transom::name_of(s)}, {"features", features}});
    listed.append(listed.empty() ? "" : " ").append(transom::name_of(s));
  }
  if (as_json) {
    const nlohmann::json document{
        {"schema", "transom.version/1"}, {"version", TRANSOM_VERSION}, {"compiler", __VERSION__}, {"schemes", schemes}};
    fmt::print("{}\n", document.dump(2));
  } else {
    fmt::print("transom {}\ncompiler: {}\nmechanisms: {}\n", TRANSOM_VERSION, __VERSION__, listed);
  }
}

}  // namespace

void add_version(CLI::App& app, int&) {
  auto* command = app.add_subcommand("version", "Which Transom this is, and what it can open");
  auto as_json = std::make_shared<bool>(false);
  command->add_flag("--json", *as_json, "One JSON document (transom.version/1)");
  command->callback([as_json] { print_version(*as_json); });
}

}  // namespace tools
