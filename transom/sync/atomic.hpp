// transom/sync/atomic.hpp - std::atomic for memory that another process can see.
//
// Each call names its order: there is no default to fall back on. A type that is not lock-free does not compile: a
// hidden lock would live in one process and protect nothing. Its layout is that of T, so an atomic<std::uint32_t> can
// be a futex word. tests/explore puts a header of the same name and the same interface before this one on the include
// path: so the shipping text runs there, step by step, and nothing here has to know.
#pragma once
#include <atomic>

namespace transom::sync {

using enum std::memory_order;

/// One word that several processes may read and write. Neither copied nor moved: it is where it is.
template <typename T>
class atomic {
  static_assert(std::atomic<T>::is_always_lock_free);
  static_assert(sizeof(std::atomic<T>) == sizeof(T));  // NOLINT(bugprone-sizeof-expression): T may be a pointer

 public:
  atomic() noexcept = default;
  explicit constexpr atomic(T value) noexcept : value_(value) {}

  T load(std::memory_order order) const noexcept { return value_.load(order); }
  void store(T value, std::memory_order order) noexcept { value_.store(value, order); }
  T exchange(T value, std::memory_order order) noexcept { return value_.exchange(value, order); }
  T fetch_add(T value, std::memory_order order) noexcept { return value_.fetch_add(value, order); }
  T fetch_or(T value, std::memory_order order) noexcept { return value_.fetch_or(value, order); }
  T fetch_and(T value, std::memory_order order) noexcept { return value_.fetch_and(value, order); }
  /// Stores `desired` if the value is `expected`, otherwise loads it into `expected`. Never fails without a reason.
  bool compare_exchange(T& expected, T desired, std::memory_order success, std::memory_order failure) noexcept {
    return value_.compare_exchange_strong(expected, desired, success, failure);
  }
  /// The same, but may fail although the value is `expected`: for loops.
  bool compare_exchange_weak(T& expected, T desired, std::memory_order success, std::memory_order failure) noexcept {
    return value_.compare_exchange_weak(expected, desired, success, failure);
  }

 private:
  std::atomic<T> value_{};
};

/// Orders all earlier against all later accesses of this thread, for every observer. The store-to-load order that
/// acquire and release leave free.
inline void full_fence() noexcept {
#if defined(__SANITIZE_THREAD__)
  // GCC refuses fences under ThreadSanitizer, which has no model of them; on x86 this is as strong.
  thread_local std::atomic<int> word{0};
  word.fetch_add(1, seq_cst);
#else
  std::atomic_thread_fence(seq_cst);
#endif
}

/// Order against death: a killed process leaves a prefix of its instructions, so the compiler's order is all there is.
inline void kill_fence() noexcept { std::atomic_signal_fence(seq_cst); }

}  // namespace transom::sync
