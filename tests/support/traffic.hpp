// tests/support/traffic.hpp - runs of certified messages through an end, in whichever thread or process it is.
#pragma once
#include <chrono>
#include <cstdint>
#include <stop_token>
#include <string>

#include "tests/support/certified.hpp"
#include "tests/support/outcome.hpp"
#include "transom/channel/receiver.hpp"
#include "transom/channel/sender.hpp"

namespace transom::testing {

using namespace std::chrono_literals;

/// Longer than the slowest machine needs; a test that waits for it has failed.
inline constexpr auto soon = 20s;

/// How a run of messages ended.
struct run_report {
  std::int64_t count = 0;      ///< messages accepted, or received whole
  std::string outcome = "ok";  ///< of the call that ended the run
  std::string complaint = {};  ///< of the ledger, or the whole sentence of the error
};

/// What is sent: `count` messages of one sender from `first` on; -1: until something stops it.
struct run_of_messages {
  unsigned sender = 0;
  std::uint64_t first = 0;
  std::int64_t count = 1;
  std::size_t size = 64;  ///< of each; with `varied` the largest
  bool varied = false;
  std::size_t size_of(std::uint64_t sequence) const { return varied ? varied_size(sequence, size) : size; }
};

/// Sends by `send(text)` until the count is reached or a call fails.
template <typename Send>
run_report send_run(const run_of_messages& what, Send send) {
  run_report report;
  for (std::uint64_t n = what.first; report.count != what.count; ++n) {
    const auto sent = send(message_of({what.sender, n, what.size_of(n)}));
    if (!sent) {
      report.outcome = word_for(sent.error());
      report.complaint = sent.error().message();
      break;
    }
    ++report.count;
  }
  return report;
}

/// Receives by `receive()` until `count` messages (-1: any number) are in the books or a call fails.
template <typename Receive>
run_report recv_run(ledger& books, bool is_stream, std::int64_t count, Receive receive) {
  run_report report;
  const auto before = books.count();
  const auto received = [&] { return static_cast<std::int64_t>(books.count() - before); };
  while (count < 0 || received() < count) {
    const auto got = receive();
    if (!got) {
      report.outcome = word_for(got.error());
      report.complaint = got.error().message();
      break;
    }
    if (!(is_stream ? books.accept_stream(*got) : books.accept(*got))) {
      report.outcome = "bad";
      report.complaint = books.complaint();
      break;
    }
    if (!is_stream && got->size() < certificate) break;
  }
  report.count = received();
  return report;
}

inline run_report send_all_of(sender<std::string>& tx, const run_of_messages& what) {
  return send_run(what, [&](const std::string& text) { return tx.send_for(text, soon); });
}
/// try_send until it says something else than success.
inline run_report try_send_all_of(sender<std::string>& tx, const run_of_messages& what) {
  return send_run(what, [&](const std::string& text) { return tx.try_send(text); });
}
inline run_report recv_some(receiver<std::string>& rx, ledger& books, bool is_stream, std::int64_t count) {
  return recv_run(books, is_stream, count, [&] { return rx.recv_for(soon); });
}

}  // namespace transom::testing
