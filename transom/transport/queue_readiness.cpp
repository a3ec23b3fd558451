// transom/transport/queue_readiness.cpp - see queue_readiness.hpp.
#include "transom/transport/queue_readiness.hpp"

#include <array>
#include <chrono>

#include "transom/os/signal.hpp"

namespace transom::transport {

using namespace std::chrono_literals;

result<std::unique_ptr<queue_readiness>> queue_readiness::of_descriptor(int queue, short want, int closing,
                                                                        bool watch_peers) {
  auto bell = os::waker::make();
  if (!bell) return bell.error();
  auto set = os::epoll::make();
  if (!set) return set.error();
  std::unique_ptr<queue_readiness> made(new queue_readiness(std::move(*bell)));
  if (auto added = set->add(queue, want, 0); !added) return added.error();
  if (auto added = set->add(closing, os::interest::readable, 0); !added) return added.error();
  if (auto added = set->add(made->bell_.fd(), os::interest::readable, 0); !added) return added.error();
  if (watch_peers) {
    auto timer = os::timerfd::make();
    if (!timer) return timer.error();
    if (auto armed = timer->every(100ms, 100ms); !armed) return armed.error();
    if (auto added = set->add(timer->fd(), os::interest::readable, 0); !added) return added.error();
    made->timer_.emplace(std::move(*timer));
  }
  made->set_.emplace(std::move(*set));
  return made;
}

result<std::unique_ptr<queue_readiness>> queue_readiness::of_looking(std::function<bool()> look) {
  auto bell = os::waker::make();
  if (!bell) return bell.error();
  std::unique_ptr<queue_readiness> made(new queue_readiness(std::move(*bell)));
  queue_readiness* self = made.get();
  const os::all_signals_blocked quiet;
  made->looker_ =
      std::jthread([self, look = std::move(look)](const std::stop_token& stop) { self->look_on(stop, look); });
  return made;
}

void queue_readiness::look_on(const std::stop_token& stop, const std::function<bool()>& look) {
  while (!stop.stop_requested()) {
    if (!rings() && look()) something();
    os::poll({}, deadline::after(1ms)).ignore();
  }
}

bool queue_readiness::rings() noexcept {
  const std::lock_guard held(mutex_);
  return rings_;
}

void queue_readiness::nothing_now() noexcept {
  if (timer_) timer_->try_take().ignore();
  const std::lock_guard held(mutex_);
  if (std::exchange(rings_, false)) bell_.clear();
}

void queue_readiness::something() noexcept {
  const std::lock_guard held(mutex_);
  if (!std::exchange(rings_, true)) bell_.ring();
}

}  // namespace transom::transport
