// tests/explore/memory_fences.cpp - fences, sleeping, and the check of plain accesses; steps.hpp says by which model.
#include "tests/explore/engine.hpp"

namespace transom::explore {

void engine::barrier_for_compiler() {
  modelled_thread& thread = me();
  thread.known.seen.join(thread.pending);
  thread.solid = thread.known.seen;
}

void engine::full_fence_of(modelled_thread& thread) {
  thread.known.join(thread.at_next_fence);
  fences_.join(thread.known.seen);
  fences_hash_ = fences_.hash();
  thread.known.seen.join(fences_);
  thread.at_last_fence = thread.known;
  ++thread.known.step[current_];
  note(fences_hash_);
}

void engine::fence(kind which, const place& where) {
  if (!running() || !fence_at_site(where, which)) return;
  before_step();
  if (which == kind::kill_fence || which == kind::light_fence) return barrier_for_compiler();
  step();
  barrier_for_compiler();
  full_fence_of(me());
  if (which == kind::heavy_fence && me().registered) {
    for (std::size_t i = 0; i < thread_count_; ++i) {
      modelled_thread& other = threads_[i];
      if (i == current_ || !other.registered) continue;
      const bool over = other.state == standing::ended || other.state == standing::dead;
      if (other.state == standing::ready) step();
      fences_.join(over ? other.known.seen : other.solid);
      fences_hash_ = fences_.hash();
      other.pending.join(fences_);
      other.history = mix(other.history, fences_hash_);
      say("has the kernel fence", &where, nullptr, 0, other.name.c_str());
    }
    step();
    full_fence_of(me());
  }
  barrier_for_compiler();
  say(name_of(which), &where, nullptr, 0);
}

// The kernel orders what sleeping and waking do to one word, and nothing else is relied on.
bool engine::futex_wait(const void* address, std::uint32_t seen) {
  word_history& word = touch(address, 4);
  before_step();
  barrier_for_compiler();
  step();
  modelled_thread& thread = me();
  if (thread.known.seen.word[word.index] < word.told) thread.known.seen.word[word.index] = word.told;
  const std::size_t index = read_from(word);
  take_over(word, index, std::memory_order_relaxed);
  const bool sleeps =
      static_cast<std::uint32_t>(word.messages[index].value) == seen;  // of a longer word the lower half
  say(sleeps ? "sleeps on" : "does not sleep on", nullptr, address, word.messages[index].value);
  if (!sleeps) return true;
  thread.state = standing::asleep;
  thread.sleeps_on = address;
  thread.woken = false;
  pick();
  note(thread.woken);
  return thread.woken;
}

int engine::futex_wake(const void* address, int count) {
  word_history& word = touch(address, 4);
  before_step();
  barrier_for_compiler();
  step();
  if (word.told < me().known.seen.word[word.index]) {
    word.told = me().known.seen.word[word.index];
    memory_hash_ -= word.hash;
    word.hash = mix(word.hash, word.told);
    memory_hash_ += word.hash;
  }
  int woken = 0;
  for (; woken < count; ++woken) {
    std::array<std::size_t, max_threads> asleep;
    std::size_t sleepers = 0;
    for (std::size_t i = 0; i < thread_count_; ++i)
      if (threads_[i].state == standing::asleep && threads_[i].sleeps_on == address) asleep[sleepers++] = i;
    if (sleepers == 0) break;
    modelled_thread& chosen = threads_[asleep[count < static_cast<int>(sleepers) ? choose(sleepers) : 0]];
    chosen.state = standing::ready;
    chosen.woken = true;
  }
  note(static_cast<std::uint64_t>(woken));
  say("wakes all on", nullptr, address, word.newest().value);
  return woken;
}

void engine::plain(const void* address, std::size_t size, bool writes) {
  const auto* from = static_cast<const std::byte*>(address);
  if (!running() || !is_shared(address)) return;
  const auto& known = me().known.step;
  const std::size_t first = static_cast<std::size_t>(from - shared_.data()) / 4;
  const std::size_t last = static_cast<std::size_t>(from + size - 1 - shared_.data()) / 4;
  const std::size_t stride =
      size < 65536 ? 1 : 256;  // a sample of what is large: it is written and read in large pieces
  for (std::size_t i = first; i <= last; i += stride) {
    cell& at = cells_[i];
    if (at.execution != execution_) at = {.execution = execution_};
    if (at.written > known[at.writer])
      fail("race: " + me().name + " touches bytes that " + threads_[at.writer].name + " wrote");
    if (writes) {
      for (std::size_t t = 0; t < thread_count_; ++t)
        if (t != current_ && at.read[t] > known[t])
          fail("race: " + me().name + " writes bytes that " + threads_[t].name + " reads");
      at.written = known[current_];
      at.writer = static_cast<std::uint8_t>(current_);
    } else {
      at.read[current_] = known[current_];
    }
  }
}

}  // namespace transom::explore
