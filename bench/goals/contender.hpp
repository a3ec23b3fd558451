// bench/goals/contender.hpp - somebody who can carry messages: a bare limit, Transom, a peer.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "bench/goals/meeting.hpp"
#include "bench/goals/task.hpp"

namespace goals {

struct contender {
  const char* name;       ///< as it stands in the table and in JSON
  const char* mechanism;  ///< what carries the bytes
  const char* expert;     ///< how it is configured, as its expert would
  /// One side's whole part: opens, meets, measures, closes. Throws refusal for what it cannot carry. Null: not
  /// installed.
  void (*play)(side&);
  /// Why it cannot do this task; empty: it can. Asked before anything is started.
  std::string (*refuses)(const task&) = nullptr;
  /// Bytes of arena it wants.
  std::size_t (*arena)(const task&) = nullptr;
  /// A slower system gets fewer messages, so that all take about as long: by how much for trips and for streams.
  std::size_t fewer_trips = 1, fewer_messages = 1;
  const char* package = "";  ///< what to install
};

// The limits: bare memory and bare system calls.
const contender& one_line();     ///< payload and sequence word in one cache line
const contender& bulk_ring();    ///< payload in slots, the index in a line of its own
const contender& bare_futex();   ///< one line, and a futex to sleep on
const contender& unix_socket();  ///< SOCK_SEQPACKET, raw calls
// Transom through its public interface.
const contender& transom_channel();
const contender& transom_opening();   ///< P18
const contender& transom_idle();      ///< P18
const contender& transom_recovery();  ///< P18
// The peers; each with play == nullptr if the build did not find it.
const contender& iceoryx();
const contender& boost_queue();
const contender& zeromq();
const contender& nng();

const std::vector<const contender*>& everybody();
const std::vector<const contender*>& peers();
bool is_peer(const contender& who);

}  // namespace goals
