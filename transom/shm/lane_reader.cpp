// transom/shm/lane_reader.cpp - what receiving costs when something is the matter. See lane_reader.hpp.
//
// Ordering: transom/shm/lane_layout.hpp
#include "transom/shm/lane_reader.hpp"

#include <algorithm>

#include "transom/base/ensure.hpp"
#include "transom/sync/backoff.hpp"

namespace transom::shm {

lane_reader::lane_reader(lane_memory lane, const lane_geometry& sizes, const sync::wait_word& waits,
                         sync::bell_word& bell)
    : slots_(lane.slots()),
      mask_(sizes.slot_count() - 1),
      sender_(waits, bell),
      epoch_(&os::fork_epoch_word()),
      born_in_(os::fork_epoch()),
      lane_(lane),
      sizes_(sizes),
      bell_(&bell),
      arena_memory_(lane.arena(sizes)),
      quick_(os::can_fence_others()) {
  const std::uint64_t head = lane.in->head.load(sync::relaxed);
  next_.store(head, sync::relaxed);
  entering_.store(head, sync::relaxed);
}

void lane_reader::adopt() {
  const std::uint64_t used = std::min<std::uint64_t>(lane_.in->holds_used.load(sync::relaxed), sizes_.hold_count());
  for (std::uint64_t i = 0; i < used; ++i) {
    lane_slot& hold = lane_.holds()[i];
    const std::uint64_t count = count_of(hold.word.load(sync::relaxed));
    if (count == 0) continue;
    if (count <= next()) again_.push_back(&hold);
    else hold.word.store(0, sync::relaxed);  // it died before anybody saw it, and the slot still has it
  }
  std::ranges::sort(again_, std::ranges::greater(),
                    [](const lane_slot* hold) { return count_of(hold->word.load(sync::relaxed)); });
  allow_quick();
}

// Message n is not there. A receiver on the heels of a sender that never pauses takes each line away from him while he
// writes it, and both are several times slower than with some distance between them. So where messages come faster than
// any answer could, and the lane is found empty all the same, a few may gather.
void lane_reader::keep_distance(std::uint64_t n) noexcept {
  constexpr std::chrono::nanoseconds per_message{128}, a_while{1000};
  constexpr std::uint64_t few = 256;
  if (n == empty_at_) return;
  const auto now = std::chrono::steady_clock::now();
  const auto passed = now - empty_since_;
  const std::uint64_t run = n - empty_at_;
  empty_at_ = n;
  empty_since_ = now;
  if (run < few && passed < run * per_message) sync::relax_for(a_while);
}

void lane_reader::allow_quick() noexcept {
  const bool nothing_special = quick_ && !lent_ && !broken_ && again_.empty();
  stop_at_.store(nothing_special ? turn_ : 0, sync::relaxed);
  if (!nothing_special) return;
  sync::full_fence();  // F3 pairs with F2
  if (closed_.load(sync::relaxed)) stop_at_.store(0, sync::relaxed);
}

bool lane_reader::is_old(std::uint64_t word) const noexcept {
  const std::uint64_t n = next();
  if (n < sizes_.slot_count()) return word == 0;
  return count_of(word) == n + 1 - sizes_.slot_count();
}

found lane_reader::lend(const lane_slot& from, std::uint64_t word, lane_front& front) noexcept {
  if (!payload_of(from, word, lent_front_.payload)) {
    broken_ = true;
    allow_quick();
    return found::broken;
  }
  lent_ = true;
  lent_word_ = word;
  lent_front_.n = count_of(word) - 1;
  lent_front_.redelivered = !again_.empty();
  allow_quick();
  front = lent_front_;
  return found::message;
}

found lane_reader::look(lane_front& front) noexcept {
  if (broken_) return found::broken;
  if (lent_) {
    front = lent_front_;
    return found::message;
  }
  if (!again_.empty()) return lend(*again_.back(), again_.back()->word.load(sync::relaxed), front);
  const std::uint64_t word = front_word();
  if (count_of(word) == next() + 1) {
    if (kind_of(word) == slot_kind::growing) return found::growing;
    return lend(slots_[next() & mask_], word, front);
  }
  if (is_old(word)) return found::nothing;
  broken_ = true;
  allow_quick();
  return found::broken;
}

std::span<const std::byte> lane_reader::grown() const noexcept {
  std::span<const std::byte> all;
  const std::uint64_t word = front_word();
  if (count_of(word) != next() + 1 || !payload_of(slots_[next() & mask_], word, all)) return {};
  if (kind_of(word) != slot_kind::growing) return all;
  return all.first(std::min<std::size_t>(all.size(), lane_.out->progress.load(sync::acquire)));  // E4
}

void lane_reader::acknowledge() noexcept {
  lent_ = false;
  if (!again_.empty()) {
    lane_slot& hold = *again_.back();
    again_.pop_back();
    ++shown_;
    release(hold);
  } else {
    pass_slowly();
  }
  allow_quick();
}

lane_slot* lane_reader::show(std::span<const std::byte>& payload) noexcept {
  if (!again_.empty()) {
    lane_slot* const hold = again_.back();
    again_.pop_back();
    lent_ = false;
    ++shown_;
    allow_quick();
    return hold;
  }
  lane_slot* const hold = free_hold();
  if (hold == nullptr) return nullptr;
  move_into(*hold, slots_[next() & mask_], lent_word_, inline_bytes / 8);
  if (kind_of(lent_word_) <= inline_bytes)
    payload = {reinterpret_cast<std::byte*>(hold->payload.data()), payload.size()};
  lent_ = false;
  ++shown_;
  pass_slowly();
  allow_quick();
  return hold;
}

lane_slot* lane_reader::find_hold() noexcept {
  for (std::uint32_t i = 0; i < sizes_.hold_count(); ++i) {
    lane_slot& hold = lane_.holds()[i];
    if (hold.word.load(sync::acquire) != 0) continue;  // E3
    if (i >= lane_.in->holds_used.load(sync::relaxed)) lane_.in->holds_used.store(i + 1, sync::relaxed);
    likely_hold_ = &hold;
    return &hold;
  }
  return nullptr;
}

void lane_reader::release(lane_slot& hold) noexcept {
  hold.word.store(0, sync::release);  // E3
  if (sender_.ring_again()) ring_descriptor();
  released_.fetch_add(1, sync::release);  // E8
}

bool lane_reader::any_held() const noexcept {
  const std::uint64_t used = std::min<std::uint64_t>(lane_.in->holds_used.load(sync::relaxed), sizes_.hold_count());
  for (std::uint64_t i = 0; i < used; ++i)
    if (lane_.holds()[i].word.load(sync::relaxed) != 0) return true;
  return false;
}

bool lane_reader::has_something() const noexcept {
  return lent_ || broken_ || !again_.empty() || !is_old(front_word());
}

void lane_reader::close() noexcept {
  closed_.store(true, sync::relaxed);
  stop_at_.store(0, sync::relaxed);
  if (!quick_) return;
  sync::heavy_fence();                                                               // F2 pairs with F1 and F3
  while (entering_.load(sync::acquire) != next_.load(sync::acquire)) sync::relax();  // E6
}

}  // namespace transom::shm
