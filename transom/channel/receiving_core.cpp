// transom/channel/receiving_core.cpp - see receiving_core.hpp.
#include "transom/channel/receiving_core.hpp"

#include <cstring>
#include <utility>

#include "transom/shm/lane_reader.hpp"
#include "transom/sync/backoff.hpp"

namespace transom::detail {

receiving_core::receiving_core(opened_receiver opened)
    : url(opened.end->url()),
      where(url),
      how(opened.how),
      features(opened.end->features()),
      largest_message(opened.end->largest_message()),
      portable(opened.portable),
      zero_copy(features.contains(transom::zero_copy)),
      keeps_many(opened.end->keeps_many()),
      inlet(portable ? nullptr : opened.end->quick_inlet()),
      end_(std::move(opened.end)) {}

result<void> receiving_core::admit(recv_options which, const patience& how_long) {
  if (which.type != 0 && !features.contains(types)) return error(errc::unsupported, "recv", place(url, "types"));
  if (is_lent_.load(std::memory_order_acquire)) [[unlikely]] {
    return error(errc::unsupported, "recv",
                 place(url, "this receiver lends one message at a time: let its view go first, or clone()"));
  }
  if (kept_) [[unlikely]] {
    if (how_long.stop.stop_requested()) return error(errc::canceled, "recv", where);
    return *std::exchange(kept_, std::nullopt);
  }
  return {};
}

result<transport::incoming> receiving_core::front(recv_options which, const patience& how_long) {
  if (auto ok = admit(which, how_long); !ok) return ok.error();
  auto lent = end_->front(which.type, how_long);
  if (!lent && which.type == 0 && lent.error() == errc::closed) end_seen_ = true;
  return lent;
}

result<std::size_t> receiving_core::receive_into(std::span<std::byte> into, recv_options which,
                                                 const patience& how_long) {
  if (which.type != 0 || kept_ || is_lent_.load(std::memory_order_acquire)) [[unlikely]] {
    if (auto ok = admit(which, how_long); !ok) return ok.error();
  }
  auto size = end_->receive_into(into, which.type, how_long);
  if (!size && which.type == 0 && size.error() == errc::closed) end_seen_ = true;
  return size;
}

std::size_t receiving_core::fill_quickly(std::span<std::byte> into, bool spin) noexcept {
  std::size_t size = into.size() + 1;
  if (inlet == nullptr || inlet->current == nullptr || kept_) return size;
  const auto copy = [&](std::span<const std::byte> payload) {
    if (payload.size() > into.size()) return false;
    size = payload.size();
    if (size != 0) std::memcpy(into.data(), payload.data(), size);
    return true;
  };
  for (unsigned looks = 0;; ++looks) {
    if (inlet->current->take_quick_of_any_size(copy)) return size;
    if (!spin || looks >= inlet->spins || !inlet->current->has_nothing()) return into.size() + 1;
    sync::relax();
  }
}

error receiving_core::undecodable(const error& why) const {
  return error(errc::decode_failed, "recv", place(url, why.detail()));
}

receiving_core::seen receiving_core::peek() {
  if (end_was_told || end_seen_) return seen::the_end;
  if (kept_ || is_lent_.load(std::memory_order_acquire)) return seen::something;
  if (end_->ready_fd_is_emulated()) return end_->looks_ready() ? seen::something : seen::nothing;
  auto lent = end_->front(0, patience::none());
  if (lent) return seen::something;
  if (lent.failed_with(errc::would_block)) return seen::nothing;
  if (lent.failed_with(errc::closed)) return seen::the_end;
  kept_ = lent.error();
  return seen::something;
}

result<const transport::handover*> receiving_core::pack() {
  if (packed_) return &*packed_;
  auto given = give_anonymous(*end_, where);
  if (!given) return given.error();
  packed_ = std::move(*given);
  inlet = nullptr;
  return &*packed_;
}

void receiving_core::unpack(const cargo& what) {
  auto again = transport::adopt_receiver(std::move(*packed_), how,
                                         how.framing == framing::native ? what.native : transport::terms{});
  packed_.reset();
  if (!again) return;  // the old end stays and says closed
  end_ = std::move(*again);
  inlet = portable ? nullptr : end_->quick_inlet();
}

}  // namespace transom::detail
