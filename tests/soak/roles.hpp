// tests/soak/roles.hpp - the two processes of a round of the kill loop: a producer and a consumer of certified messages
// that go on until something ends them, and then say what they were told and when.
#pragma once
#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "transom/base/error.hpp"
#include "transom/process/child.hpp"
#include "transom/process/command.hpp"

namespace transom::soak {

/// What a side says, in one packet: that its first message has passed ("flows"), and at the end how it ended.
struct verdict {
  char outcome[48] = {};     ///< "peer_died", ...; "bad": the ledger's complaint is in `text`
  char afterwards[48] = {};  ///< what the same call said the next time
  char text[400] = {};       ///< the sentence
  std::int64_t when_ns = 0;  ///< on CLOCK_MONOTONIC
  std::uint64_t count = 0;   ///< messages accepted, or received
};

/// What both sides count in memory that outlives them.
struct tally {
  std::atomic<std::uint64_t> accepted{0};  ///< stored after send() returned
  std::atomic<std::uint64_t> received{0};  ///< stored after the message was checked
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

/// Now, on CLOCK_MONOTONIC.
std::int64_t now_ns();

/// One running side. Destroyed, it is dead and reaped.
class side {
 public:
  /// `role`: producer, consumer, naive_producer or naive_consumer. `program` holds what it is given besides.
  side(const std::string& role, const std::string& url, bool loses, int tally_fd, command program);

  void kill() { process_.kill(9).ignore(); }
  /// Waits for its end after kill().
  void reap() { process_.wait().ignore(); }
  /// Its verdict, within `time`. Nothing: it is still at it, or died without a word.
  std::optional<verdict> hear(std::chrono::milliseconds time);
  bool has_ended() { return process_.try_wait().has_value(); }

 private:
  fd report_;
  child process_;
};

/// This program again.
command self();
/// What main() calls first: plays the role if this process has one, and then never returns.
void play_the_role_if_told();

}  // namespace transom::soak
