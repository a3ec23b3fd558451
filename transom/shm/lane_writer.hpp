// transom/shm/lane_writer.hpp - the sending side of a lane: the only one that writes lane_out.
//
// Two ways to send. send_quick() is what a message costs when nothing is the matter: a few stores into one line and one
// look at the receiver's wait word. Whenever anything might be the matter it does nothing and says so, and send() does
// the rest: looks for room, gives the arena back what was read, finds that the receiver has closed.
//
// Invariants
//   I1  Messages below next_ are published, or growing; message next_ is not.
//   I2  limit_ <= head + capacity, as far as this side has looked; 0 once closing, and where the kernel cannot fence
//       for us. So one comparison stands for "there is room and nothing special".
//   I3  A thread is inside send_quick() iff entering_ != next_; one that was inside when close() had fenced still
//       finishes, any later one finds limit_ == 0.
//   I4  A run of the arena belongs to a loan, to a message from runs_, or is held; everything else is free.
//
// Ordering: transom/shm/lane_layout.hpp has the edges E1 to E7, K1 and the fences.
//
// Death: killed before E1, the message does not exist; after it, all of it does. Killed while it grows: torn, and the
// receiver says so. The successor begins at the first message that is not there.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <span>
#include <vector>

#include "transom/os/fork_guard.hpp"
#include "transom/shm/arena.hpp"
#include "transom/shm/descriptor_bell.hpp"
#include "transom/shm/lane_copy.hpp"
#include "transom/shm/lane_layout.hpp"
#include "transom/sync/prefetch.hpp"

namespace transom::shm {

/// What became of a message.
enum class sent {
  yes,
  full,    ///< no room in the slots or in the arena just now
  closed,  ///< the receiver takes nothing any more, or this side was closed
  broken   ///< the receiver wrote what it never should: protocol_error
};

/// Private memory of one sender. Thread safety: one thread at a time; give_back() and close() any thread.
class lane_writer {
 public:
  /// The lane must be nobody else's to write: a new one (zeros), or one whose last sender has left or died. `waits` and
  /// `bell` are the receiver's wait word and the bell on which it sleeps.
  lane_writer(lane_memory lane, const lane_geometry& sizes, const sync::wait_word& waits, sync::bell_word& bell);
  lane_writer(const lane_writer&) = delete;
  lane_writer& operator=(const lane_writer&) = delete;

  void ring_through(descriptor_bell& bell) noexcept { descriptor_ = &bell; }

  /// Sends a message of at most 56 bytes, or does nothing and says false: ask send().
  [[gnu::always_inline]] bool send_quick(const std::byte* from, std::size_t size) noexcept {
    const std::uint64_t n = next_.load(sync::relaxed);
    if (!enter(n)) [[unlikely]]
      return false;
    lane_slot& slot = slots_[n & mask_];
    sync::prefetch_for_writing(&slots_[(n + slots_ahead) & mask_]);
    copy_in(slot, from, size);
    sent_bytes_ += size;
    publish(slot, n, size);
    return true;
  }

  /// The same for a larger one that goes into the arena.
  [[gnu::always_inline]] bool send_quick_in_arena(const std::byte* from, std::size_t size) noexcept {
    const std::uint64_t n = next_.load(sync::relaxed);
    if (size > most_quick_in_arena_ || !enter(n)) [[unlikely]]
      return false;
    const arena_run run = free_.take_here(units_for(size));
    if (!run) [[unlikely]] {
      entering_.store(n, sync::relaxed);
      return false;
    }
    sync::prefetch_for_writing(&slots_[(n + slots_ahead) & mask_]);
    fetch_ahead(run, size);
    sync::copy_bytes(memory_of(run).data(), from, size);
    lane_slot& slot = slots_[n & mask_];
    keep_run(slot, n, run, size);
    publish(slot, n, slot_kind::in_arena);
    return true;
  }

  /// claim() and publish_run() where nothing is the matter: no run, or false, and nothing has happened.
  [[gnu::always_inline]] arena_run claim_quick(std::size_t size) noexcept {
    if (*epoch_ != born_in_ || most_quick_in_arena_ == 0 || next_.load(sync::relaxed) >= limit_.load(sync::relaxed) ||
        receiver_.has_news()) [[unlikely]]
      return {};
    return free_.take_here(units_for(size));
  }
  [[gnu::always_inline]] bool publish_run_quick(arena_run run, std::size_t size) noexcept {
    const std::uint64_t n = next_.load(sync::relaxed);
    if (!enter(n)) [[unlikely]]
      return false;
    lane_slot& slot = slots_[n & mask_];
    keep_run(slot, n, run, size);
    publish(slot, n, slot_kind::in_arena);
    return true;
  }

  /// Sends a message of any size up to largest(). `overlap`: a large one may be read while it is written, which pays
  /// where the receiver has a processor of its own.
  sent send(std::span<const std::byte> payload, bool overlap = true) noexcept;
  /// Whether send() of `size` bytes would find room.
  sent look_for_room(std::size_t size) noexcept;

