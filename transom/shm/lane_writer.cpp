// transom/shm/lane_writer.cpp - what sending costs when something is the matter. See lane_writer.hpp.
//
// Ordering: transom/shm/lane_layout.hpp
#include "transom/shm/lane_writer.hpp"

#include <algorithm>
#include <utility>

#include "transom/base/ensure.hpp"
#include "transom/os/own_process.hpp"
#include "transom/sync/backoff.hpp"

namespace transom::shm {
namespace {

// From this size on a message is published while it is still being written, a chunk at a time, so that a
// receiver may read behind the writer (lane_reader::grown). It counts once it is whole.
constexpr std::size_t worth_growing = 64 << 10;

constexpr std::size_t chunk_of(std::size_t size) {
  return std::clamp<std::size_t>(size / 16 / 4096 * 4096, 16 << 10, 64 << 10);
}

// Quick messages between two looks: counts in shared memory are behind by no more.
constexpr std::uint64_t between_looks(const lane_geometry& sizes) {
  return std::max<std::uint64_t>(sizes.capacity / 16, 8);
}

}  // namespace

lane_writer::lane_writer(lane_memory lane, const lane_geometry& sizes, const sync::wait_word& waits,
                         sync::bell_word& bell)
    : slots_(lane.slots()),
      mask_(sizes.slot_count() - 1),
      receiver_(waits, bell),
      epoch_(&os::fork_epoch_word()),
      born_in_(os::fork_epoch()),
      lane_(lane),
      sizes_(sizes),
      arena_memory_(lane.arena(sizes)),
      quick_(os::can_fence_others()),
      waiting_(lane.out->waits, lane.in->room_bell),
      free_(static_cast<std::uint32_t>(sizes.arena_bytes / sizes.arena_unit)),
      runs_(sizes.slot_count()) {
  head_ = lane.in->head.load(sync::acquire);  // E2
  std::uint64_t n = head_;
  while (n - head_ < sizes.slot_count() && count_of(slots_[n & mask_].word.load(sync::relaxed)) == n + 1) ++n;
  collected_ = head_;
  first_ = n;
  next_.store(n, sync::relaxed);
  entering_.store(n, sync::relaxed);
  held_.reserve(sizes.hold_count());
  lane.out->first.store(n, sync::relaxed);
  lane.out->cpu.store(os::own_cpu() + 1, sync::relaxed);
  waiting_.introduce();
}

void lane_writer::account() noexcept {
  lane_.out->bytes.store(sent_bytes_, sync::relaxed);
  lane_.out->cpu.store(os::own_cpu() + 1, sync::relaxed);
}

// Learns what has been read, and frees it.
void lane_writer::look_at_head() noexcept {
  const std::uint64_t head = lane_.in->head.load(sync::acquire);  // E2
  if (head < head_ || head > next()) {
    broken_ = true;
    return;
  }
  head_ = head;
  if (uses_arena_) collect();
}

// The receiver is reading, and has just begun with a full lane: leaves it alone for as long as it takes to read a share
// of it. Each look takes the line of `head` away from the receiver, and a sender that asked for every slot would make
// it wait for that line after every message.
void lane_writer::let_receiver_read(std::uint64_t head_before) noexcept {
  const std::uint64_t gained = head_ - head_before;
  if (gained == 0 || gained >= sizes_.capacity / 4) return;
  sync::relax_for(std::chrono::nanoseconds(std::min<std::uint64_t>(sizes_.capacity, 8192)));  // an eighth or so
  look_at_head();
}

// Makes limit_ say how far quick messages may go.
sent lane_writer::look() noexcept {
  if (closing_) return sent::closed;
  account();
  if (receiver_.has_news()) {
    if (receiver_.peer_closed()) {
      limit_.store(0, sync::relaxed);
      return sent::closed;
    }
    receiver_.note();
  }
  const std::uint64_t n = next();
  if (n - head_ >= sizes_.capacity) {
    const std::uint64_t before = head_;
    look_at_head();
    let_receiver_read(before);
  }
  if (broken_) return sent::broken;
  const std::uint64_t most = head_ + sizes_.capacity;
  if (n >= most) {
    lane_.out->times_full.store(++times_full_, sync::relaxed);
    return sent::full;
  }
  if (quick_) limit_.store(std::min(most, n + between_looks(sizes_)), sync::relaxed);
  return sent::yes;
}

bool lane_writer::is_held(std::uint64_t count) const noexcept {
  const std::uint64_t used = std::min<std::uint64_t>(lane_.in->holds_used.load(sync::relaxed), sizes_.hold_count());
  for (std::uint64_t i = 0; i < used; ++i)
    if (count_of(lane_.holds()[i].word.load(sync::acquire)) == count) return true;  // E3
  return false;
}

// Every run of a message below head_ is free, unless a hold names the message.
void lane_writer::collect() noexcept {
  std::erase_if(held_, [this](const held& one) {
    if (is_held(one.count)) return false;
    free_.give_back(one.run);
    return true;
  });
  const bool any_held = lane_.in->holds_used.load(sync::relaxed) != 0;
  arena_run free;  // neighbours are given back together
  for (; collected_ < head_; ++collected_) {
    const arena_run run = std::exchange(runs_[collected_ & mask_], {});
    if (run.start == free.start + free.count && !any_held) {
      free.count += run.count;
      continue;
    }
    if (!run) continue;
    if (any_held && is_held(collected_ + 1)) {
      held_.push_back({collected_ + 1, run});
      continue;
    }
    free_.give_back(free);
    free = run;
  }
  free_.give_back(free);
  if (any_returned_.load(sync::acquire) == 0) return;  // E5
  const std::lock_guard lock(returned_mutex_);
  for (const arena_run run : returned_) free_.give_back(run);
  returned_.clear();
  any_returned_.store(0, sync::relaxed);
}

void lane_writer::give_back(arena_run run) noexcept {
  const std::lock_guard lock(returned_mutex_);
  returned_.push_back(run);
  any_returned_.store(1, sync::release);  // E5
}

sent lane_writer::take_run(std::size_t size, arena_run& run) noexcept {
  const std::uint32_t units = std::max(units_for(size), 1u);
  if (!uses_arena_) {
    uses_arena_ = true;
    most_quick_in_arena_ = worth_growing - 1;
    collected_ = head_;
  }
  run = free_.take(units);
  if (run) return sent::yes;
  const std::uint64_t before = head_;
  look_at_head();
  let_receiver_read(before);
  if (broken_) return sent::broken;
  run = free_.take(units);
  return run ? sent::yes : sent::full;
}

sent lane_writer::look_for_room(std::size_t size) noexcept {
  if (const sent room = look(); room != sent::yes || size <= inline_bytes) return room;
  arena_run run;
  const sent room = take_run(size, run);
  if (room == sent::yes) free_.give_back(run);
  return room;
}

void lane_writer::publish_slowly(std::uint64_t kind) noexcept {
  const std::uint64_t n = next();
  entering_.store(n + 1, sync::relaxed);
  publish(slots_[n & mask_], n, kind);
}

sent lane_writer::send(std::span<const std::byte> payload, bool overlap) noexcept {
  if (const sent room = look(); room != sent::yes) return room;
  if (payload.size() <= inline_bytes) {
    copy_in(slots_[next() & mask_], payload.data(), payload.size());
    sent_bytes_ += payload.size();
    publish_slowly(payload.size());
    return sent::yes;
  }
  arena_run run;
  if (const sent room = take_run(payload.size(), run); room != sent::yes) return room;
  if (overlap && payload.size() >= worth_growing) {
    send_growing(run, payload);
    return sent::yes;
  }
  std::memcpy(memory_of(run).data(), payload.data(), payload.size());
  keep_run(slots_[next() & mask_], next(), run, payload.size());
  publish_slowly(slot_kind::in_arena);
  return sent::yes;
}

void lane_writer::send_growing(arena_run run, std::span<const std::byte> payload) noexcept {
  const std::uint64_t n = next();
  lane_slot& slot = slots_[n & mask_];
  keep_run(slot, n, run, payload.size());
  lane_.out->progress.store(0, sync::relaxed);
  publish_slowly(slot_kind::growing);
  std::byte* const to = memory_of(run).data();
  const std::size_t chunk = chunk_of(payload.size());
  for (std::size_t at = 0; at < payload.size(); at += chunk) {
    const std::size_t some = std::min(chunk, payload.size() - at);
    std::memcpy(to + at, payload.data() + at, some);
    lane_.out->progress.store(at + some, sync::release);  // E4
    ring();
  }
  slot.word.store(slot_word(n, slot_kind::in_arena), sync::release);  // E1
  ring();
}

sent lane_writer::claim(std::size_t size, arena_run& run) noexcept {
  if (const sent room = look(); room != sent::yes) return room;
  return take_run(size, run);
}

sent lane_writer::publish_run(arena_run run, std::size_t size) noexcept {
  if (const sent room = look(); room != sent::yes) return room;
  keep_run(slots_[next() & mask_], next(), run, size);
  publish_slowly(slot_kind::in_arena);
  return sent::yes;
}

void lane_writer::close() noexcept {
  stop();
  if (!quick_) return;
  sync::heavy_fence();                                                               // F2 pairs with F1 and F3
  while (entering_.load(sync::acquire) != next_.load(sync::acquire)) sync::relax();  // E6
}

}  // namespace transom::shm
