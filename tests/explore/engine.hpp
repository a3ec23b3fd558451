// tests/explore/engine.hpp - one execution of a scenario: threads as fibres, one step at a time, each choice taken from
// a list. The search over those lists is search.hpp's business, what a step does to memory is memory.cpp's.
#pragma once
#include <csetjmp>
#include <functional>
#include <string>
#include <vector>

#include "tests/explore/fibre.hpp"
#include "tests/explore/sites.hpp"
#include "tests/explore/steps.hpp"
#include "tests/explore/view.hpp"
#include "tests/explore/visited.hpp"

namespace transom::explore {

/// How many deviations from the undisturbed run one execution may have.
struct bounds {
  int preemptions = 2;  ///< a thread is left although it could go on
  int stale = 2;        ///< a load returns another message than the newest
  int deaths = 1;       ///< of threads that may die
  int early = 1;        ///< a sleep ends, or a weak compare-and-swap fails, without a reason
};

enum class standing { ready, asleep, waiting_for_end, ended, dead };

struct modelled_thread {
  std::string name;
  std::function<void()> body;
  bool may_die = false, registered = true;  // for the fences of others
  standing state = standing::ready;
  const void* sleeps_on = nullptr;
  bool woken = false;
  std::size_t waits_for = 0;
  view known, at_next_fence, at_last_fence;  // all it must not miss; what relaxed loads saw; what relaxed stores carry
  sight solid, pending;       // for heavy_fence(): as of its last fence for the compiler; due at the next
  std::uint64_t history = 0;  // hash of everything it was given: with the code, its whole state
  struct {
    void* word = nullptr;
    std::size_t size = 0;
    std::uint64_t value = 0;
    std::memory_order order{};
    view known{};
  } held_back{};
};

class engine {
 public:
  engine();

  // What the search says and asks.
  bounds allowed;
  bool tracing = false, remembers = true, may_rouse = false;
  std::vector<std::uint8_t> choices, counts;  // taken, and out of how many
  std::size_t given = 0;                      // the first so many were decided beforehand
  enum class end { judged, failed, known };   // `known`: came to a state from which everything has been tried
  end run(const std::function<void()>& build);
  std::string complaint;
  std::vector<std::string> trace;
  bool found_sharing = false;  // a word taken for private was not: what was tried so far must be tried again
  visited_states visited;
  std::uint64_t steps = 0;
  void forget_words();

  // What scenarios say; see world.hpp.
  std::size_t add_thread(const std::string& name, std::function<void()> body, bool may_die, bool registered);
  std::function<std::string()> judge;
  void* shared_bytes(std::size_t size, std::size_t alignment);
  void declare_data(const void* address, std::size_t size);
  void name_word(const void* word, const std::string& name);

  // What running code says.
  bool running() const noexcept { return current_ != nobody; }
  modelled_thread& me() noexcept { return threads_[current_]; }
  [[noreturn]] void fail(const std::string& what);
  bool await_end(std::size_t thread);
  bool is_over(std::size_t thread);
  void relax();
  bool outside_registered = true;
  void note(std::uint64_t value) { me().history = mix(me().history, value); }

  std::uint64_t load(const void* address, std::size_t size, std::memory_order order, const place& where);
  void store(void* address, std::size_t size, std::uint64_t value, std::memory_order order, const place& where);
  std::uint64_t modify(void* address, std::size_t size, change how, std::uint64_t operand, std::memory_order order,
                       const place& where);
  bool compare(void* address, std::size_t size, std::uint64_t& expected, std::uint64_t desired,
               std::memory_order success, std::memory_order failure, bool weak, const place& where);
  void fence(kind which, const place& where);
  bool futex_wait(const void* address, std::uint32_t seen);
  int futex_wake(const void* address, int count);
  void plain(const void* address, std::size_t size, bool writes);

 private:
  static constexpr std::size_t nobody = max_threads;
  struct cell {
    std::uint64_t execution = 0;
    std::uint16_t written = 0;
    std::uint8_t writer = 0;
    std::array<std::uint16_t, max_threads> read{};
  };

  static void thread_main();
  std::size_t choose(std::size_t count);
  void step();
  void pick(bool may_go_on = true);
  void go_to(std::size_t thread);
  void end_thread(std::size_t thread, standing how);
  bool rouse_for_bound();
  [[noreturn]] void fail_stuck();
  std::uint64_t state_hash() noexcept;
  [[noreturn]] void finish(end how);

  bool is_shared(const void* address) const noexcept;
  bool is_data(const void* address) const noexcept;
  word_history* shared_word(const void* address, std::size_t size);
  word_history& touch(const void* address, std::size_t size);
  void append(word_history& word, std::uint64_t value, std::memory_order order, bool replaces);
  std::size_t read_from(const word_history& word);
  void take_over(const word_history& word, std::size_t index, std::memory_order order);
  void before_step(bool may_overtake = false);
  void barrier_for_compiler();
  void full_fence_of(modelled_thread& thread);
  void say(const char* what, const place* where, const void* address, std::uint64_t value, const char* more = "");

  std::vector<std::unique_ptr<fibre>> fibres_;
  std::array<modelled_thread, max_threads> threads_;
  std::size_t thread_count_ = 0, current_ = nobody, last_ = nobody, running_fibre_ = nobody;
  std::jmp_buf home_;
  bounds used_;
  std::uint64_t execution_ = 0;
  std::size_t executed_ = 0;  // steps of this execution
  std::size_t at_ = 0;        // choices of this execution
  int roused_ = 0;
  sight fences_;  // what all full fences have seen
  std::uint64_t fences_hash_ = 0;
  struct address_entry {
    const void* address = nullptr;
    std::size_t toucher = nobody;  // the only thread that has ever touched it, while `history` is null
    word_history* history = nullptr;
  };
  std::vector<address_entry> addresses_;
  std::vector<word_history> words_;
  std::size_t word_count_ = 0;
  std::uint64_t memory_hash_ = 0;
  std::vector<std::pair<const void*, std::string>> word_names_;
  std::vector<cell> cells_;
  static constexpr std::size_t shared_size = 512 * 1024;
  alignas(4096) std::array<std::byte, shared_size> shared_;
  std::array<bool, shared_size / 8> is_data_{};
  std::size_t shared_used_ = 0;
};

engine& the_engine();

}  // namespace transom::explore
