// transom/sync/membership.cpp - the ranges of this process, and what a thread knows about them. See membership.hpp.
//
// Ranges stand in a list whose entries are never freed, only used again, so that a look-up takes no lock: a child of
// fork() could find one held by a thread that it does not have. An entry is read under its count, which is odd while
// it changes; whoever finds it changed takes it for one that does not have the address. That is right: a range that
// somebody uses just now does not come or go.
#include "transom/sync/membership.hpp"

#include <bit>
#include <new>

#include "transom/base/ensure.hpp"
#include "transom/os/own_process.hpp"
#include "transom/sync/settle.hpp"

namespace transom::sync {
namespace detail {

constinit std::atomic<std::uint32_t> range_changes{0};
constinit thread_local standing last_standing{};

namespace {

struct range {
  std::atomic<std::uint32_t> count{0};
  std::atomic<std::uint32_t> epoch{0};
  std::atomic<membership*> of{nullptr};  // null: free
  std::atomic<std::uintptr_t> begin{0}, length{0};
  range* next = nullptr;
};
constinit std::atomic<range*> ranges{nullptr};

struct range_value {
  std::uintptr_t begin = 0, length = 0;
  membership* of = nullptr;
  std::uint32_t epoch = 0;
  bool contains(std::uintptr_t address) const noexcept { return of != nullptr && address - begin < length; }
};

range_value read(const range& from) noexcept {
  const std::uint32_t before = from.count.load(std::memory_order_acquire);
  const range_value all{from.begin.load(std::memory_order_acquire), from.length.load(std::memory_order_acquire),
                        from.of.load(std::memory_order_acquire), from.epoch.load(std::memory_order_acquire)};
  const bool whole = (before & 1) == 0 && from.count.load(std::memory_order_relaxed) == before;
  return whole ? all : range_value{};
}

// Takes an entry that nobody uses, or a new one, and leaves its count odd.
range& take_range() {
  for (range* at = ranges.load(std::memory_order_acquire); at != nullptr; at = at->next) {
    std::uint32_t count = at->count.load(std::memory_order_relaxed);
    if ((count & 1) != 0 || at->of.load(std::memory_order_acquire) != nullptr) continue;
    if (!at->count.compare_exchange_strong(count, count + 1, std::memory_order_acq_rel, std::memory_order_relaxed))
      continue;
    if (at->of.load(std::memory_order_acquire) == nullptr) return *at;
    at->count.store(count, std::memory_order_release);
  }
  auto* made = new range;
  made->count.store(1, std::memory_order_relaxed);
  made->next = ranges.load(std::memory_order_relaxed);
  while (!ranges.compare_exchange_weak(made->next, made, std::memory_order_release, std::memory_order_relaxed)) {}
  return *made;
}

void finish(range& changed) noexcept {
  changed.count.fetch_add(1, std::memory_order_release);
  range_changes.fetch_add(1, std::memory_order_release);
}

// What nobody shares with others: this process, whose threads live as long as it does.
class unshared final : public membership {
 public:
  unshared() noexcept : membership(1u << 8, 0, UINTPTR_MAX) {}  // row 0
  bool is_gone(std::uint32_t) const noexcept override { return false; }
  unsigned rows() const noexcept override { return 1; }
  std::span<note> notes_of(unsigned) const noexcept override { return {notes_.data(), used_.load(acquire)}; }
  std::string describe(std::uint32_t) const override { return "pid " + std::to_string(os::own_pid()); }
  std::uint64_t process_of(std::uint32_t) const noexcept override { return 0; }
  int pid_of(std::uint32_t) const noexcept override { return os::own_pid(); }

 protected:
  std::span<note> own_notes(unsigned count) noexcept override {
    std::uint32_t used = used_.load(relaxed);
    while (used < count && !used_.compare_exchange_weak(used, count, release, relaxed)) {}
    return notes_;
  }

 private:
  mutable std::array<note, notes_each> notes_{};
  atomic<std::uint32_t> used_{0};
};

unshared& unshared_memory() noexcept {
  alignas(unshared) static std::byte place[sizeof(unshared)];
  static auto* only = new (place) unshared;  // never destroyed: locks may be used for as long as there are threads
  return *only;
}

}  // namespace

const standing* look_up(const void* object) noexcept {
  const auto address = reinterpret_cast<std::uintptr_t>(object);
  standing now;
  now.changes = range_changes.load(std::memory_order_acquire);
  now.epoch = os::fork_epoch();
  now.epoch_word = &os::fork_epoch_word();
  standing& last = last_standing;
  now.thread = last.thread != 0 && last.epoch == now.epoch ? last.thread : static_cast<std::uint32_t>(os::own_thread());
  std::uintptr_t from = 0, to = UINTPTR_MAX;  // what lies between the ranges
  bool of_parent = false;
  for (const range* at = ranges.load(std::memory_order_acquire); at != nullptr; at = at->next) {
    const range_value value = read(*at);
    if (value.contains(address)) {
      of_parent = of_parent || value.epoch != now.epoch;
      if (value.epoch != now.epoch) continue;
      now.begin = value.begin;
      now.length = value.length;
      now.participant = value.of->id();
      now.in = value.of;
    } else if (value.of != nullptr) {
      if (value.begin > address && value.begin < to) to = value.begin;
      if (value.begin <= address && value.begin + value.length > from) from = value.begin + value.length;
    }
  }
  if (now.in == nullptr) {
    if (of_parent) return nullptr;
    now.begin = from;
    now.length = to - from;
    now.in = &unshared_memory();
    now.participant = now.in->id();
  }
  last = now;
  return &last;
}

}  // namespace detail

registration::registration(membership& of) : of_(&of) {
  detail::range& mine = detail::take_range();
  mine.begin.store(of.begin(), std::memory_order_release);
  mine.length.store(of.size(), std::memory_order_release);
  mine.epoch.store(os::fork_epoch(), std::memory_order_release);
  mine.of.store(&of, std::memory_order_release);
  detail::finish(mine);
}

registration::~registration() {
  if (of_ == nullptr) return;
  for (detail::range* at = detail::ranges.load(std::memory_order_acquire); at != nullptr; at = at->next) {
    if (at->of.load(std::memory_order_acquire) != of_) continue;
    at->count.fetch_add(1, std::memory_order_acq_rel);
    at->of.store(nullptr, std::memory_order_release);
    detail::finish(*at);
    return;
  }
}

note* membership::take_note() noexcept {
  for (unsigned word = 0; word < taken_.size(); ++word) {
    std::uint64_t bits = taken_[word].load(std::memory_order_relaxed);
    while (bits != ~std::uint64_t{0}) {
      const auto free = static_cast<unsigned>(std::countr_one(bits));
      if (!taken_[word].compare_exchange_weak(bits, bits | std::uint64_t{1} << free, std::memory_order_acquire,
                                              std::memory_order_relaxed))
        continue;
      const unsigned index = 64 * word + free;
      return &own_notes(index + 1)[index];
    }
  }
  return nullptr;
}

void membership::return_note(note& mine) noexcept {
  mine.say(0);
  const auto index = static_cast<unsigned>(&mine - own_notes(0).data());
  taken_[index / 64].fetch_and(~(std::uint64_t{1} << index % 64), std::memory_order_release);
}

void membership::reap() const noexcept {
  for (unsigned row = 0; row < rows(); ++row) {
    for (note& left : notes_of(row)) {
      const std::uint64_t about = left.says();
      if (about == 0 || note::participant_of(about) == id_ || !is_gone(note::participant_of(about))) continue;
      settle(*this, left, about);
    }
  }
}

}  // namespace transom::sync
