// bench/goals/task.hpp - what two processes are asked to do, and what came of it: plain data that both can see.
#pragma once
#include <cstddef>
#include <cstdint>

namespace goals {

enum class pattern : std::uint8_t {
  round_trip,   ///< there and back; reported is half of it
  stream,       ///< one direction, as fast as it goes
  open_close,   ///< open an end, close it, again
  idle_memory,  ///< what an open channel that does nothing occupies
  recovery      ///< from the death of a sender to the receiver knowing
};

/// How both sides wait. block: whatever the mechanism does when its plain blocking call is made; for Transom that is
/// to spin briefly and then sleep.
enum class wait : std::uint8_t { spin, block };

/// How the message is handed to the mechanism, where it has a choice.
enum class shape : std::uint8_t {
  value,     ///< an object of the message's type, copied in and out
  in_place,  ///< written and read where it lies: a loan and a view
  copied     ///< from and into memory of the caller
};

struct task {
  pattern what = pattern::round_trip;
  goals::wait waiting = goals::wait::spin;
  goals::shape form = goals::shape::value;
  bool touched = true;         ///< every byte written by the sender, read and checked by the receiver
  bool idle_polling = false;   ///< the cores poll instead of halting while they have nothing to do
  std::size_t size = 56;       ///< bytes of a message, a multiple of 8
  std::size_t depth = 64;      ///< messages the channel may hold
  std::size_t burst = 1;       ///< messages in one direction before the answer, for a round trip in pieces
  std::size_t batch = 1;       ///< bare rings: messages for each publication of the index
  std::size_t lead = 0;        ///< bare rings: bytes before the payload, where a sequence word would stand
  std::size_t count = 20'000;  ///< round trips, messages of a stream, openings
  std::size_t warm_up = 2'000;
  std::uint32_t hold_us = 0;  ///< sleep this long before each message, so that the other side is asleep by then
  int cpu[2] = {0, 1};        ///< of the side that begins, and of the other
};

/// What one side has to say when it is done. Times are of one message in one direction, in nanoseconds.
struct outcome {
  double best = 0, p50 = 0, p90 = 0, p99 = 0, p999 = 0, max = 0;  ///< p999 is 0 below 1,000 samples
  double per_second = 0;                                          ///< messages
  double cpu_ns = 0;                                              ///< of this side, for each message
  double sleeps = 0;                                              ///< times this side slept, for each message
  double bytes = 0;                                               ///< idle_memory
  std::uint64_t samples = 0;
  std::uint64_t preempted = 0;  ///< times somebody else took the core away
};

}  // namespace goals
