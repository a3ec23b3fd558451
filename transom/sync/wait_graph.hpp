// transom/sync/wait_graph.hpp - who waits for whom: what a thread that waits says to the others, and the cycle that its
// wait would close.
//
// A thread that is about to sleep writes a note (membership.hpp): its number and the lock. The lock names its holder.
// So the chain "I wait for a lock, its holder waits for a lock, ..." can be followed from shared memory alone, and a
// chain that comes back to where it began never moves again.
//
//     thread A                                thread B
//     note: waits for 2                       note: waits for 1
//     fence F1      <----- paired ----->      fence F1
//     follow the chain                        follow the chain
//
// Forbidden: each misses the other's note. Whoever's fence is later sees all notes of the others, and so the last one
// to close a cycle finds it. Both may.
//
// A chain is read link by link while everybody moves on, so one that is found is read again. The same holders, and the
// same waits under the same numbers (a note counts its waits in `own`), twice: a thread in one wait neither takes nor
// releases a lock, so between the two readings all links stood at once. A guard that another thread releases is the
// exception: then the cycle is the program's mistake anyway, or was dissolved while it was reported.
//
// Death: a note of the dead holds nobody up: the chain ends at an owner who is gone.
#pragma once
#include <cstdint>
#include <string>

#include "transom/sync/membership.hpp"

namespace transom::sync {

/// The note of one wait: written at the first say(), gone with this.
class said_wait {
 public:
  said_wait(const standing& me, note_kind kind, const void* object) noexcept : me_(&me), object_(object), kind_(kind) {}
  said_wait(const said_wait&) = delete;
  said_wait& operator=(const said_wait&) = delete;
  ~said_wait() {
    if (note_ != nullptr) me_->in->return_note(*note_);
  }
  /// True once, the first time, if there is room for a note; then it is there for all to see.
  bool say() noexcept {
    if (tried_) return false;
    tried_ = true;
    note_ = me_->in->take_note();
    if (note_ == nullptr) return false;
    note_->own.fetch_add(1, relaxed);
    me_->in->write_note(*note_, kind_, object_, me_->thread);
    full_fence();  // F1 pairs with F1
    return true;
  }

 private:
  const standing* me_;
  const void* object_;
  note_kind kind_;
  note* note_ = nullptr;
  bool tried_ = false;
};

/// The cycle that the wait of `me` closes, in words: "pid 1 (a) waits for lock "x", held by pid 2 (b), which waits
/// ...". Empty: there is none. `me` has said that it waits, and fenced. Sees the locks of one memory: a cycle through
/// two shared objects is not found.
std::string find_cycle(const standing& me);

}  // namespace transom::sync
