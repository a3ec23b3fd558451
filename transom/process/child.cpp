// transom/process/child.cpp - see child.hpp.
#include "transom/process/child.hpp"

#include <csignal>
#include <utility>

#include "transom/base/ensure.hpp"
#include "transom/os/own_process.hpp"

namespace transom {

child& child::operator=(child&& other) noexcept {
  if (this != &other) {
    end();
    process_ = std::move(other.process_);
    other.process_.reset();
    ended_ = other.ended_;
    detached_ = other.detached_;
  }
  return *this;
}

result<void> child::kill(int signo) {
  detail::ensure(process_.has_value(), "a moved-from child is used");
  if (ended_) return error(errc::no_peer, "kill", place("pid " + std::to_string(pid()), "it has ended"));
  return process_->send_signal(signo);
}

result<exit_status> child::wait(const patience& how) {
  detail::ensure(process_.has_value(), "a moved-from child is used");
  if (ended_) return *ended_;
  auto state = process_->wait(how);
  if (!state) return state.error();
  ended_ = exit_status{.code = state->code, .signal = state->signal};
  return *ended_;
}

void child::end() noexcept {
  if (!process_ || ended_ || detached_) return;
  process_->send_signal(SIGKILL).ignore();
  process_->wait().ignore();
}

}  // namespace transom