  /// Room in the arena, for a message that is written in place: `run` then belongs to the caller until publish_run()
  /// or give_back().
  sent claim(std::size_t size, arena_run& run) noexcept;
  std::span<std::byte> memory_of(arena_run run) const noexcept {
    return {arena_memory_ + run.start * sizes_.arena_unit, run.count * sizes_.arena_unit};
  }
  /// Sends the first `size` bytes of a claimed run.
  sent publish_run(arena_run run, std::size_t size) noexcept;
  /// A claimed run was not sent after all. Any thread.
  void give_back(arena_run run) noexcept;

  std::size_t largest() const noexcept { return std::max<std::size_t>(inline_bytes, sizes_.arena_bytes); }
  /// The number of the next message in this lane, and of this sender's first one.
  std::uint64_t next() const noexcept { return next_.load(sync::relaxed); }
  std::uint64_t first() const noexcept { return first_; }
  /// How many messages have not been taken yet, as of now.
  std::uint64_t depth() const noexcept { return next() - lane_.in->head.load(sync::relaxed); }
  bool receiver_closed() const noexcept { return receiver_.peer_closed(); }
  sync::sleeper& waiting() noexcept { return waiting_; }
  /// Wakes the receiver as after a message.
  void ring() noexcept {
    if (receiver_.ring() && descriptor_ != nullptr) descriptor_->ring();
  }

  /// The receiver is dead: nothing is accepted any more.
  void stop() noexcept {
    closing_ = true;
    limit_.store(0, sync::relaxed);
  }
  /// No message of send_quick() is accepted once this has returned, and none is on its way. Any thread, but not while
  /// another one is in any other call.
  void close() noexcept;

 private:
  // Begins a quick call for message n (I3), which publish() ends. False: something may be the matter, nothing happened.
  [[gnu::always_inline]] bool enter(std::uint64_t n) noexcept {
    if (*epoch_ != born_in_) [[unlikely]]
      return false;
    entering_.store(n + 1, sync::relaxed);
    sync::light_fence();  // F1 pairs with F2
    if (n < limit_.load(sync::relaxed) && !receiver_.has_news()) [[likely]]
      return true;
    entering_.store(n, sync::relaxed);
    return false;
  }
  [[gnu::always_inline]] void publish(lane_slot& slot, std::uint64_t n, std::uint64_t kind) noexcept {
    slot.word.store(slot_word(n, kind), sync::release);  // E1
    next_.store(n + 1, sync::release);                   // E6
    if (receiver_.ring()) [[unlikely]]
      if (descriptor_ != nullptr) descriptor_->ring();
  }
  // The first lines of where a message of this size will probably go a little later.
  [[gnu::always_inline]] void fetch_ahead(arena_run run, std::size_t size) const noexcept {
    const std::uint64_t there = (run.start + std::uint64_t{run.count} * slots_ahead / 2) * sizes_.arena_unit;
    const std::size_t lines = std::min<std::size_t>(size, 512);
    if (there + lines > sizes_.arena_bytes) return;
    for (std::size_t at = 0; at < lines; at += 64) sync::prefetch_for_writing(arena_memory_ + there + at);
  }
  void publish_slowly(std::uint64_t kind) noexcept;
  [[gnu::always_inline]] void keep_run(lane_slot& slot, std::uint64_t n, arena_run run, std::size_t size) noexcept {
    slot.payload[0].store(run.start * sizes_.arena_unit, sync::relaxed);
    slot.payload[1].store(size, sync::relaxed);
    runs_[n & mask_] = run;
    sent_bytes_ += size;
  }
  sent look() noexcept;
  void look_at_head() noexcept;
  void let_receiver_read(std::uint64_t head_before) noexcept;
  void account() noexcept;
  bool is_held(std::uint64_t count) const noexcept;
  sent take_run(std::size_t size, arena_run& run) noexcept;
  void collect() noexcept;
  void send_growing(arena_run run, std::span<const std::byte> payload) noexcept;
  std::uint32_t units_for(std::size_t size) const noexcept {
    if (size <= sizes_.arena_unit) return 1;
    return static_cast<std::uint32_t>((size + sizes_.arena_unit - 1) / sizes_.arena_unit);
  }

  // What send_quick() reads and writes.
  lane_slot* slots_;
  std::uint64_t mask_;
  sync::atomic<std::uint64_t> next_, entering_, limit_;
  sync::ringer receiver_;
  const std::atomic<std::uint32_t>* epoch_;
  std::uint32_t born_in_;
  descriptor_bell* descriptor_ = nullptr;

  lane_memory lane_;
  lane_geometry sizes_;
  std::byte* arena_memory_;
  std::uint64_t head_, collected_, first_;
  std::uint64_t sent_bytes_ = 0, times_full_ = 0;
  std::size_t most_quick_in_arena_ = 0;  // 0 until the first message there
  bool quick_;                           // the kernel fences for us, so that close() can
  bool closing_ = false, broken_ = false, uses_arena_ = false;
  sync::sleeper waiting_;
  arena free_;
  std::vector<arena_run> runs_;  // of message n, at n & mask_
  struct held {
    std::uint64_t count;
    arena_run run;
  };
  std::vector<held> held_;
  std::mutex returned_mutex_;
  std::vector<arena_run> returned_;  // by give_back()
  sync::atomic<std::uint32_t> any_returned_;
};

}  // namespace transom::shm
