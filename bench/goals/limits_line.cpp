// bench/goals/limits_line.cpp - the floor of one message: a cache line that holds payload and sequence word, one for
// each direction, always the same; and the same line with a futex, for two sides that sleep.
//
// Ordering: a release of the sequence word by the sender, an acquire of it by the receiver; the words of the payload
// lie in the same line and cross in the same transfer.
#include <atomic>
#include <chrono>

#include "bench/goals/contender.hpp"
#include "bench/goals/loops.hpp"
#include "transom/os/futex.hpp"

namespace goals {
namespace {

constexpr std::size_t payload_words = 7;
constexpr std::size_t apart = 256;  // neighbouring lines are fetched in pairs

struct alignas(64) line {
  word payload[payload_words];
  std::atomic<std::uint32_t> sequence;
};
static_assert(sizeof(line) == 64);

line& line_at(side& s, bool there) { return *reinterpret_cast<line*>(s.arena().data() + (there ? 0 : apart)); }

class line_wire {
 public:
  explicit line_wire(side& s) : out_(line_at(s, s.begins())), in_(line_at(s, !s.begins())) {}

  template <typename Fill>
  void send(Fill fill) {
    fill(std::span<word, payload_words>(out_.payload));
    out_.sequence.store(++sent_, std::memory_order_release);
  }
  template <typename Look>
  void recv(Look look) {
    ++received_;
    while (in_.sequence.load(std::memory_order_acquire) != received_) pause();
    look(std::span<const word, payload_words>(in_.payload));
  }

 private:
  line &out_, &in_;
  std::uint32_t sent_ = 0, received_ = 0;
};

// Always one wake and at least one wait: the two system calls that any sleeping receiver costs.
class futex_wire {
 public:
  explicit futex_wire(side& s) : out_(line_at(s, s.begins())), in_(line_at(s, !s.begins())) {}

  template <typename Fill>
  void send(Fill fill) {
    fill(std::span<word, payload_words>(out_.payload));
    out_.sequence.store(++sent_, std::memory_order_release);
    transom::os::futex_wake(&out_.sequence, 1);
  }
  template <typename Look>
  void recv(Look look) {
    const std::uint32_t seen = received_++;
    while (in_.sequence.load(std::memory_order_acquire) != received_) {
      transom::os::futex_wait(&in_.sequence, seen, {std::chrono::seconds(10)});
    }
    look(std::span<const word, payload_words>(in_.payload));
  }

 private:
  line &out_, &in_;
  std::uint32_t sent_ = 0, received_ = 0;
};

std::string only_small(const task& t) {
  if (t.size != payload_words * sizeof(word)) return "one line holds 56 bytes";
  return t.what == pattern::round_trip && t.burst == 1 ? "" : "one line is no queue";
}
std::size_t two_lines(const task&) { return 4'096; }

void play_line(side& s) {
  line_wire wire(s);
  play(wire, s);
}
void play_futex(side& s) {
  futex_wire wire(s);
  play(wire, s);
}

}  // namespace

const contender& one_line() {
  static const contender it{.name = "one line",
                            .mechanism = "memory",
                            .expert = "bare: 56 bytes and the sequence word in one line, paced polling, no ring",
                            .play = play_line,
                            .refuses = only_small,
                            .arena = two_lines};
  return it;
}

const contender& bare_futex() {
  static const contender it{.name = "bare futex",
                            .mechanism = "memory",
                            .expert = "bare: the same line, FUTEX_WAKE after each store, FUTEX_WAIT until it comes",
                            .play = play_futex,
                            .refuses = only_small,
                            .arena = two_lines};
  return it;
}

}  // namespace goals
