// bench/goals/limits_ring.cpp - the ideal of a queue in memory: slots, and an index in a line of its own, published
// once per `batch` messages. With batch 1 it is the bare two-line ring; with 128 over 8192 slots the ideal stream; with
// a few large slots the bulk buffers, and with sixteen of 64 KiB the large message that is written and read at the same
// time.
//
// Ordering: a release of `published` by the producer with an acquire by the consumer hands over slots; a release of
// `taken` by the consumer with an acquire by the producer gives them back. Both indices are cached by the other side.
#include <atomic>

#include "bench/goals/contender.hpp"
#include "bench/goals/loops.hpp"

namespace goals {
namespace {

constexpr std::size_t slots_at = 4'096;

struct indices {
  alignas(256) std::atomic<std::uint64_t> published;
  alignas(256) std::atomic<std::uint64_t> taken;
};

// A message fills whole lines.
std::size_t stride_of(const task& t) { return (t.lead + t.size + 63) / 64 * 64; }
std::size_t bytes_of_one(const task& t) { return slots_at + t.depth * stride_of(t); }
std::size_t bytes_of_both(const task& t) { return bytes_of_one(t) * (t.what == pattern::stream ? 1 : 2); }

/// Extent: words of a message, or std::dynamic_extent.
template <std::size_t Extent>
class ring_wire {
 public:
  explicit ring_wire(side& s)
      : words_(s.task().size / sizeof(word)),
        lead_(s.task().lead / sizeof(word)),
        stride_(stride_of(s.task()) / sizeof(word)),
        mask_(s.task().depth - 1),
        depth_(s.task().depth),
        batch_(s.task().batch) {
    const bool alone = s.task().what == pattern::stream;
    std::byte* const there = s.arena().data();
    std::byte* const back = alone ? there : there + bytes_of_one(s.task());
    out_ = s.begins() ? there : back;
    in_ = s.begins() ? back : there;
    if (alone) in_ = out_ = there;
  }

  template <typename Fill>
  void send(Fill fill) {
    if (sent_ - room_seen_ >= depth_) [[unlikely]] {
      while (sent_ - (room_seen_ = at(out_).taken.load(std::memory_order_acquire)) >= depth_) pause();
    }
    fill(std::span<word, Extent>(slot(out_, sent_), words_));
    if (++sent_ % batch_ == 0) at(out_).published.store(sent_, std::memory_order_release);
  }
  template <typename Look>
  void recv(Look look) {
    if (received_ == ready_seen_) [[unlikely]] {
      while ((ready_seen_ = at(in_).published.load(std::memory_order_acquire)) == received_) pause();
    }
    look(std::span<const word, Extent>(slot(in_, received_), words_));
    if (++received_ % batch_ == 0) at(in_).taken.store(received_, std::memory_order_release);
  }
  void flush() { at(out_).published.store(sent_, std::memory_order_release); }

 private:
  static indices& at(std::byte* ring) { return *reinterpret_cast<indices*>(ring); }
  word* slot(std::byte* ring, std::uint64_t n) const {
    return reinterpret_cast<word*>(ring + slots_at) + (n & mask_) * stride_ + lead_;
  }

  std::byte *out_, *in_;
  std::uint64_t sent_ = 0, received_ = 0, room_seen_ = 0, ready_seen_ = 0;
  const std::size_t words_, lead_, stride_, mask_, depth_, batch_;
};

std::string only_powers(const task& t) {
  return (t.depth & (t.depth - 1)) == 0 && t.depth % t.batch == 0 ? "" : "depth and batch are powers of two";
}

template <std::size_t Words>
void play_with(side& s) {
  ring_wire<Words> wire(s);
  play(wire, s);
}

void play_ring(side& s) {
  // Sizes known when compiled, as the types of messages are.
  switch (s.task().size) {
    case 56: return play_with<7>(s);
    case 64: return play_with<8>(s);
    case 128: return play_with<16>(s);
    case 256: return play_with<32>(s);
    case 512: return play_with<64>(s);
    case 1'024: return play_with<128>(s);
    case 4'096: return play_with<512>(s);
    default: return play_with<std::dynamic_extent>(s);
  }
}

}  // namespace

const contender& bulk_ring() {
  static const contender it{.name = "bare ring",
                            .mechanism = "memory",
                            .expert = "bare: slots and a separate index line, indices cached, paced polling",
                            .play = play_ring,
                            .refuses = only_powers,
                            .arena = bytes_of_both};
  return it;
}

}  // namespace goals
