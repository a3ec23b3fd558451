// tests/explore/shadow/transom/sync/atomic.hpp - what code under exploration gets instead of transom/sync/atomic.hpp:
// the same names with the same layout, and every access is a step of the explorer's.
//
// The folder `shadow` stands before the repository on the include path, so the shipping headers are compiled as they
// are; a name that is added there and used by code under exploration is missing here until it is added, and the build
// says so. Each call says where it stands: that is how a mutant weakens one order of the shipping text, or removes one
// fence.
#pragma once
#include <atomic>
#include <bit>
#include <cstdint>
#include <source_location>

#include "tests/explore/steps.hpp"

namespace transom::sync {

using enum std::memory_order;

template <typename T>
class atomic {
  static_assert(std::atomic<T>::is_always_lock_free);
  using place = std::source_location;

 public:
  atomic() noexcept = default;
  explicit constexpr atomic(T value) noexcept : value_(value) {}
  atomic(const atomic&) = delete;
  atomic& operator=(const atomic&) = delete;

  T load(std::memory_order order, place where = place::current()) const noexcept {
    return static_cast<T>(explore::load(&value_, sizeof(T), order, where));
  }
  void store(T value, std::memory_order order, place where = place::current()) noexcept {
    explore::store(&value_, sizeof(T), bits(value), order, where);
  }
  T exchange(T value, std::memory_order order, place where = place::current()) noexcept {
    return modify(explore::change::set, value, order, where);
  }
  T fetch_add(T value, std::memory_order order, place where = place::current()) noexcept {
    return modify(explore::change::add, value, order, where);
  }
  T fetch_or(T value, std::memory_order order, place where = place::current()) noexcept {
    return modify(explore::change::set_bits, value, order, where);
  }
  T fetch_and(T value, std::memory_order order, place where = place::current()) noexcept {
    return modify(explore::change::keep_bits, value, order, where);
  }
  bool compare_exchange(T& expected, T desired, std::memory_order success, std::memory_order failure,
                        place where = place::current()) noexcept {
    return compare(expected, desired, success, failure, false, where);
  }
  bool compare_exchange_weak(T& expected, T desired, std::memory_order success, std::memory_order failure,
                             place where = place::current()) noexcept {
    return compare(expected, desired, success, failure, true, where);
  }

 private:
  static std::uint64_t bits(T value) noexcept { return static_cast<std::uint64_t>(value); }
  T modify(explore::change how, T value, std::memory_order order, const place& where) noexcept {
    return static_cast<T>(explore::modify(&value_, sizeof(T), how, bits(value), order, where));
  }
  bool compare(T& expected, T desired, std::memory_order success, std::memory_order failure, bool weak,
               const place& where) noexcept {
    std::uint64_t seen = bits(expected);
    const bool done = explore::compare_exchange(&value_, sizeof(T), seen, bits(desired), success, failure, weak, where);
    expected = static_cast<T>(seen);
    return done;
  }

  T value_{};
};

inline void full_fence(std::source_location where = std::source_location::current()) noexcept {
  explore::full_fence(where);
}
inline void kill_fence(std::source_location where = std::source_location::current()) noexcept {
  explore::kill_fence(where);
}

}  // namespace transom::sync
