// transom/os/fd.hpp - an owned file descriptor.
#pragma once
#include <utility>

#include "transom/base/error.hpp"

namespace transom {

/// Owns one open descriptor, or none (-1). Moves, does not copy; the destructor closes. Every descriptor this
/// library makes is close-on-exec from birth. Thread safety: as an int. See close(2).
class fd {
 public:
  fd() noexcept = default;
  explicit fd(int number) noexcept : number_(number) {}
  fd(fd&& other) noexcept : number_(other.release()) {}
  fd& operator=(fd&& other) noexcept {
    reset(other.release());
    return *this;
  }
  ~fd() { reset(); }

  int get() const noexcept { return number_; }
  explicit operator bool() const noexcept { return number_ >= 0; }
  /// Gives up ownership; the caller closes.
  [[nodiscard]] int release() noexcept { return std::exchange(number_, -1); }
  /// Closes what is owned and takes over `number`.
  void reset(int number = -1) noexcept;
  /// A second descriptor for the same open file description, close-on-exec. Fails with EMFILE. fcntl(2).
  result<fd> duplicate() const;

 private:
  int number_ = -1;
};

}  // namespace transom
