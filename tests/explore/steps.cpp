// tests/explore/steps.cpp - the steps of steps.hpp handed to the engine, and the calls of os that code under
// exploration makes, with the explorer's answers instead of the kernel's.
#include "tests/explore/steps.hpp"

#include <pthread.h>

#include "tests/explore/engine.hpp"
#include "tests/explore/shadow/transom/sync/atomic.hpp"
#include "tests/explore/shadow/transom/sync/backoff.hpp"
#include "tests/explore/shadow/transom/sync/copy.hpp"
#include "tests/explore/shadow/transom/sync/heavy_fence.hpp"
#include "transom/os/fork_guard.hpp"
#include "transom/os/futex.hpp"
#include "transom/os/membarrier.hpp"
#include "transom/os/own_process.hpp"

namespace transom::explore {

std::uint64_t load(const void* word, std::size_t size, std::memory_order order, const place& where) {
  return the_engine().load(word, size, order, where);
}
void store(void* word, std::size_t size, std::uint64_t value, std::memory_order order, const place& where) {
  the_engine().store(word, size, value, order, where);
}
std::uint64_t modify(void* word, std::size_t size, change how, std::uint64_t operand, std::memory_order order,
                     const place& where) {
  return the_engine().modify(word, size, how, operand, order, where);
}
bool compare_exchange(void* word, std::size_t size, std::uint64_t& expected, std::uint64_t desired,
                      std::memory_order success, std::memory_order failure, bool weak, const place& where) {
  return the_engine().compare(word, size, expected, desired, success, failure, weak, where);
}
void full_fence(const place& where) { the_engine().fence(kind::full_fence, where); }
void kill_fence(const place& where) { the_engine().fence(kind::kill_fence, where); }
void light_fence(const place& where) { the_engine().fence(kind::light_fence, where); }
void heavy_fence(const place& where) { the_engine().fence(kind::heavy_fence, where); }
void relax() {
  if (the_engine().running()) the_engine().relax();
}
void plain_read(const void* address, std::size_t size) { the_engine().plain(address, size, false); }
void plain_write(const void* address, std::size_t size) { the_engine().plain(address, size, true); }

}  // namespace transom::explore

namespace transom::os {

bool futex_wait(const void* word, std::uint32_t seen, bound) noexcept {
  return !explore::the_engine().running() || explore::the_engine().futex_wait(word, seen);
}
bool futex_wait_any(std::span<const futex_word> words, bound limit) noexcept {  // the others are stop requests: none
  return futex_wait(words.front().word, words.front().seen, limit);
}
int futex_wake(const void* word, int count) noexcept {
  return explore::the_engine().running() ? explore::the_engine().futex_wake(word, count) : 0;
}
int futex_wake_all(const void* word) noexcept { return futex_wake(word, 1 << 20); }
bool can_fence_others() noexcept {
  explore::engine& e = explore::the_engine();
  return e.running() ? e.me().registered : e.outside_registered;
}

std::uint32_t own_cpu() noexcept { return 0; }

namespace detail {
const std::atomic<std::uint32_t> first_epoch{1};
std::atomic<const std::atomic<std::uint32_t>*> epoch_word{&first_epoch};
std::uint32_t begin_epoch() noexcept { return 1; }
}  // namespace detail

}  // namespace transom::os

// What the C library does for the code under exploration: locks are steps, and copies of shared bytes are checked.
extern "C" {

void* __real_memcpy(void* to, const void* from, std::size_t size);
void* __wrap_memcpy(void* to, const void* from, std::size_t size);
void* __wrap_memcpy(void* to, const void* from, std::size_t size) {
  transom::explore::engine& e = transom::explore::the_engine();
  if (size != 0 && e.running()) {
    e.plain(from, size, false);
    e.plain(to, size, true);
  }
  return __real_memcpy(to, from, size);
}

int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
  using namespace transom::explore;
  constexpr auto acquire = std::memory_order_acquire;
  if (!the_engine().running()) return 0;
  while (modify(&mutex->__data.__lock, sizeof mutex->__data.__lock, change::set, 1, acquire, place::current()) != 0)
    relax();
  return 0;
}
int pthread_mutex_unlock(pthread_mutex_t* mutex) noexcept {
  using namespace transom::explore;
  if (!the_engine().running()) return 0;
  store(&mutex->__data.__lock, sizeof mutex->__data.__lock, 0, std::memory_order_release, place::current());
  return 0;
}
}
