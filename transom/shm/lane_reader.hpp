// transom/shm/lane_reader.hpp - the receiving side of a lane: the only one that writes lane_in.
//
// A message is taken in one of three ways: receive_quick() copies a small one out when nothing is the matter; look()
// lends the next one where it lies until acknowledge(); show() moves it into a hold, where it may stay while later ones
// are received, until release().
//
// Invariants
//   I1  next_ is the message that look() finds; head == next_, except while acknowledge() runs.
//   I2  A hold is written before head passes its message (K1), and before the message is shown. So of a dead receiver's
//       messages those in holds below head were shown, those in holds at head or above were not, and nobody saw
//       what lies in slots.
//   I3  A hold's word is 0 iff it is free. It is taken by the receiving thread alone and freed by whoever has the view.
//   I4  stop_at_ is 0 when a message is lent, when redeliveries wait, when closed, and where the kernel cannot fence
//   for
//       us: one comparison stands for "nothing special".
//
// Ordering: transom/shm/lane_layout.hpp has the edges E1 to E8, K1 and the fences.
//
// Death: killed before E2, the message is the successor's, as new. Killed after, it was acknowledged, or its hold says
// that it was shown: then the successor delivers it again, marked.
//
// Trust: each word of the sender is read once and checked against our own geometry before it is used.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "transom/os/fork_guard.hpp"
#include "transom/shm/descriptor_bell.hpp"
#include "transom/shm/lane_copy.hpp"
#include "transom/shm/lane_layout.hpp"
#include "transom/sync/prefetch.hpp"

namespace transom::shm {

/// What is at the front of a lane.
enum class found {
  message,
  nothing,
  growing,  ///< a message that is still being written
  broken    ///< the sender wrote what it never should: protocol_error
};

/// The message at the front.
struct lane_front {
  std::span<const std::byte> payload;  ///< in shared memory: a sender that is not trusted may change it still
  std::uint64_t n = 0;                 ///< its number in the lane
  bool redelivered = false;
};

/// Private memory of one receiver. Thread safety: one thread at a time; release() and close() any thread.
class lane_reader {
 public:
  /// `waits` and `bell` are the sender's wait word and the bell on which it sleeps.
  lane_reader(lane_memory lane, const lane_geometry& sizes, const sync::wait_word& waits, sync::bell_word& bell);
  lane_reader(const lane_reader&) = delete;
  lane_reader& operator=(const lane_reader&) = delete;

  /// Takes over from a receiver that is dead: what it showed and did not acknowledge comes first, as redelivered.
  void adopt();
  void ring_through(descriptor_bell& bell) noexcept { descriptor_ = &bell; }

