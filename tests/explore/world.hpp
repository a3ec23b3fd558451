// tests/explore/world.hpp - how a scenario is written: shared objects, threads that use them as the shipping code does,
// and a judge who looks at what they noted once all have ended.
//
// A thread must be a function of what it is given by shared memory, and may tell its judge only what it saw itself: the
// search takes two executions that gave every thread the same answers for one.
#pragma once
#include <functional>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "tests/explore/engine.hpp"

namespace transom::explore {

/// May the thread be killed; can the kernel fence for its process.
struct traits {
  bool may_die = false, registered = true;
};

class world {
 public:
  /// In shared memory, which begins as zeros.
  template <typename T, typename... Arguments>
  T& make(Arguments&&... arguments) {
    return *new (the_engine().shared_bytes(sizeof(T), alignof(T))) T(std::forward<Arguments>(arguments)...);
  }
  std::byte* bytes(std::size_t size) { return static_cast<std::byte*>(the_engine().shared_bytes(size, 128)); }
  /// Atomics that only ever one side may touch, like a payload written word by word: they are checked as plain objects
  /// are, and are no steps.
  void data(const void* address, std::size_t size) { the_engine().declare_data(address, size); }
  /// For traces.
  void name(const void* word, const char* text) { the_engine().name_word(word, text); }
  std::size_t thread(const char* name, std::function<void()> body, traits what = {}) {
    return the_engine().add_thread(name, std::move(body), what.may_die, what.registered);
  }
  /// What os::can_fence_others() says while the scenario is built.
  void outside_is_registered(bool registered) { the_engine().outside_registered = registered; }
  /// Empty: good. Otherwise what is wrong.
  void at_end(std::function<std::string()> judge) { the_engine().judge = std::move(judge); }
};

/// Within a thread: what must hold.
inline void expect(bool holds, const char* sentence) {
  if (!holds) the_engine().fail(sentence);
}
/// Sleeps until that thread has ended or died, and has the kernel's word for it. True: died.
inline bool await_end(std::size_t thread) { return the_engine().await_end(thread); }

/// Whether that thread has ended or died just now.
inline bool is_over(std::size_t thread) { return the_engine().is_over(thread); }

struct scenario {
  std::string name;
  std::string subject;  ///< the scenarios of one subject share its mutants
  void (*build)(world&);
  bool must_fail = false;  ///< a control: a protocol that is known to be wrong
  int deaths = 0, early = 0;
  bool bounded = false;  ///< a wake-up may be lost, and the bound of the sleep covers it, although nobody dies
};

std::vector<scenario> doorbell_scenarios();
std::vector<scenario> ring_scenarios();
std::vector<scenario> waiting_scenarios();
std::vector<scenario> lane_scenarios();
std::vector<scenario> lane_death_scenarios();
std::vector<scenario> sync_scenarios();
std::vector<scenario> lock_scenarios();

}  // namespace transom::explore
