// tools/recv.cpp - `transom recv URL`: a channel to stdout.
#include <chrono>
#include <csignal>
#include <string>

#include "tools/commands.hpp"
#include "tools/message_pump.hpp"
#include "tools/text.hpp"
#include "tools/udp_courier.hpp"

namespace tools {
namespace {

struct recv_arguments {
  std::string url;
  transfer_options how;
  bool keep_open = false, delimit = false;
};

template <typename T>
std::span<const std::byte> bytes_of(const T& message) {
  return std::as_bytes(std::span(message));
}

template <typename T>
transom::result<void> receive(const recv_arguments& a, bool newline, tally& done, progress& shown,
                              const std::stop_token& stop) {
  const std::string url = a.how.with_framing(a.url);
  auto rx = transom::receiver<T>::open(url, {.keep_open = a.keep_open});
  if (!rx) return rx.error();
  announce("recv", url, rx->url());
  const transom::recv_options which{.type = a.how.type};
  while (a.how.count == 0 || done.messages < a.how.count) {
    auto message = rx->recv_view(which, stop);
    if (message.failed_with(transom::errc::closed)) return {};
    if (!message) return message.error();
    const auto data = bytes_of(**message);
    if (auto ok = write_stdout(data, stop); !ok) return ok;
    if (newline) {
      static constexpr std::byte end{'\n'};
      if (auto ok = write_stdout({&end, 1}, stop); !ok) return ok;
    }
    ++done.messages;
    done.bytes += data.size();
    shown.advance(data.size());
  }
  return {};
}

int recv(const recv_arguments& a) {
  transom::stop_on_signals interrupted{SIGINT, SIGTERM};
  tally done;
  transom::result<void> outcome;
  {
    progress shown("recv", 0, a.how.quiet);
    const auto begun = std::chrono::steady_clock::now();
    const bool lines = carries_lines(a.how.with_framing(a.url), a.how);
    if (is_udp(a.url) && a.how.framing.empty()) outcome = receive_by_courier(a.url, done, shown, interrupted.token());
    else if (lines) outcome = receive<std::string>(a, true, done, shown, interrupted.token());
    else outcome = receive<transom::bytes>(a, a.delimit, done, shown, interrupted.token());
    done.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  }
  if (a.how.json) print_tally(stderr, "recv", a.url, done);
  if (outcome) return 0;
  return failed("recv", outcome.error());
}

}  // namespace

void add_recv(CLI::App& app, int& status) {
  auto* command = app.add_subcommand("recv", "Receive from a channel to stdout, until the last sender has closed");
  auto arguments = std::make_shared<recv_arguments>();
  command->add_option("URL", arguments->url, "For example unix:///tmp/t.sock, fifo:///tmp/f, tcp://*:9000, fd:0")
      ->required();
  arguments->how.add_to(*command, false);
  command->add_flag("--keep-open", arguments->keep_open, "Senders come and go; go on until interrupted");
  command->add_flag("--delimit", arguments->delimit, "A newline after each message");
  command->footer(
      "Owns the name: creates the object, and removes it at the end. Exit status 1 and a sentence when a\n"
      "sender dies, or on Ctrl-C.\n"
      "Example: transom recv unix:///tmp/t.sock > FILE");
  command->callback([arguments, &status] { status = recv(*arguments); });
}

}  // namespace tools
