// bench/goals/loops.hpp - the loops that are measured: one text for the limits, for Transom and for every peer.
//
// A wire is one side's two directions. send(fill) lets `fill` write the words of a message, where it will be sent from
// if the mechanism can, and sends it; recv(look) waits for a message and lets `look` read it. Both are templates, so a
// bare ring costs nothing for being called through here. flush() is optional: a stream has ended.
#pragma once
#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

#include "bench/goals/meeting.hpp"
#include "bench/goals/payload.hpp"
#include "bench/goals/statistics.hpp"
#include "bench/goals/ticks.hpp"

namespace goals {

/// Writes and checks one message after the other; remembers whether one was wrong.
class inspector {
 public:
  explicit inspector(const task& t) : touched_(t.touched), trip_(t.what == pattern::round_trip), words_(t.size / 8) {}

  /// Untouched, a round trip still carries its number in the first word; a stream carries nothing.
  auto fill(word seed) const {
    return [this, seed](auto room) {
      if (touched_) write_words(room, seed);
      else if (trip_) room[0] = seed;
    };
  }
  auto look(word seed) {
    return [this, seed](auto message) {
      wrong_ |= message.size() ^ words_;
      if (touched_) wrong_ |= difference(message, seed);
      else if (trip_) wrong_ |= message[0] ^ seed;
    };
  }
  /// For messages whose seed is their content: how long the other side held the answer back.
  auto look_for(word& seed) {
    return [this, &seed](auto message) {
      seed = message[0];
      wrong_ |= difference(message, seed);
    };
  }
  void verdict() const {
    if (wrong_ != 0) throw std::runtime_error("a message did not arrive as it was sent");
  }

 private:
  bool touched_, trip_;
  word words_, wrong_ = 0;
};

inline void hold_back(const task& t) { std::this_thread::sleep_for(std::chrono::microseconds(t.hold_us)); }

template <typename Wire>
void begin_trips(Wire& wire, side& s) {
  const task t = s.task();
  inspector check(t);
  std::vector<std::uint64_t> samples(t.count);
  s.meet();
  const consumption used;
  const tick_ruler ruler;
  word seed = 1;
  std::uint64_t last = ticks();
  for (std::size_t i = 0; i < t.warm_up + t.count; ++i) {
    word held = 0;
    if (t.hold_us != 0) {
      hold_back(t);
      last = ticks();
    }
    for (std::size_t k = 0; k < t.burst; ++k) wire.send(check.fill(seed + k));
    if (t.hold_us != 0) wire.recv(check.look_for(held));
    else
      for (std::size_t k = 0; k < t.burst; ++k) wire.recv(check.look(seed + k));
    const std::uint64_t now = ticks();
    if (i >= t.warm_up) samples[i - t.warm_up] = now - last - held;
    last = now;
    seed += t.burst;
  }
  const std::size_t all = t.warm_up + t.count;
  used.into(s.result(), 2 * all, t.hold_us != 0 ? all : 0);
  describe(samples, ruler.ns_per_tick(), 2, s.result());
  s.result().per_second = 1e9 / s.result().p50;
  check.verdict();
}

template <typename Wire>
void answer_trips(Wire& wire, side& s) {
  const task t = s.task();
  inspector check(t);
  s.meet();
  const consumption used;
  word seed = 1;
  for (std::size_t i = 0; i < t.warm_up + t.count; ++i) {
    for (std::size_t k = 0; k < t.burst; ++k) wire.recv(check.look(seed + k));
    if (t.hold_us != 0) {
      const std::uint64_t got = ticks();
      hold_back(t);
      wire.send(check.fill(ticks() - got));
    } else {
      for (std::size_t k = 0; k < t.burst; ++k) wire.send(check.fill(seed + k));
    }
    seed += t.burst;
  }
  const std::size_t all = t.warm_up + t.count;
  used.into(s.result(), 2 * all, t.hold_us != 0 ? all : 0);
  check.verdict();
}

template <typename Wire>
void pour(Wire& wire, side& s) {
  const task t = s.task();
  inspector check(t);
  s.meet();
  const consumption used;
  for (std::size_t i = 0; i < t.warm_up + t.count; ++i) wire.send(check.fill(i));
  if constexpr (requires { wire.flush(); }) wire.flush();
  used.into(s.result(), t.warm_up + t.count, 0);
}

template <typename Wire>
void drain(Wire& wire, side& s) {
  const task t = s.task();
  inspector check(t);
  s.meet();
  const consumption used;
  for (std::size_t i = 0; i < t.warm_up; ++i) wire.recv(check.look(i));
  const auto begun = std::chrono::steady_clock::now();
  for (std::size_t i = t.warm_up; i < t.warm_up + t.count; ++i) wire.recv(check.look(i));
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  used.into(s.result(), t.warm_up + t.count, 0);
  s.result().per_second = static_cast<double>(t.count) / seconds;
  s.result().samples = 1;
  check.verdict();
}

/// The whole part of one side. The wire is open; it is closed only after both sides are done.
template <typename Wire>
void play(Wire& wire, side& s) {
  s.pin();
  if (s.task().what == pattern::stream) s.begins() ? pour(wire, s) : drain(wire, s);
  else s.begins() ? begin_trips(wire, s) : answer_trips(wire, s);
  s.meet();
}

}  // namespace goals
