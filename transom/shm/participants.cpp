// transom/shm/participants.cpp - see participants.hpp.
#include "transom/shm/participants.hpp"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstring>

namespace transom::shm {
namespace {

bool change(participant_row& row, row_word from, row_word to) noexcept {
  std::uint64_t expected = from.pack();
  return row.word.compare_exchange(expected, to.pack(), sync::acq_rel, sync::relaxed);  // E1
}

bool reusable(row_state state) noexcept {
  return state == row_state::free || state == row_state::joining || state == row_state::left;
}

// Generation 0 and its ghosts are left out, so that an id is never 0.
std::uint32_t after(std::uint32_t generation) noexcept {
  const std::uint32_t next = generation + 1;
  return (next & 0xffffff) == 0 ? next + 1 : next;
}

}  // namespace

participant_row& participants::row(unsigned index) const noexcept {
  auto* rows = reinterpret_cast<participant_row*>(segment_->bytes().data() + segment_->header().rows_offset);
  return rows[index];
}

unsigned participants::used() const noexcept {
  return std::min(segment_->header().rows_used.load(sync::acquire), size());  // E1
}

std::string participants::comm(unsigned index) const {
  char name[17] = {};
  for (unsigned half = 0; half < 2; ++half) {
    const std::uint64_t word = row(index).comm[half].load(sync::relaxed);
    std::memcpy(name + 8 * half, &word, 8);
  }
  return name;
}

void participants::introduce(participant_row& self) const noexcept {
  const os::process_identity who = os::identity_of_self();
  self.pid.store(static_cast<std::uint32_t>(who.pid), sync::relaxed);
  self.uid.store(who.uid, sync::relaxed);
  self.start_time.store(who.start_time, sync::relaxed);
  self.pid_namespace.store(who.pid_namespace, sync::relaxed);
  self.pidfs_inode.store(who.pidfs_inode, sync::relaxed);
  const auto now = std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
  self.joined_ns.store(static_cast<std::uint64_t>(now), sync::relaxed);
  const auto comm = std::bit_cast<std::array<std::uint64_t, 2>>(who.comm);
  for (unsigned half = 0; half < 2; ++half) self.comm[half].store(comm[half], sync::relaxed);
  for (auto& word : self.own_words) word.store(0, sync::relaxed);
}

// Holding the byte is the right to write the row; what it says is read again under that right.
result<bool> participants::take(unsigned index, role as) const {
  participant_row& self = row(index);
  auto locked = segment_->try_lock(index);
  if (!locked || !*locked) return locked;
  for (;;) {
    const row_word seen = word(index);
    if (!reusable(seen.state)) {
      if (auto ok = segment_->unlock(index); !ok) return ok.error();
      return false;
    }
    // First the range that others scan, then the row: no row that says JOINING is ever out of sight.
    auto& range = segment_->header().rows_used;
    std::uint32_t known = range.load(sync::relaxed);
    while (known <= index && !range.compare_exchange_weak(known, index + 1, sync::release, sync::relaxed)) {}  // E1
    if (change(self, seen, {row_state::joining, as, after(seen.generation)})) break;  // else: a sweep came first
  }
  introduce(self);
  return true;
}

result<unsigned> participants::claim(role as) const {
  for (unsigned index = as == role::owner ? 0 : 1; index < size(); ++index) {
    if (!reusable(word(index).state)) continue;
    auto taken = take(index, as);
    if (!taken) return taken.error();
    if (*taken) return index;
  }
  return error::system(static_cast<int>(std::errc::no_buffer_space), "join",
                       place({}, "all " + std::to_string(size()) + " places for participants are taken"));
}

void participants::arrive(unsigned index) const noexcept {
  row(index).word.store(word(index).as(row_state::live).pack(), sync::release);  // E1
}

void participants::leave(unsigned index) const noexcept {
  row(index).word.store(word(index).as(row_state::left).pack(), sync::release);  // E1
}

void participants::finish_leaving(unsigned index) const noexcept {
  row(index).word.store(word(index).as(row_state::free).pack(), sync::release);  // E1
}

void participants::part(unsigned index) const noexcept {
  row(index).word.store(word(index).as(row_state::parted).pack(), sync::release);  // E1
}

result<fate> participants::fate_of(role whom, std::optional<unsigned> not_counting) const {
  bool died = false;
  for (unsigned index = 0; index < used(); ++index) {
    if (index == not_counting) continue;
    for (;;) {
      const row_word seen = word(index);
      if (seen.role != whom || (seen.state != row_state::live && seen.state != row_state::dead)) break;
      if (seen.state == row_state::live) {
        auto held = segment_->is_held(index);
        if (!held) return held.error();
        if (*held) return fate::alive;
        if (word(index).pack() != seen.pack()) continue;  // it left, or somebody came, while we asked
      }
      died = true;
      break;
    }
  }
  return died ? fate::dead : fate::gone;
}

std::optional<unsigned> participants::find_alive(role whom) const {
  for (unsigned index = 0; index < used(); ++index) {
    const row_word seen = word(index);
    if (seen.role == whom && seen.state == row_state::live && segment_->is_held(index).value_or(false)) return index;
  }
  return {};
}

unsigned participants::present(role whom, std::optional<unsigned> not_counting) const noexcept {
  unsigned count = 0;
  for (unsigned index = 0; index < used(); ++index) {
    const row_word seen = word(index);
    if (seen.role == whom && seen.present() && index != not_counting) ++count;
  }
  return count;
}

// `seen` said LIVE before the lock was found free. P4: the change is the second look.
std::optional<casualty> participants::bury(unsigned index, row_word seen) const {
  const int pid = static_cast<int>(row(index).pid.load(sync::relaxed));  // P2: that of `seen`, if the change works
  if (!change(row(index), seen, seen.as(row_state::dead))) return {};
  return casualty{pid, id_of(index, seen.generation)};
}

std::optional<casualty> participants::declare_one_dead(role whom) const {
  for (unsigned index = 0; index < used(); ++index) {
    const row_word seen = word(index);
    if (seen.role != whom || !(seen.present() || seen.state == row_state::left)) continue;
    if (segment_->is_held(index).value_or(true)) continue;
    if (seen.state != row_state::live) {  // died while joining or leaving: nobody's business
      change(row(index), seen, seen.as(row_state::free));
      continue;
    }
    if (auto dead = bury(index, seen)) return dead;
  }
  return {};
}

std::optional<casualty> participants::declare_dead(unsigned index) const {
  const row_word seen = word(index);
  if (seen.state != row_state::live || segment_->is_held(index).value_or(true)) return {};
  return bury(index, seen);
}

// An incarnation holds the lock from before its JOINING until its mapping goes; so a free lock needs no second look
// here.
bool participants::is_gone(std::uint32_t id) const noexcept {
  const unsigned index = id & 255;
  if (index >= size()) return true;
  const row_word seen = word(index);
  if (id_of(index, seen.generation) != id || !seen.present()) return true;
  return !segment_->is_held(index).value_or(true);
}

bool participants::free_row(unsigned index, std::uint32_t generation) const noexcept {
  const row_word seen = word(index);
  if (seen.generation != generation) return false;
  if (seen.state != row_state::parted && seen.state != row_state::dead) return false;
  return change(row(index), seen, seen.as(row_state::free));
}

void participants::recycle(role whom) const noexcept {
  for (unsigned index = 0; index < used(); ++index) {
    const row_word seen = word(index);
    if (seen.role == whom && seen.state == row_state::dead) change(row(index), seen, seen.as(row_state::free));
  }
}

}  // namespace transom::shm
