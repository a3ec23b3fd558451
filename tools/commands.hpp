// tools/commands.hpp - the commands of `transom`. Each adds itself to the command line and leaves its exit status in
// `status`: 0 did it, 1 a finding or a failed operation, 2 wrong usage.
#pragma once
#include <CLI/CLI.hpp>

namespace tools {

void add_tour(CLI::App& app, int& status);
void add_send(CLI::App& app, int& status);
void add_recv(CLI::App& app, int& status);
void add_pipe(CLI::App& app, int& status);
void add_version(CLI::App& app, int& status);

}  // namespace tools
