// tests/explore/fibre.cpp - see fibre.hpp.
#include "tests/explore/fibre.hpp"

#include <ucontext.h>

namespace transom::explore {

namespace {
fibre* being_made = nullptr;
ucontext_t maker, made;
}  // namespace

fibre::fibre(void (*body)()) : body_(body), stack_(new char[stack_bytes]) {
  being_made = this;
  ::getcontext(&made);
  made.uc_stack.ss_sp = stack_.get();
  made.uc_stack.ss_size = stack_bytes;
  made.uc_link = nullptr;
  ::makecontext(&made, &fibre::trampoline, 0);
  ::swapcontext(&maker, &made);
}

void fibre::trampoline() {
  static fibre* self;  // read again after each return of _setjmp
  self = being_made;
  if (_setjmp(self->base_) == 0) ::setcontext(&maker);
  being_made->body_();
  __builtin_trap();
}

void fibre::switch_to(fibre& next) noexcept {
  if (_setjmp(left_) == 0) next.enter();
}

void fibre::enter() noexcept {
  if (started_) _longjmp(left_, 1);
  started_ = true;
  being_made = this;
  _longjmp(base_, 1);
}

}  // namespace transom::explore
