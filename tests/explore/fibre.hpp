// tests/explore/fibre.hpp - a stack of its own for each modelled thread; all of them share one thread of the system.
// Switching is a _longjmp: no system call. An abandoned fibre is simply started again: no destructor of its old frames
// runs.
#pragma once
#include <csetjmp>
#include <cstddef>
#include <memory>

namespace transom::explore {

class fibre {
 public:
  /// `body` must not return.
  explicit fibre(void (*body)());
  fibre(const fibre&) = delete;
  fibre& operator=(const fibre&) = delete;

  /// The next switch to it starts `body` afresh.
  void rewind() noexcept { started_ = false; }
  /// Leaves the caller where it stands and goes on in `next`; returns when somebody comes back.
  void switch_to(fibre& next) noexcept;
  /// Goes on here; whoever calls is not on a fibre, or will never be gone back to.
  [[noreturn]] void enter() noexcept;

  static constexpr std::size_t stack_bytes = 256 * 1024;

 private:
  static void trampoline();

  void (*body_)();
  std::unique_ptr<char[]> stack_;
  std::jmp_buf base_, left_;
  bool started_ = false;
};

}  // namespace transom::explore
