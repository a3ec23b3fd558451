// tools/main.cpp - the command line of `transom`. Data goes to stdout, everything else to stderr.
#include <exception>
#include <string>

#include <fmt/core.h>

#include "tools/commands.hpp"
#include "transom/transom.hpp"

namespace {

// Says which word was no command; CLI11 would only say that a command is missing.
bool names_no_command(const CLI::App& app, const char* word) {
  if (word == nullptr || *word == '-') return false;
  std::string known;
  for (const CLI::App* command : app.get_subcommands({})) {
    if (command->get_name() == word) return false;
    known.append(" ").append(command->get_name());
  }
  fmt::print(stderr, "transom: unknown command \"{}\"; commands:{}\n", word, known);
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"transom - how Linux processes talk to each other", "transom"};
  app.require_subcommand(1);
  app.set_version_flag("--version", "transom " TRANSOM_VERSION);
  app.footer("transom COMMAND --help explains each. Exit status: 0 did it, 1 failed, 2 wrong usage.");
  int status = 0;
  tools::add_tour(app, status);
  tools::add_send(app, status);
  tools::add_recv(app, status);
  tools::add_pipe(app, status);
  tools::add_version(app, status);
  if (names_no_command(app, argv[1])) return 2;
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  } catch (const transom::exception& e) {
    fmt::print(stderr, "transom: {}\n", e.what());
    return e.reason() == transom::errc::bad_url ? 2 : 1;
  } catch (const std::exception& e) {
    fmt::print(stderr, "transom: {}\n", e.what());
    return 1;
  }
  return status;
}
