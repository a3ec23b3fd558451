// transom/sync/settle.cpp - see settle.hpp.
#include "transom/sync/settle.hpp"

#include "transom/os/futex.hpp"
#include "transom/sync/rwlock.hpp"
#include "transom/sync/semaphore.hpp"

namespace transom::sync {
namespace {

void forget(note& left, std::uint64_t about) noexcept { left.about.compare_exchange(about, 0, relaxed, relaxed); }

// Whoever was woken for it and died before he could take it: all others look again.
void wake_waiters(const membership& in, note& left, std::uint64_t about) noexcept {
  const void* word = in.object_at(left.object.load(relaxed), sizeof(std::uint64_t));
  if (word != nullptr) os::futex_wake_all(word);
  forget(left, about);
}

}  // namespace

void settle(const membership& in, note& left, std::uint64_t about) noexcept {
  switch (note::kind_of(about)) {
    case note_kind::waits_for_mutex:
    case note_kind::waits_to_read: return wake_waiters(in, left, about);
    case note_kind::reads: return settle_reader(in, left, about);
    case note_kind::holds_permit: return settle_permit(in, left, about);
    default: return forget(left, about);
  }
}

}  // namespace transom::sync
