// tests/explore/engine.cpp - see engine.hpp. Who goes on, who dies, who wakes early, and when an execution is over.
#include "tests/explore/engine.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "tests/explore/private_heap.hpp"

namespace transom::explore {

namespace {
constexpr std::size_t longest_execution = 4000;
constexpr int most_rousings = 4;
}  // namespace

engine& the_engine() {
  static engine one;
  return one;
}

engine::engine() : addresses_(4096), words_(max_words), cells_(sizeof shared_ / 4) {
  for (std::size_t i = 0; i < max_threads; ++i) fibres_.push_back(std::make_unique<fibre>(&engine::thread_main));
  for (std::size_t i = 0; i < max_words; ++i) words_[i].index = static_cast<std::uint16_t>(i);
  choices.reserve(1 << 16);
  counts.reserve(1 << 16);
}

void engine::forget_words() {
  addresses_.assign(addresses_.size(), {});
  word_count_ = 0;
}

engine::end engine::run(const std::function<void()>& build) {
  ++execution_;
  given = choices.size();
  at_ = 0;
  running_fibre_ = nobody;
  executed_ = 0;
  roused_ = 0;
  outside_registered = true;
  used_ = {0, 0, 0, 0};
  fences_ = {};
  fences_hash_ = 0;
  memory_hash_ = 0;
  thread_count_ = 0;
  current_ = last_ = nobody;
  std::memset(shared_.data(), 0, shared_used_);
  std::fill_n(is_data_.begin(), shared_used_ / 8 + 1, false);
  shared_used_ = 0;
  complaint.clear();
  trace.clear();
  word_names_.clear();
  private_heap::begin();
  build();
  const int how = _setjmp(home_);
  if (how == 0) pick();
  current_ = nobody;
  end result = static_cast<end>(how - 1);
  if (result == end::judged && judge) {
    const std::string said = judge();
    private_heap::pause outside;
    complaint = std::string(said.c_str());
    if (!complaint.empty()) result = end::failed;
  }
  for (modelled_thread& thread : threads_) thread.body = nullptr;
  judge = nullptr;
  private_heap::finish();
  return result;
}

void engine::finish(end how) {
  current_ = nobody;
  _longjmp(home_, static_cast<int>(how) + 1);
}

void engine::fail(const std::string& what) {
  {
    private_heap::pause outside;
    complaint = std::string(what.c_str());
    if (tracing) trace.push_back("FAILED: " + complaint);
  }
  finish(end::failed);
}

std::size_t engine::add_thread(const std::string& name, std::function<void()> body, bool may_die, bool registered) {
  modelled_thread& thread = threads_.at(thread_count_);
  {
    private_heap::pause outside;
    thread.name = std::string(name.c_str());
  }
  thread.body = std::move(body);
  thread.may_die = may_die;
  thread.registered = registered;
  thread.state = standing::ready;
  thread.known = thread.at_next_fence = thread.at_last_fence = {};
  thread.solid = thread.pending = {};
  thread.known.step[thread_count_] = 1;
  thread.history = thread_count_ + 1;
  thread.held_back.word = nullptr;
  fibres_[thread_count_]->rewind();
  return thread_count_++;
}

void* engine::shared_bytes(std::size_t size, std::size_t alignment) {
  shared_used_ = (shared_used_ + alignment - 1) / alignment * alignment;
  void* found = shared_.data() + shared_used_;
  shared_used_ += size;
  if (shared_used_ > shared_.size()) std::abort();
  return found;
}

void engine::declare_data(const void* address, std::size_t size) {
  const auto first = static_cast<std::size_t>(static_cast<const std::byte*>(address) - shared_.data()) / 8;
  for (std::size_t i = first; i < first + (size + 7) / 8; ++i) is_data_.at(i) = true;
}

bool engine::is_shared(const void* address) const noexcept {
  return address >= shared_.data() && address < shared_.data() + shared_.size();
}
bool engine::is_data(const void* address) const noexcept {
  return is_shared(address) &&
         is_data_[static_cast<std::size_t>(static_cast<const std::byte*>(address) - shared_.data()) / 8];
}

void engine::thread_main() {
  engine& e = the_engine();
  e.me().body();
  e.before_step();
  e.say("ends", nullptr, nullptr, 0);
  e.end_thread(e.current_, standing::ended);
  e.pick();
}

void engine::end_thread(std::size_t which, standing how) {
  modelled_thread& thread = threads_[which];
  thread.state = how;
  thread.held_back.word = nullptr;
  for (std::size_t i = 0; i < thread_count_; ++i)
    if (threads_[i].state == standing::waiting_for_end && threads_[i].waits_for == which)
      threads_[i].state = standing::ready;
}

std::size_t engine::choose(std::size_t count) {
  if (count == 1) return 0;
  if (at_ < given) {
    const bool differs = (counts[at_] != count && counts[at_] != 0) || choices[at_] >= count;
    if (differs) fail("the scenario is not the same each time");
    counts[at_] = static_cast<std::uint8_t>(count);
    return choices[at_++];
  }
  if (choices.size() == choices.capacity()) fail("more choices than an execution may have");
  choices.push_back(0);
  counts.push_back(static_cast<std::uint8_t>(count));
  ++at_;
  return 0;
}

// Where the running thread may be left.
void engine::step() {
  ++steps;
  if (++executed_ > longest_execution) fail("comes to no end");
  pick();
}

// Who makes the next step. Returns in the thread that was chosen, when it is the caller's.
void engine::pick(bool may_go_on) {
  for (;; may_go_on = true) {
    if (remembers && at_ >= given && visited.insert(state_hash())) finish(end::known);
    enum class act : std::uint8_t { go, kill, wake, stuck };
    std::array<std::pair<act, std::size_t>, 3 * max_threads + 1> options;
    std::size_t count = 0, ended = 0;
    const bool goes_on = may_go_on && last_ != nobody && threads_[last_].state == standing::ready;
    if (goes_on) options[count++] = {act::go, last_};
    for (std::size_t i = 0; i < thread_count_; ++i) {
      const standing state = threads_[i].state;
      ended += state == standing::ended || state == standing::dead;
      if (state == standing::ready && i != last_ && (!goes_on || used_.preemptions < allowed.preemptions))
        options[count++] = {act::go, i};
    }
    if (ended == thread_count_) finish(end::judged);
    if (count == 0 && !may_go_on) options[count++] = {act::go, last_};
    if (count == 0) options[count++] = {act::stuck, 0};
    for (std::size_t i = 0; i < thread_count_; ++i) {
      const modelled_thread& thread = threads_[i];
      if (thread.may_die && used_.deaths < allowed.deaths && thread.state != standing::ended &&
          thread.state != standing::dead)
        options[count++] = {act::kill, i};
      if (thread.state == standing::asleep && used_.early < allowed.early) options[count++] = {act::wake, i};
    }
    const auto [what, which] = options[choose(count)];
    switch (what) {
      case act::go: used_.preemptions += goes_on && which != last_; return go_to(which);
      case act::kill:
        ++used_.deaths;
        current_ = which;
        say("IS KILLED", nullptr, nullptr, 0);
        end_thread(which, standing::dead);
        break;
      case act::wake:
        ++used_.early;
        current_ = which;
        say("wakes up for no reason", nullptr, nullptr, 0);
        threads_[which].state = standing::ready;
        break;
      case act::stuck:
        if (!rouse_for_bound()) fail_stuck();
        break;
    }
  }
}

// A death may cost a wake-up; the bound of the sleep is for that.
bool engine::rouse_for_bound() {
  bool any = false;
  if ((used_.deaths == 0 && !may_rouse) || ++roused_ > most_rousings) return false;
  for (std::size_t i = 0; i < thread_count_; ++i) {
    if (threads_[i].state != standing::asleep) continue;
    threads_[i].state = standing::ready;
    current_ = i;
    say("wakes up at its bound", nullptr, nullptr, 0);
    any = true;
  }
  return any;
}

void engine::fail_stuck() {
  std::string who;
  for (std::size_t i = 0; i < thread_count_; ++i)
    if (threads_[i].state == standing::asleep) who += (who.empty() ? "" : ", ") + threads_[i].name;
  fail(who.empty() ? "nobody can go on" : "nobody wakes " + who);
}

void engine::go_to(std::size_t which) {
  const std::size_t from = running_fibre_;
  current_ = last_ = running_fibre_ = which;
  if (from == which) return;
  if (from == nobody) fibres_[which]->enter();
  fibres_[from]->switch_to(*fibres_[which]);
}

std::uint64_t engine::state_hash() noexcept {
  std::uint64_t sum = mix(memory_hash_, last_);
  sum = mix(sum, static_cast<std::uint64_t>(used_.preemptions | used_.stale << 8 | used_.deaths << 16 |
                                            used_.early << 24 | roused_ << 28));
  for (std::size_t i = 0; i < thread_count_; ++i)
    sum = mix(sum, threads_[i].history + static_cast<std::uint64_t>(threads_[i].state) +
                       (threads_[i].held_back.word != nullptr ? 64 : 0));
  return mix(sum, fences_hash_);
}

bool engine::await_end(std::size_t which) {
  before_step();
  step();
  modelled_thread& other = threads_[which];
  if (other.state != standing::ended && other.state != standing::dead) {
    me().state = standing::waiting_for_end;
    me().waits_for = which;
    pick();
  }
  me().known.join(other.known);
  ++me().known.step[current_];
  note(other.state == standing::dead);
  say(other.state == standing::dead ? "learns of the death of" : "sees the end of", nullptr, nullptr, 0,
      other.name.c_str());
  return other.state == standing::dead;
}

bool engine::is_over(std::size_t which) {
  before_step();
  step();
  const modelled_thread& other = threads_[which];
  const bool over = other.state == standing::ended || other.state == standing::dead;
  if (over) me().known.join(other.known);
  ++me().known.step[current_];
  note(over);
  say(over ? "sees the end of" : "sees alive", nullptr, nullptr, 0, other.name.c_str());
  return over;
}

// In a loop that waits for somebody: all others that can go on are asked first.
void engine::relax() {
  before_step();
  if (++executed_ > longest_execution) fail("comes to no end");
  note(2);
  pick(false);
}

void engine::name_word(const void* word, const std::string& name) {
  private_heap::pause outside;
  word_names_.emplace_back(word, name.c_str());
}

void engine::say(const char* what, const place* where, const void* address, std::uint64_t value, const char* more) {
  if (!tracing) return;
  private_heap::pause outside;
  char line[512];
  std::string of;
  if (address != nullptr) {
    char text[32];
    std::snprintf(text, sizeof text, "word %p", address);
    of = text;
    for (const auto& [word, name] : word_names_)
      if (word == address) of = name.c_str();
    of += " = " + std::to_string(value);
  }
  const std::string at = where == nullptr ? "" : site{where->file_name(), where->line(), 0, {}, {}}.name();
  std::snprintf(line, sizeof line, "%4zu  %-10s %s %s %s  %s", executed_, threads_[current_].name.c_str(), what,
                of.c_str(), more, at.c_str());
  trace.emplace_back(line);
}

}  // namespace transom::explore