  /// Copies the next message to `to` if it has exactly `size` <= 56 bytes, or does nothing and says false: ask look().
  [[gnu::always_inline]] bool receive_quick(std::byte* to, std::size_t size) noexcept {
    return take_quick([size](std::uint64_t word, std::uint64_t n)
                          __attribute__((always_inline)) { return word == slot_word(n, size); },
                      [to, size](const lane_slot& slot, std::size_t)
                          __attribute__((always_inline)) { copy_out(to, slot, size); });
  }
  /// The same for a size that is not known: `fits(word, n)` says whether that is the word of message n and may come,
  /// then `copy(slot, size)`.
  template <typename Fits, typename Copy>
  [[gnu::always_inline]] bool take_quick(Fits fits, Copy copy) noexcept(noexcept(copy(*slots_, 0))) {
    if (*epoch_ != born_in_) [[unlikely]]
      return false;
    const std::uint64_t n = next_.load(sync::relaxed);
    entering_.store(n + 1, sync::relaxed);
    sync::light_fence();  // F1 pairs with F2
    const lane_slot& slot = slots_[n & mask_];
    if (n >= stop_at_.load(sync::relaxed)) [[unlikely]] {
      entering_.store(n, sync::relaxed);
      return false;
    }
    const std::uint64_t word = slot.word.load(sync::acquire);  // E1
    if (!fits(word, n)) [[unlikely]] {
      entering_.store(n, sync::relaxed);
      if (count_of(word) != n + 1) keep_distance(n);
      return false;
    }
    if (n - empty_at_ > well_behind) sync::prefetch_for_reading(&slots_[(n + slots_ahead) & mask_]);
    copy(slot, kind_of(word));
    pass(n);
    return true;
  }
  /// The same for a message of any size: `take(payload)` says whether it took it.
  template <typename Take>
  [[gnu::always_inline]] bool take_quick_of_any_size(Take take) {
    if (*epoch_ != born_in_) [[unlikely]]
      return false;
    const std::uint64_t n = next_.load(sync::relaxed);
    entering_.store(n + 1, sync::relaxed);
    sync::light_fence();  // F1 pairs with F2
    if (n >= stop_at_.load(sync::relaxed)) [[unlikely]] {
      entering_.store(n, sync::relaxed);
      return false;
    }
    const lane_slot& slot = slots_[n & mask_];
    const std::uint64_t word = slot.word.load(sync::acquire);  // E1
    std::span<const std::byte> payload;
    if (count_of(word) != n + 1 || kind_of(word) == slot_kind::growing || !payload_of(slot, word, payload) ||
        !take(payload)) [[unlikely]] {
      entering_.store(n, sync::relaxed);
      if (count_of(word) != n + 1) keep_distance(n);
      return false;
    }
    fetch_ahead(n);
    pass(n);
    return true;
  }
  /// show() of the next message where nothing is the matter: null, and nothing has happened. Whole lines and more only:
  /// a smaller message is better copied. `exactly`: no other size, if not 0.
  [[gnu::always_inline]] lane_slot* show_quick(std::span<const std::byte>& payload, std::uint64_t& number,
                                               std::size_t exactly = 0) {
    lane_slot* const hold = is_quick() ? free_hold() : nullptr;
    if (hold == nullptr) [[unlikely]]
      return nullptr;
    const auto take = [&](std::span<const std::byte> there) __attribute__((always_inline)) {
      number = next_.load(sync::relaxed);
      const lane_slot& slot = slots_[number & mask_];
      const std::uint64_t word = slot_word(number, slot_kind::in_arena);
      if (slot.word.load(sync::relaxed) != word || (exactly != 0 && there.size() != exactly)) return false;
      move_into(*hold, slot, word, 2);
      payload = there;
      return true;
    };
    if (!take_quick_of_any_size(take)) return nullptr;
    ++shown_;
    return hold;
  }
  /// Whether quick receives work at all just now; if not, look() may find what they do not.
  /// In a child of fork() they do not, and there is no memory to look at.
  bool is_quick() const noexcept {
    return *epoch_ == born_in_ && next_.load(sync::relaxed) < stop_at_.load(sync::relaxed);
  }

  /// Lends the next message until acknowledge() or show(); again the same one.
  found look(lane_front& front) noexcept;
  /// How many bytes of the growing message at the front can be read, and where they are. Before look() finds it whole.
  std::span<const std::byte> grown() const noexcept;
  /// The message that look() found has been dealt with.
  void acknowledge() noexcept;
  /// Moves the message that look() found into a hold, where it stays until release(): null if all are in use. `payload`
  /// becomes where its bytes are from now on.
  lane_slot* show(std::span<const std::byte>& payload) noexcept;
  /// The message in `hold` has been dealt with. Any thread.
  void release(lane_slot& hold) noexcept;
  /// The sender is dead and the message at the front will never be whole: goes past it.
  void skip_torn() noexcept { pass_slowly(); }

  /// Until this message number no look() is needed for others' sake: the merge's turn.
  void stop_quick_at(std::uint64_t n) noexcept {
    turn_ = n;
    allow_quick();
  }
  std::uint64_t next() const noexcept { return next_.load(sync::relaxed); }
  bool broken() const noexcept { return broken_; }
  bool lent() const noexcept { return lent_; }
  bool any_held() const noexcept;
  /// Every hold that show() has returned has been released, and nobody is inside release() any more.
  bool all_released() const noexcept { return released_.load(sync::acquire) == shown_; }  // E8
  /// Something is there for a look(). Takes nothing.
  bool has_something() const noexcept;
  /// Quick receives work, and there is nothing for them.
  bool has_nothing() const noexcept { return is_quick() && count_of(front_word()) != next() + 1; }
  /// And it is a message that is still being written.
  bool is_growing() const noexcept {
    return !lent_ && again_.empty() && front_word() == slot_word(next(), slot_kind::growing);
  }
  std::uint64_t first_of_sender() const noexcept { return lane_.out->first.load(sync::relaxed); }
  std::uint32_t sender_cpu() const noexcept { return lane_.out->cpu.load(sync::relaxed); }
  /// Wakes a sender that waits for room.
  void ring() noexcept {
    if (sender_.ring()) ring_descriptor();
  }
  void ring_loudly() noexcept { bell_->ring_loudly(); }

  /// No quick receive starts once this has returned, and none is under way. Any thread, but not while another one is in
  /// any other call.
  void close() noexcept;

