// transom/sync/guard.hpp - the proof that a lock is held, and the way to let it go. Part of mutex.hpp.
#pragma once
#include <cstdint>
#include <string_view>
#include <utility>

namespace transom::sync {

class mutex;
class rwlock;

/// Holds a lock until it is destroyed. Moves, does not copy; empty after a move, after unlock(), and where a function
/// says that it left it empty. It may be released by another thread than the one that took the lock, which is called
/// the holder until then. It must not outlive the memory of the lock. In a child of fork() it does nothing.
class [[nodiscard]] guard {
 public:
  guard() noexcept = default;
  guard(guard&& other) noexcept
      : held_(std::exchange(other.held_, nullptr)), of_(other.of_), epoch_(other.epoch_), dirty_(other.dirty_) {}
  guard& operator=(guard&& other) noexcept {
    guard old(std::move(*this));
    held_ = std::exchange(other.held_, nullptr);
    of_ = other.of_;
    epoch_ = other.epoch_;
    dirty_ = other.dirty_;
    return *this;
  }
  ~guard() {
    if (held_ != nullptr) unlock();
  }

  /// Lets the lock go; the guard is empty then.
  inline void unlock() noexcept;
  explicit operator bool() const noexcept { return held_ != nullptr; }

 private:
  friend class mutex;
  friend class rwlock;
  friend class condition;
  guard(mutex& held, std::uint32_t epoch, bool dirty) noexcept : held_(&held), epoch_(epoch), dirty_(dirty) {}
  mutex* held_ = nullptr;
  rwlock* of_ = nullptr;  // null: a mutex's own
  std::uint32_t epoch_ = 0;
  bool dirty_ = false;  // not repaired yet: it is left as it was found
};

/// For the constructor of a lock.
struct report_deadlocks {
  std::string_view name{};  ///< up to 16 bytes are kept; for errors and tools
};

}  // namespace transom::sync

#include "transom/sync/mutex.hpp"
