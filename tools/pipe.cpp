// tools/pipe.cpp - `transom pipe FROM TO`: joins two channels, message by message.
#include <chrono>
#include <csignal>
#include <string>

#include "tools/commands.hpp"
#include "tools/message_pump.hpp"
#include "tools/text.hpp"

namespace tools {
namespace {

struct pipe_arguments {
  std::string from, to;
  bool text = false, quiet = false, json = false;
};

template <typename T>
transom::result<void> join(const pipe_arguments& a, tally& done, progress& shown, const std::stop_token& stop) {
  auto rx = transom::receiver<T>::open(a.from);
  if (!rx) return rx.error();
  announce("pipe", a.from, rx->url());
  auto tx = transom::sender<T>::open(a.to);
  if (!tx) return tx.error();
  for (;;) {
    auto message = rx->recv_view(stop);
    if (message.failed_with(transom::errc::closed)) break;
    if (!message) return message.error();
    if (auto ok = tx->send(**message, stop); !ok) return ok;
    ++done.messages;
    done.bytes += std::as_bytes(std::span(**message)).size();
    shown.advance(std::as_bytes(std::span(**message)).size());
  }
  tx->close();
  return {};
}

int join_channels(const pipe_arguments& a) {
  for (const std::string& url : {a.from, a.to}) {  // before anything is created
    if (auto ok = transom::url::parse(url); !ok) return failed("pipe", ok.error());
  }
  transom::stop_on_signals interrupted{SIGINT, SIGTERM};
  tally done;
  transom::result<void> outcome;
  {
    progress shown("pipe", 0, a.quiet);
    const auto begun = std::chrono::steady_clock::now();
    transfer_options how;
    how.text = a.text;
    const bool lines = carries_lines(a.from, how) || carries_lines(a.to, how);
    outcome = lines ? join<std::string>(a, done, shown, interrupted.token())
                    : join<transom::bytes>(a, done, shown, interrupted.token());
    done.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  }
  if (!outcome) return failed("pipe", outcome.error());
  if (a.json) print_tally(stdout, "pipe", a.from + " -> " + a.to, done);
  return 0;
}

}  // namespace

void add_pipe(CLI::App& app, int& status) {
  auto* command = app.add_subcommand("pipe", "Join two channels: what arrives at FROM is sent to TO");
  auto arguments = std::make_shared<pipe_arguments>();
  command->add_option("FROM", arguments->from, "URL to receive from; fd:0 is stdin (with framing=raw or line)")
      ->required();
  command->add_option("TO", arguments->to, "URL to send to; fd:1 is stdout (with framing=raw or line)")->required();
  command->add_flag("--text", arguments->text, "Messages are strings");
  command->add_flag("--quiet,-q", arguments->quiet, "No progress on stderr");
  command->add_flag("--json", arguments->json, "Say what was done as JSON on stdout");
  command->footer(
      "The end of FROM is passed on. There is no timeout.\n"
      "Example: transom pipe tcp://*:9000?framing=line fifo:///tmp/log?framing=line");
  command->callback([arguments, &status] { status = join_channels(*arguments); });
}

}  // namespace tools
