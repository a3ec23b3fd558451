// transom/sync/rwlock.cpp - see rwlock.hpp.
#include "transom/sync/rwlock.hpp"

#include "transom/sync/patient_sleep.hpp"
#include "transom/sync/settle.hpp"
#include "transom/sync/wait_graph.hpp"

namespace transom::sync {
namespace {

// Somebody else's note that reads `lock`, the first that is found; `own` is set if this thread has one.
note* find_reader(const standing& me, const void* lock, const note* except, bool& own) noexcept {
  note* found = nullptr;
  for (unsigned row = 0; row < me.in->rows(); ++row) {
    for (note& one : me.in->notes_of(row)) {
      const std::uint64_t about = one.says();
      if (note::kind_of(about) != note_kind::reads || one.object.load(relaxed) != me.in->offset_of(lock)) continue;
      if (&one == except) continue;
      const bool ours = note::participant_of(about) == me.participant && one.thread.load(relaxed) == me.thread;
      own = own || ours;
      if (!ours) found = &one;
    }
  }
  return found;
}

// A note that is given back unless a guard has it.
struct taken_note {
  membership& in;
  note* one;
  ~taken_note() {
    if (one != nullptr) in.return_note(*one);
  }
};

}  // namespace

result<guard> rwlock::enter(const patience& how, mutex::entry why) {
  const standing* at = standing_at(this);
  if (at == nullptr) return error(errc::forked, "lock");
  const standing me = *at;
  auto held = gate_.enter_as(me, how, why);
  if (!held) return held;
  held->of_ = this;
  patient_sleep waiting(how);
  said_wait said(me, note_kind::waits_to_write, this);
  full_fence();  // F2 pairs with F1
  for (bool ask_for_the_dead = true;;) {
    const std::uint32_t left = left_.load(acquire);  // E2
    bool own = false;
    note* reader = find_reader(me, this, nullptr, own);
    if (own && !how.nonblocking) return error(errc::would_deadlock, "lock", place(name(), "this thread reads it"));
    if (own) return error(errc::would_block, "lock");
    if (reader == nullptr) return held;
    const std::uint64_t about = reader->says();
    if (note::kind_of(about) != note_kind::reads) continue;
    if (ask_for_the_dead && me.in->is_gone(note::participant_of(about))) {
      settle(*me.in, *reader, about);
      continue;
    }
    ask_for_the_dead = false;
    if (const auto over = waiting.is_over()) return error(*over, "lock");
    if (said.say() && gate_.reports_ != 0) {
      if (const std::string cycle = find_cycle(me); !cycle.empty())
        return error(errc::would_deadlock, "lock", place(name(), cycle));
      continue;
    }
    ask_for_the_dead = !waiting.sleep(&left_, left);
  }
}

result<shared_guard> rwlock::enter_shared(const patience& how) {
  if (how.stop.stop_requested()) return error(errc::canceled, "lock_shared");
  const standing* at = standing_at(this);
  if (at == nullptr) return error(errc::forked, "lock_shared");
  const standing me = *at;
  taken_note mine{*me.in, me.in->take_note()};
  if (mine.one == nullptr)
    return error::system(static_cast<int>(std::errc::no_buffer_space), "lock_shared",
                         place(name(), "a process has " + std::to_string(notes_each) + " notes, and all are in use"));
  mine.one->own.fetch_add(1, relaxed);
  patient_sleep waiting(how);
  for (bool ask_for_the_dead = true;;) {
    me.in->write_note(*mine.one, note_kind::reads, this, me.thread);
    full_fence();                                          // F1 pairs with F2
    const std::uint64_t seen = gate_.word_.load(acquire);  // E1
    if (!lock_word::is_held(seen) && (seen & lock_word::dirty) == 0)
      return shared_guard(*this, *me.in, *std::exchange(mine.one, nullptr), me.epoch);
    me.in->write_note(*mine.one, note_kind::waits_to_read, this, me.thread);
    say_left();  // the writer may have seen it
    if (auto go_on = wait_for_writer(me, *mine.one, waiting, ask_for_the_dead); !go_on) return go_on.error();
  }
}

result<void> rwlock::wait_for_writer(const standing& me, note& mine, patient_sleep& waiting, bool& ask_for_the_dead) {
  std::uint64_t seen = gate_.word_.load(relaxed);
  if (!lock_word::is_held(seen)) {
    if ((seen & lock_word::dirty) != 0) return gate_.owner_died_error(me, 0).during("lock_shared");
    return {};
  }
  const auto deadlock = [&](std::string_view why) {
    return error(errc::would_deadlock, "lock_shared", place(name(), why));
  };
  if (ask_for_the_dead && me.in->is_gone(lock_word::participant_of(seen))) {
    gate_.declare_dead(seen);
    return {};
  }
  ask_for_the_dead = false;
  if (const auto over = waiting.is_over()) return error(*over, "lock_shared");
  if ((seen & ~lock_word::flags) == lock_word::held_by(me)) return deadlock("this thread holds it for writing");
  bool own = false;
  find_reader(me, this, &mine, own);
  if (own) return deadlock("this thread reads it already, and a writer waits for that to end");
  constexpr std::uint64_t all = lock_word::waiters | lock_word::crowd;
  if ((seen & all) != all) {
    if (!gate_.word_.compare_exchange(seen, seen | all, relaxed, relaxed)) return {};
    seen |= all;
  }
  full_fence();  // F1 of wait_graph.hpp
  if (gate_.reports_ != 0) {
    if (const std::string cycle = find_cycle(me); !cycle.empty()) return deadlock(cycle);
  }
  ask_for_the_dead = !waiting.sleep(&gate_.word_, lock_word::futex_half(seen));
  return {};
}

void rwlock::leave_shared(membership& in, note& mine) noexcept {
  in.return_note(mine);  // E2
  full_fence();          // F1 pairs with F2
  if (lock_word::is_held(gate_.word_.load(relaxed))) say_left();
}

void shared_guard::unlock() noexcept {
  transom::detail::ensure(of_ != nullptr, "a guard that holds nothing is not unlocked");
  rwlock* const lock = std::exchange(of_, nullptr);
  if (os::fork_epoch() == epoch_) lock->leave_shared(*in_, *note_);
}

// The dead one's note goes (E2: what it read, it read before we had the kernel's word); whoever waits for that looks
// again.
void settle_reader(const membership& in, note& left, std::uint64_t about) noexcept {
  auto* lock = static_cast<rwlock*>(in.object_at(left.object.load(relaxed), sizeof(rwlock)));
  if (left.about.compare_exchange(about, 0, release, relaxed) && lock != nullptr) lock->say_left();
}

}  // namespace transom::sync
