// transom/sync/permit.hpp - what semaphore::hold() gives: one of what it counts, for as long as its holder keeps it and
// lives. How it comes back from the dead: semaphore.hpp.
#pragma once
#include <cstdint>
#include <utility>

#include "transom/base/error.hpp"

namespace transom::sync {

class semaphore;
struct note;

/// One of what a semaphore counts, taken by hold(): given back by the destructor, by release(), or by others when this
/// process is gone. Moves, also to other threads. Not longer than the semaphore. In a child of fork() it is nothing.
class [[nodiscard]] permit {
 public:
  permit(permit&& other) noexcept : of_(std::exchange(other.of_, nullptr)), note_(other.note_), epoch_(other.epoch_) {}
  permit& operator=(permit&& other) noexcept {
    permit(std::move(other)).swap(*this);
    return *this;
  }
  ~permit() { release(); }

  /// Gives it back now; once more is nothing.
  void release() noexcept;
  /// False: given back, or moved from.
  bool is_held() const noexcept { return of_ != nullptr; }

 private:
  friend class semaphore;
  permit(semaphore& of, note& taken) noexcept;
  void swap(permit& other) noexcept {
    std::swap(of_, other.of_);
    std::swap(note_, other.note_);
    std::swap(epoch_, other.epoch_);
  }
  semaphore* of_;
  note* note_;
  std::uint32_t epoch_;
};

/// What semaphore::release() says. It may be left unread: only a count beyond 2^31 - 1 fails.
class release_result : public result<void> {
 public:
  using result<void>::result;
};

}  // namespace transom::sync
