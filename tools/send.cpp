// tools/send.cpp - `transom send URL [FILE...]`: stdin or files into a channel.
#include <chrono>
#include <csignal>
#include <string>
#include <vector>

#include <fmt/core.h>

#include "tools/commands.hpp"
#include "tools/message_pump.hpp"
#include "tools/text.hpp"
#include "tools/udp_courier.hpp"
#include "transom/channel/end_access.hpp"

namespace tools {
namespace {

struct send_arguments {
  std::string url;
  std::vector<std::string> files;
  transfer_options how;
};

template <typename T>
std::size_t message_size(transom::sender<T>& tx, const transfer_options& how) {
  const std::size_t largest = transom::detail::end_access::core_of(tx).largest_message;
  const std::size_t wanted = how.size != 0 ? how.size : 65'536;
  if (how.size > largest)
    fmt::print(stderr, "transom send: messages of {} bytes: that is what {} takes\n", largest, tx.url());
  return std::min(wanted, largest);
}

// Whatever one read brings is a message.
transom::result<void> send_pieces(const send_arguments& a, tally& done, progress& shown, const std::stop_token& stop) {
  auto tx = transom::sender<transom::bytes>::open(a.how.with_framing(a.url));
  if (!tx) return tx.error();
  byte_source source(a.files);
  transom::bytes piece(message_size(*tx, a.how));
  const transom::send_options with{.priority = a.how.priority, .type = a.how.type};
  const bool plain = with.priority == 0 && with.type == 0;
  while (a.how.count == 0 || done.messages < a.how.count) {
    auto n = source.read(piece, stop);
    if (!n) return n.error();
    if (*n == 0) break;
    const auto filled = std::span<const std::byte>(piece).first(*n);
    auto sent = plain ? tx->send(filled, stop) : tx->send(transom::bytes(filled.begin(), filled.end()), with, stop);
    if (!sent) return sent;
    ++done.messages;
    done.bytes += *n;
    shown.advance(*n);
  }
  tx->close();
  return {};
}

transom::result<void> send_lines(const send_arguments& a, tally& done, progress& shown, const std::stop_token& stop) {
  auto tx = transom::sender<std::string>::open(a.how.with_framing(a.url));
  if (!tx) return tx.error();
  byte_source source(a.files);
  transom::bytes piece(65'536);
  const transom::send_options with{.priority = a.how.priority, .type = a.how.type};
  std::string line;
  auto send_line = [&]() -> transom::result<void> {
    if (a.how.count != 0 && done.messages >= a.how.count) return {};
    auto sent = tx->send(line, with, stop);
    if (!sent) return sent;
    ++done.messages;
    done.bytes += line.size();
    shown.advance(line.size());
    line.clear();
    return {};
  };
  while (a.how.count == 0 || done.messages < a.how.count) {
    auto n = source.read(piece, stop);
    if (!n) return n.error();
    if (*n == 0) break;
    std::string_view rest = transom::as_text(std::span<const std::byte>(piece).first(*n));
    for (std::size_t end = rest.find('\n'); end != rest.npos; end = rest.find('\n')) {
      line.append(rest.substr(0, end));
      rest.remove_prefix(end + 1);
      if (auto ok = send_line(); !ok) return ok;
    }
    line.append(rest);
  }
  if (!line.empty()) {
    if (auto ok = send_line(); !ok) return ok;
  }
  tx->close();
  return {};
}

int send(const send_arguments& a) {
  transom::stop_on_signals interrupted{SIGINT, SIGTERM};
  tally done;
  transom::result<void> outcome;
  {
    progress shown("send", byte_source(a.files).total(), a.how.quiet);
    const auto begun = std::chrono::steady_clock::now();
    if (is_udp(a.url) && a.how.framing.empty())
      outcome = send_by_courier(a.url, a.files, done, shown, interrupted.token());
    else if (carries_lines(a.how.with_framing(a.url), a.how)) outcome = send_lines(a, done, shown, interrupted.token());
    else outcome = send_pieces(a, done, shown, interrupted.token());
    done.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  }
  if (!outcome) return failed("send", outcome.error());
  if (a.how.json) print_tally(stdout, "send", a.url, done);
  return 0;
}

}  // namespace

void add_send(CLI::App& app, int& status) {
  auto* command = app.add_subcommand("send", "Send stdin or files into a channel, and end it in good order");
  auto arguments = std::make_shared<send_arguments>();
  command->add_option("URL", arguments->url, "For example unix:///tmp/t.sock, fifo:///tmp/f, tcp://host:port, fd:1")
      ->required();
  command->add_option("FILE", arguments->files, "Files to send, one after the other (default: stdin)");
  arguments->how.add_to(*command, true);
  command->footer(
      "Waits up to connect_timeout (5 s, a URL key) for a receiver. Each read is one message; with\n"
      "--text or framing=line each line is one.\n"
      "Example: cat FILE | transom send unix:///tmp/t.sock");
  command->callback([arguments, &status] { status = send(*arguments); });
}

}  // namespace tools
