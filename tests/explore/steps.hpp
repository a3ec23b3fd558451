// tests/explore/steps.hpp - what code under exploration does to shared memory, one function per kind of step. Outside
// of an execution (while a scenario is built or judged) they act on memory as it is.
//
// Memory model: the histories of C++ coherence. Each word has the list of all messages stored to it; each thread has a
// view, the newest message of each word that it must not miss. A load may return any message from its view on. A
// message carries the view of who stored it with release; an acquire load takes it over. A full fence takes over, and
// adds to, the view that all full fences share. So every order that is not asked for can be seen missing: store ->
// load, as in a store buffer, and also load -> load, store -> store. Not modelled: load -> later store of one thread
// (no store is made before its turn), and stores into the middle of a word's history. Where the value of a plain object
// would depend on the former, the race check finds it instead: every plain access to shared memory must be ordered by
// release and acquire, after C++'s own rule.
//
// heavy_fence() is a full fence of the caller's, then one of each thread in turn whose process is registered, in the
// middle of whatever it does, then again its own. The fence forced on a thread reaches what lies before its last
// fence for the compiler and what comes after its next one: in between, the compiler might have moved things across.
// That makes light_fence() necessary, as it is.
//
// Death: a thread may die before any of its steps, or asleep. What it stored stays, and is read by others as late as
// ever; whoever has the kernel's proof of the death (await_end) sees all of it. What the compiler may do to a killed
// thread's stores: a relaxed store may overtake the store before it unless kill_fence() stands between; "swapped"
// executions make the later one and die.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <source_location>

namespace transom::explore {

using place = std::source_location;

enum class change : std::uint8_t { set, add, set_bits, keep_bits };

std::uint64_t load(const void* word, std::size_t size, std::memory_order order, const place& where);
void store(void* word, std::size_t size, std::uint64_t value, std::memory_order order, const place& where);
std::uint64_t modify(void* word, std::size_t size, change how, std::uint64_t operand, std::memory_order order,
                     const place& where);
bool compare_exchange(void* word, std::size_t size, std::uint64_t& expected, std::uint64_t desired,
                      std::memory_order success, std::memory_order failure, bool weak, const place& where);
void full_fence(const place& where);
void kill_fence(const place& where);
void light_fence(const place& where);
void heavy_fence(const place& where);

/// One turn of a loop that waits for somebody.
void relax();

/// A plain access to `size` bytes of shared memory: no step, but a failure if it is not ordered after every conflicting
/// one.
void plain_read(const void* address, std::size_t size);
void plain_write(const void* address, std::size_t size);

/// A plain object in shared memory whose every use is checked.
template <typename T>
class plain {
 public:
  T read() const {
    plain_read(&value_, sizeof(T));
    return value_;
  }
  void write(T value) {
    plain_write(&value_, sizeof(T));
    value_ = value;
  }

 private:
  T value_{};
};

}  // namespace transom::explore
