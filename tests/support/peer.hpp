// tests/support/peer.hpp - the other side of a channel, as a thread of this process or as a process of its own, that
// does what it is told. A test reads from top to bottom although two sides act in it.
//
// Orders and answers travel over a socket pair that is not Transom's, so that what is tested does not carry the test.
// The process is this program executed again, with TRANSOM_TEST_PEER set; it dies with its parent.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "tests/support/traffic.hpp"
#include "transom/process/child.hpp"

namespace transom::testing {

enum class sides { threads, processes };

enum class verb : std::int32_t {
  open_sender,
  open_receiver,
  adopt_sender,
  adopt_receiver,
  send,
  try_send,
  recv,
  close,
  use_up_descriptors,
  free_descriptors,
  become_nobody,
  catch_signals,
  leave
};

struct order {
  verb what = verb::leave;
  bool loses = false;      ///< opening: with on_full = drop_newest; receiving: gaps are all right
  bool is_stream = false;  ///< receiving: no boundaries
  run_of_messages run = {};
  char url[400] = {};
};

/// What became of an order. `text`: the URL after opening, else the sentence of the error or the ledger.
struct answer {
  std::int64_t count = 0;
  char outcome[48] = "ok";
  char text[600] = {};

  run_report report() const { return {count, outcome, text}; }
};

/// The ends a peer is born with, if it does not open its own.
struct endowment {
  std::optional<sender<std::string>> tx;
  std::optional<receiver<std::string>> rx;
  fd descriptor;  ///< for fd: channels
};

/// Owns the other side. Destroyed, the thread has ended and the process is dead and reaped.
class peer {
 public:
  explicit peer(sides as, endowment with = {});
  peer(peer&&) noexcept;
  peer& operator=(peer&&) noexcept;
  ~peer();

  run_report open_sender(const std::string& url, bool loses = false);
  run_report open_receiver(const std::string& url, bool loses = false);
  /// Opens what it was born with.
  run_report adopt_sender(const std::string& url = {});
  run_report adopt_receiver(const std::string& url = {});
  run_report send(const run_of_messages& what) { return finish(begin({.what = verb::send, .run = what})); }
  run_report recv(std::int64_t count, bool is_stream = false, bool loses = false);
  run_report tell(verb what) { return finish(begin({.what = what})); }
  run_report close() { return tell(verb::close); }

  /// Gives an order and does not wait; each begin() needs its finish().
  peer& begin(const order& what);
  run_report finish() { return finish(*this); }

  /// SIGKILL, and the end of the process. Only of a process.
  void kill();
  void signal(int number);
  /// For pthread_kill and /proc; of a process the pid.
  int pid() const;
  bool is_process() const;
  /// Sends the other side this signal until `stop` says so, thousands of times a second.
  void pester(int number);

 private:
  static run_report finish(peer& from);
  struct parts;
  std::unique_ptr<parts> parts_;
};

/// What main() calls first: plays the peer if this process is one, and then never returns.
void play_the_peer_if_told();

/// An order that sends without end.
inline order endless_send(unsigned sender, std::size_t size) {
  return {.what = verb::send, .run = {.sender = sender, .count = -1, .size = size}};
}
inline order endless_recv(bool is_stream = false) {
  return {.what = verb::recv, .is_stream = is_stream, .run = {.count = -1}};
}

}  // namespace transom::testing
