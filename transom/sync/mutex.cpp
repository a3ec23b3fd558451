// transom/sync/mutex.cpp - the lock when somebody else has it. See mutex.hpp.
#include "transom/sync/mutex.hpp"

#include "transom/sync/backoff.hpp"
#include "transom/sync/patient_sleep.hpp"
#include "transom/sync/wait_graph.hpp"

namespace transom::sync {

std::string mutex::name() const {
  std::string text(name_.data(), name_.size());
  if (const auto end = text.find('\0'); end != text.npos) text.resize(end);
  if (!text.empty()) return "lock \"" + text + "\"";
  const standing* me = standing_at(this);
  return "lock at offset " + std::to_string(me == nullptr ? 0 : me->in->offset_of(this));
}

error mutex::owner_died_error(const standing& me, std::uint32_t dead) const {
  if (dead == 0) return error(errc::owner_died, "lock", place(name()));
  return error(errc::owner_died, "lock", place(name(), me.in->describe(dead))).with_peer(me.in->pid_of(dead));
}

// Everybody is to see it, not only the next one: those who came to use it have nothing to wait for. The kernel's proof
// is the acquire end of what the dead one did.
void mutex::declare_dead(std::uint64_t seen) noexcept {
  if (word_.compare_exchange(seen, lock_word::dirty, release, relaxed)) os::futex_wake_all(&word_);  // E1
}

result<guard> mutex::enter(const patience& how, entry why) {
  const standing* me = standing_at(this);
  if (me == nullptr) return error(errc::forked, "lock");
  return enter_as(standing(*me), how, why);
}

result<guard> mutex::enter_as(const standing& me, const patience& how, entry why) {
  if (how.stop.stop_requested()) return error(errc::canceled, "lock");
  const std::uint64_t mine = lock_word::held_by(me);
  patient_sleep waiting(how);
  said_wait said(me, note_kind::waits_for_mutex, this);
  std::uint64_t come_in_as = mine;
  std::uint32_t dead = 0;
  bool ask_for_the_dead = true;
  int looks = how.nonblocking ? 0 : looks_before_sleep;
  for (std::uint64_t seen = word_.load(relaxed);;) {
    if (!lock_word::is_held(seen)) {
      if ((seen & lock_word::dirty) != 0 && why != entry::to_repair) return owner_died_error(me, dead);
      if (word_.compare_exchange(seen, come_in_as | (seen & lock_word::flags), acquire, relaxed))  // E1
        return guard(*this, me.epoch, (seen & lock_word::dirty) != 0);
      continue;
    }
    if ((seen & ~lock_word::flags) == mine && !how.nonblocking)
      return error(errc::would_deadlock, "lock", place(name(), "this thread holds it already"));
    if (looks > 0) {
      --looks;
      relax();
      seen = word_.load(relaxed);
      continue;
    }
    if (ask_for_the_dead) {
      const std::uint32_t owner = lock_word::participant_of(seen);
      if (me.in->is_gone(owner)) {
        declare_dead(seen);
        dead = owner;
        seen = word_.load(relaxed);
        continue;
      }
      ask_for_the_dead = false;
    }
    if (const auto over = waiting.is_over()) return error(*over, "lock");
    if ((seen & lock_word::waiters) == 0) {
      if (!word_.compare_exchange(seen, seen | lock_word::waiters, relaxed, relaxed)) continue;
      seen |= lock_word::waiters;
    }
    if (said.say() && reports_ != 0) {
      if (std::string cycle = find_cycle(me); !cycle.empty())
        return error(errc::would_deadlock, "lock", place(name(), cycle));
      seen = word_.load(relaxed);
      if (!lock_word::is_held(seen) || (seen & lock_word::waiters) == 0) continue;
    }
    ask_for_the_dead = !waiting.sleep(&word_, lock_word::futex_half(seen));
    come_in_as = mine | lock_word::waiters;  // L4
    seen = word_.load(relaxed);
  }
}

}  // namespace transom::sync