 private:
  [[gnu::always_inline]] void pass(std::uint64_t n) noexcept {
    lane_.in->head.store(n + 1, sync::release);  // E2
    next_.store(n + 1, sync::release);           // E6
    if (sender_.ring()) [[unlikely]]
      ring_descriptor();
  }
  void pass_slowly() noexcept {
    const std::uint64_t n = next();
    entering_.store(n + 1, sync::relaxed);
    pass(n);
  }
  [[gnu::always_inline]] lane_slot* free_hold() noexcept {
    return likely_hold_ != nullptr && likely_hold_->word.load(sync::acquire) == 0 ? likely_hold_ : find_hold();  // E3
  }
  lane_slot* find_hold() noexcept;
  [[gnu::always_inline]] void move_into(lane_slot& hold, const lane_slot& slot, std::uint64_t word,
                                        std::size_t words) noexcept {
    for (std::size_t i = 0; i < words; ++i) hold.payload[i].store(slot.payload[i].load(sync::relaxed), sync::relaxed);
    hold.word.store(word, sync::release);  // E3: of the message that this hold had before
    sync::kill_fence();                    // K1
  }
  void ring_descriptor() noexcept {
    if (descriptor_ != nullptr) descriptor_->ring();
  }
  // The line of a slot that is still to come, and the first lines of what an earlier one of them, which has come, says.
  [[gnu::always_inline]] void fetch_ahead(std::uint64_t n) const noexcept {
    if (n - empty_at_ <= well_behind) return;
    sync::prefetch_for_reading(&slots_[(n + slots_ahead) & mask_]);
    const std::uint64_t sooner = n + slots_ahead / 2;
    const lane_slot& slot = slots_[sooner & mask_];
    std::span<const std::byte> payload;
    const std::uint64_t word = slot.word.load(sync::relaxed);
    if (word != slot_word(sooner, slot_kind::in_arena) || !payload_of(slot, word, payload)) return;
    for (std::size_t at = 0; at < payload.size() && at < 512; at += 64) sync::prefetch_for_reading(payload.data() + at);
  }
  void keep_distance(std::uint64_t n) noexcept;
  void allow_quick() noexcept;
  bool is_old(std::uint64_t word) const noexcept;
  found lend(const lane_slot& from, std::uint64_t word, lane_front& front) noexcept;
  std::uint64_t front_word() const noexcept { return slots_[next() & mask_].word.load(sync::acquire); }  // E1
  // Where the message of `word` lies, if that is within our geometry.
  bool payload_of(const lane_slot& slot, std::uint64_t word, std::span<const std::byte>& payload) const noexcept {
    const std::uint64_t kind = kind_of(word);
    if (kind <= inline_bytes) {
      payload = {reinterpret_cast<const std::byte*>(slot.payload.data()), kind};
      return true;
    }
    if (kind != slot_kind::in_arena && kind != slot_kind::growing) return false;
    const std::uint64_t offset = slot.payload[0].load(sync::relaxed), length = slot.payload[1].load(sync::relaxed);
    if (length > sizes_.arena_bytes || offset > sizes_.arena_bytes - length) return false;
    payload = {arena_memory_ + offset, length};
    return true;
  }

  // So many messages after the last empty look there are likely to be more than `slots_ahead`: fetching the line of a
  // message that is not written yet would take it away from the sender.
  static constexpr std::uint64_t well_behind = 64;

  // What receive_quick() reads and writes.
  const lane_slot* slots_;
  std::uint64_t mask_;
  sync::atomic<std::uint64_t> next_, entering_, stop_at_;
  std::uint64_t empty_at_ = 0;  // the message that was missing when the lane was last found empty
  sync::ringer sender_;
  const std::atomic<std::uint32_t>* epoch_;
  std::uint32_t born_in_;
  lane_memory lane_;

  lane_geometry sizes_;
  sync::bell_word* bell_;
  const std::byte* arena_memory_;
  std::uint64_t turn_ = 0;
  bool quick_, lent_ = false, broken_ = false;
  sync::atomic<bool> closed_;
  lane_front lent_front_;
  std::uint64_t lent_word_ = 0;
  descriptor_bell* descriptor_ = nullptr;
  std::chrono::steady_clock::time_point empty_since_{};
  lane_slot* likely_hold_ = nullptr;  // was used before, so that holds_used covers it
  std::uint32_t shown_ = 0;
  sync::atomic<std::uint32_t> released_;
  std::vector<lane_slot*> again_;  // holds to be delivered again, the last one first
};

}  // namespace transom::shm
