// transom/transport/queue_pieces.hpp - messages larger than a kernel message: cut by the sender, put together by the
// one receiver. Private to the library.
//
// Every piece is a `fragment` frame whose payload begins with { total u32, offset u32 }, little-endian, the size of
// the whole message and where this piece belongs. So a receiver that comes late, or has lost a beginning, can tell.
//
// Invariant: a message is handed out iff its pieces came in order from 0 to total without a gap. The pieces of one
// message travel on one lane, a priority or a type, which the kernel keeps in order.
//
// Death: what a dead sender has left half is dropped when its death is reported; what a sender gave up half (its time
// was over) is dropped when its next message on that lane begins. Both are counted as torn.
//
// Trust: total and offset are checked against the largest message and against what came before, then used.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "transom/base/bytes.hpp"
#include "transom/transport/frame.hpp"

namespace transom::transport {

inline constexpr std::size_t piece_header_size = 8;

inline void encode_piece_header(std::uint32_t total, std::uint32_t offset, std::byte* out) noexcept {
  store_le(out, total);
  store_le(out + 4, offset);
}

/// Puts pieces together. Buffers are used again. Thread safety: one thread at a time.
class piece_collector {
 public:
  enum class outcome { more, complete, broken };

  /// Takes the payload of one fragment frame. complete: whole() has the message.
  outcome add(const frame_header& header, std::span<const std::byte> payload, long lane, std::size_t largest) {
    if (payload.size() <= piece_header_size) return outcome::broken;
    const std::size_t total = load_le<std::uint32_t>(payload.data());
    const std::size_t offset = load_le<std::uint32_t>(payload.data() + 4);
    const auto body = payload.subspan(piece_header_size);
    if (total > largest || offset > total || body.size() > total - offset) return outcome::broken;

    auto found = std::ranges::find_if(
        unfinished_, [&](const partial& one) { return one.sender == header.sender && one.lane == lane; });
    const bool fits = found != unfinished_.end() && found->sequence == header.sequence && found->total == total &&
                      found->data.size() == offset;
    if (found != unfinished_.end() && !fits) {
      forget(found);
      found = unfinished_.end();
    }
    if (found == unfinished_.end()) {
      if (offset != 0) return outcome::more;  // its beginning was lost, and counted, before
      found = begin({header.sender, header.sequence, lane, total, {}});
    }
    found->data.insert(found->data.end(), body.begin(), body.end());
    if (found->data.size() < total) return outcome::more;
    std::swap(whole_, found->data);
    recycle(found);
    return outcome::complete;
  }
  /// Valid until the next complete one.
  std::span<const std::byte> whole() const noexcept { return whole_; }

  void forget_sender(std::uint32_t sender) {
    for (auto one = unfinished_.begin(); one != unfinished_.end();) {
      if (one->sender == sender) one = forget(one);
      else ++one;
    }
  }
  /// How many messages were dropped half, since the last call.
  std::uint64_t take_torn() noexcept { return std::exchange(torn_, 0); }

 private:
  struct partial {
    std::uint32_t sender, sequence;
    long lane;
    std::size_t total;
    bytes data;
  };
  using iterator = std::vector<partial>::iterator;
  // Nobody honest begins this many at once; a liar makes us forget, not grow.
  static constexpr std::size_t most_unfinished = 256;

  iterator begin(partial fresh) {
    if (unfinished_.size() == most_unfinished) forget(unfinished_.begin());
    if (!spares_.empty()) {
      fresh.data = std::move(spares_.back());
      spares_.pop_back();
    }
    unfinished_.push_back(std::move(fresh));
    return unfinished_.end() - 1;
  }
  iterator forget(iterator which) {
    ++torn_;
    return recycle(which);
  }
  iterator recycle(iterator which) {
    which->data.clear();
    if (spares_.size() < 4) spares_.push_back(std::move(which->data));
    return unfinished_.erase(which);
  }

  std::vector<partial> unfinished_;
  std::vector<bytes> spares_;
  bytes whole_;
  std::uint64_t torn_ = 0;
};

}  // namespace transom::transport
