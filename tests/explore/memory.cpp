// tests/explore/memory.cpp - what a step does to memory; steps.hpp says by which model.
#include <cstdlib>

#include "tests/explore/engine.hpp"

namespace transom::explore {

namespace {

constexpr auto relaxed = std::memory_order_relaxed, acq_rel = std::memory_order_acq_rel;
constexpr auto seq_cst = std::memory_order_seq_cst;
constexpr bool takes(std::memory_order order) {
  return order == std::memory_order_acquire || order == acq_rel || order == seq_cst;
}
constexpr bool gives(std::memory_order order) {
  return order == std::memory_order_release || order == acq_rel || order == seq_cst;
}

// Not memcpy: that is what code under exploration does, and is checked.
std::uint64_t raw(const void* address, std::size_t size) {
  switch (size) {
    case 1: return *static_cast<const std::uint8_t*>(address);
    case 4: return *static_cast<const std::uint32_t*>(address);
    default: return *static_cast<const std::uint64_t*>(address);
  }
}
void set_raw(void* address, std::size_t size, std::uint64_t value) {
  switch (size) {
    case 1: *static_cast<std::uint8_t*>(address) = static_cast<std::uint8_t>(value); return;
    case 4: *static_cast<std::uint32_t*>(address) = static_cast<std::uint32_t>(value); return;
    default: *static_cast<std::uint64_t*>(address) = value;
  }
}

std::uint64_t changed(std::uint64_t value, change how, std::uint64_t operand, std::size_t size) {
  switch (how) {
    case change::set: value = operand; break;
    case change::add: value += operand; break;
    case change::set_bits: value |= operand; break;
    case change::keep_bits: value &= operand; break;
  }
  return size == 8 ? value : value & ((std::uint64_t{1} << 8 * size) - 1);
}

}  // namespace

// Null: only the running thread has ever touched this word, in no execution another one, so it is no step.
word_history* engine::shared_word(const void* address, std::size_t size) {
  const auto number = reinterpret_cast<std::uintptr_t>(address) / 4;
  for (std::size_t at = number * 0x9E3779B1u % addresses_.size();; at = (at + 1) % addresses_.size()) {
    address_entry& entry = addresses_[at];
    if (entry.address == nullptr) entry = {address, current_, nullptr};
    if (entry.address != address) continue;
    if (entry.history == nullptr && entry.toucher == current_) return nullptr;
    if (entry.history == nullptr) {
      if (word_count_ == words_.size()) fail("more than max_words words are shared");
      entry.history = &words_[word_count_++];
      found_sharing = true;
      finish(end::known);
    }
    word_history& word = *entry.history;
    if (word.execution != execution_) {
      word.execution = execution_;
      word.count = 1;
      word.told = 0;
      word.messages[0] = {raw(address, size), {}};
      word.hash = mix(word.index, word.messages[0].value);
      memory_hash_ += word.hash;
    }
    return &word;
  }
}

// For words that are shared by their nature, whoever else has touched them.
word_history& engine::touch(const void* address, std::size_t size) {
  if (word_history* word = shared_word(address, size)) return *word;
  for (address_entry& entry : addresses_)
    if (entry.address == address) entry.toucher = nobody;
  return *shared_word(address, size);
}

void engine::append(word_history& word, std::uint64_t value, std::memory_order order, bool replaces) {
  if (word.count == max_messages) fail("more than max_messages stores to one word");
  modelled_thread& thread = me();
  message& made = word.messages[word.count];
  thread.known.seen.word[word.index] = word.count;
  made.value = value;
  made.known = gives(order) ? thread.known : thread.at_last_fence;
  made.known.seen.word[word.index] = word.count;
  if (replaces) made.known.join(word.messages[word.count - 1u].known);  // goes on with its release sequence
  ++word.count;
  ++thread.known.step[current_];
  memory_hash_ -= word.hash;
  word.hash = mix(mix(word.hash, value), made.known.hash());
  memory_hash_ += word.hash;
}

std::size_t engine::read_from(const word_history& word) {
  const std::size_t newest = word.count - 1u, oldest = me().known.seen.word[word.index];
  const std::size_t back = used_.stale < allowed.stale ? choose(newest - oldest + 1) : 0;
  used_.stale += back != 0;
  return newest - back;
}

void engine::take_over(const word_history& word, std::size_t index, std::memory_order order) {
  modelled_thread& thread = me();
  auto& seen = thread.known.seen.word[word.index];
  if (seen < index) seen = static_cast<std::uint16_t>(index);
  if (takes(order)) thread.known.join(word.messages[index].known);
  else thread.at_next_fence.join(word.messages[index].known);
  note(word.index + (index << 8));
}

// The compiler may hold back a store until after the next one, if nothing forbids it. Only a death shows that: the
// model's memory shows everything else it could do.
void engine::before_step(bool may_overtake) {
  auto& held = me().held_back;
  if (held.word == nullptr || may_overtake) return;
  word_history& word = *shared_word(held.word, held.size);
  const view now = me().known;
  me().known = held.known;
  append(word, held.value, held.order, false);
  me().known.join(now);
  set_raw(held.word, held.size, held.value);
  note(1);  // as store() does
  held.word = nullptr;
}

std::uint64_t engine::load(const void* address, std::size_t size, std::memory_order order, const place& where) {
  if (!running()) return raw(address, size);
  if (is_data(address)) {
    plain(address, size, false);
    return raw(address, size);
  }
  order = at_site(where, kind::load, order);
  word_history* word = shared_word(address, size);
  if (word == nullptr) return raw(address, size);
  before_step();
  step();
  if (order == seq_cst) full_fence_of(me());
  const std::size_t index = read_from(*word);
  take_over(*word, index, order);
  say("reads", &where, address, word->messages[index].value, index + 1 < word->count ? "(not the newest)" : "");
  return word->messages[index].value;
}

void engine::store(void* address, std::size_t size, std::uint64_t value, std::memory_order order, const place& where) {
  if (!running()) return set_raw(address, size, value);
  if (is_data(address)) {
    plain(address, size, true);
    return set_raw(address, size, value);
  }
  order = at_site(where, kind::store, order);
  word_history* word = shared_word(address, size);
  if (word == nullptr) return set_raw(address, size, value);
  auto& held = me().held_back;
  const bool overtakes = held.word != nullptr && order == relaxed && held.word != address;
  before_step(overtakes);
  step();
  if (!overtakes && me().may_die && used_.deaths < allowed.deaths && choose(2) == 1) {
    held = {address, size, value, order, me().known};
    say("has delayed by the compiler", &where, address, value);
    return;
  }
  if (order == seq_cst) full_fence_of(me());
  append(*word, value, order, false);
  set_raw(address, size, value);
  note(1);
  say(overtakes ? "stores too early" : "stores", &where, address, value);
  if (order == seq_cst) full_fence_of(me());
  if (!overtakes) return;
  ++used_.deaths;
  say("IS KILLED between the two stores", nullptr, nullptr, 0);
  end_thread(current_, standing::dead);
  pick();
}

std::uint64_t engine::modify(void* address, std::size_t size, change how, std::uint64_t operand,
                             std::memory_order order, const place& where) {
  if (running()) order = at_site(where, kind::modify, order);
  word_history* word = running() ? shared_word(address, size) : nullptr;
  if (word == nullptr) {
    const std::uint64_t old = raw(address, size);
    set_raw(address, size, changed(old, how, operand, size));
    return old;
  }
  before_step();
  step();
  if (order == seq_cst) full_fence_of(me());
  const std::uint64_t old = word->newest().value, made = changed(old, how, operand, size);
  take_over(*word, word->count - 1u, order);
  append(*word, made, order, true);
  set_raw(address, size, made);
  if (order == seq_cst) full_fence_of(me());
  say("changes", &where, address, made);
  return old;
}

bool engine::compare(void* address, std::size_t size, std::uint64_t& expected, std::uint64_t desired,
                     std::memory_order success, std::memory_order failure, bool weak, const place& where) {
  if (running()) success = at_site(where, kind::compare, success);
  word_history* word = running() ? shared_word(address, size) : nullptr;
  if (word == nullptr) {
    const std::uint64_t old = raw(address, size);
    const bool equal = old == expected;
    if (equal) set_raw(address, size, desired);
    expected = old;
    return equal;
  }
  before_step();
  step();
  if (success == seq_cst) full_fence_of(me());
  const std::size_t newest = word->count - 1u;
  std::size_t index = read_from(*word);
  if (word->messages[index].value == expected && index != newest) index = newest;  // only the newest can be replaced
  const bool equal = word->messages[index].value == expected;
  bool done = equal;
  if (equal && weak && used_.early < allowed.early && choose(2) == 1) {
    ++used_.early;
    done = false;
  }
  take_over(*word, index, done ? success : failure);
  note(done);
  expected = word->messages[index].value;
  if (done) {
    append(*word, desired, success, true);
    set_raw(address, size, desired);
    if (success == seq_cst) full_fence_of(me());
  }
  say(done ? "replaces by" : "fails to replace", &where, address, done ? desired : expected);
  return done;
}

}  // namespace transom::explore
