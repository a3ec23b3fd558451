// transom/channel/wait_set.cpp - an epoll set of ready descriptors and timers; see wait_set.hpp.
//
// A receiver without a descriptor of the kernel is looked at every millisecond: while there is one, a timer of that
// period is in the epoll set, so that fd() works too.
#include "transom/channel/wait_set.hpp"

#include <array>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "transom/os/epoll.hpp"
#include "transom/os/timerfd.hpp"

namespace transom {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t tick_tag = 0;
constexpr std::uint64_t waker_tag = ~std::uint64_t{0};

struct member {
  wait_set::kind kind = wait_set::kind::readable;
  int fd = -1;  // -1: none in the epoll set
  short want = os::interest::readable;
  detail::receiving_core* receiver = nullptr;
  std::optional<os::timerfd> timer;
  bool repeats = false;
  bool over = false;  // told for the last time
};

}  // namespace

struct wait_set::state {
  explicit state(os::epoll made, os::waker alarm) : ready(std::move(made)), waker(std::move(alarm)) {}

  os::epoll ready;
  os::waker waker;
  std::optional<os::timerfd> tick;  // while a receiver must be looked at
  std::map<id, member> members;
  id last_id = 0;
  std::vector<event> told;

  result<id> add(member fresh) {
    const id number = last_id + 1;
    if (fresh.fd >= 0) {
      if (auto added = ready.add(fresh.fd, fresh.want, number); !added) return added.error();
    }
    members.emplace(number, std::move(fresh));
    return last_id = number;
  }

  void stop_watching(member& which) {
    if (which.fd >= 0) ready.remove(which.fd).ignore();  // gone already if its owner has closed it
    which.fd = -1;
    which.over = true;
  }

  bool nothing_left() const {
    bool any_receiver = false;
    for (const auto& [number, one] : members) {
      if (one.receiver != nullptr) {
        if (!one.over) return false;
        any_receiver = true;
      } else if (!one.timer && !one.over) {
        return false;
      }
    }
    if (any_receiver) return true;
    for (const auto& [number, one] : members) {
      if (!one.over) return false;
    }
    return true;
  }

  void look_at(id number, member& one, short got) {
    if (one.over) return;
    if (one.timer) {
      if (!one.timer->try_take()) return;
      told.push_back({number, kind::timer});
      if (!one.repeats) stop_watching(one);
    } else if (one.receiver != nullptr) {
      switch (one.receiver->peek()) {
        case detail::receiving_core::seen::nothing: return;
        case detail::receiving_core::seen::something: told.push_back({number, kind::readable}); return;
        case detail::receiving_core::seen::the_end: break;
      }
      one.receiver->end_was_told = true;
      told.push_back({number, kind::ended});
      stop_watching(one);
    } else if (one.kind == kind::signal) {
      told.push_back({number, kind::signal});
    } else if (one.kind == kind::child_exit) {
      told.push_back({number, kind::child_exit});
      stop_watching(one);
    } else {
      constexpr short either = os::interest::hangup | os::interest::failed;
      const short seen = static_cast<short>((got & either) != 0 ? one.want : (got & one.want));
      if ((seen & os::interest::readable) != 0) told.push_back({number, kind::readable});
      if ((seen & os::interest::writable) != 0) told.push_back({number, kind::writable});
    }
  }

  void look_at_those_without_descriptor() {
    bool any = false;
    for (auto& [number, one] : members) {
      if (one.receiver == nullptr || one.fd >= 0 || one.over) continue;
      any = true;
      look_at(number, one, 0);
    }
    if (!any && tick) {
      ready.remove(tick->fd()).ignore();
      tick.reset();
    }
  }
};

wait_set::wait_set(std::unique_ptr<state> made) noexcept : state_(std::move(made)) {}
wait_set::wait_set(wait_set&&) noexcept = default;
wait_set& wait_set::operator=(wait_set&&) noexcept = default;
wait_set::~wait_set() = default;

result<wait_set> wait_set::open() {
  auto ready = os::epoll::make();
  if (!ready) return ready.error();
  auto waker = os::waker::make();
  if (!waker) return waker.error();
  if (auto added = ready->add(waker->fd(), os::interest::readable, waker_tag); !added) return added.error();
  return wait_set(std::make_unique<state>(std::move(*ready), std::move(*waker)));
}

int wait_set::fd() const noexcept {
  detail::ensure(state_ != nullptr, "a moved-from wait_set is used");
  return state_->ready.fd();
}

result<wait_set::id> wait_set::add_receiver(detail::receiving_core& core) {
  if (!core.end().ready_fd_is_emulated()) {
    auto number = core.ready_fd();
    if (!number) return number.error();
    return state_->add({.fd = *number, .receiver = &core, .timer = {}});
  }
  if (!state_->tick) {
    auto tick = os::timerfd::make();
    if (!tick) return tick.error();
    if (auto armed = tick->every(1ms, 1ms); !armed) return armed.error();
    if (auto added = state_->ready.add(tick->fd(), os::interest::readable, tick_tag); !added) return added.error();
    state_->tick.emplace(std::move(*tick));
  }
  return state_->add({.receiver = &core, .timer = {}});
}

result<wait_set::id> wait_set::add_source(int fd, kind what) {
  return state_->add({.kind = what, .fd = fd, .timer = {}});
}

result<wait_set::id> wait_set::add_fd(int fd, short events) {
  constexpr short known = os::interest::readable | os::interest::writable;
  if ((events & ~known) != 0 || (events & known) == 0) {
    return error::system(static_cast<int>(std::errc::invalid_argument), "add_fd")
        .with_detail("events are 1 (readable), 4 (writable) or both");
  }
  return state_->add({.fd = fd, .want = events, .timer = {}});
}

result<wait_set::id> wait_set::add_timer(std::chrono::nanoseconds first, std::chrono::nanoseconds every) {
  auto timer = os::timerfd::make();
  if (!timer) return timer.error();
  const bool repeats = every > 0ns;
  auto armed = repeats ? timer->every(first, every) : timer->once(first);
  if (!armed) return armed.error();
  const int number = timer->fd();
  return state_->add({.kind = kind::timer, .fd = number, .timer = std::move(*timer), .repeats = repeats});
}

result<void> wait_set::remove(id which) {
  const auto found = state_->members.find(which);
  if (found == state_->members.end()) {
    return error::system(static_cast<int>(std::errc::invalid_argument), "remove").with_detail("no member has this id");
  }
  state_->stop_watching(found->second);
  state_->members.erase(found);
  return {};
}

result<std::span<const wait_set::event>> wait_set::wait(const patience& how) {
  detail::ensure(state_ != nullptr, "a moved-from wait_set is used");
  auto& own = *state_;
  own.told.clear();
  if (how.stop.stop_requested()) return error(errc::canceled, "wait");
  const auto ring = [&own] { own.waker.ring(); };
  std::optional<std::stop_callback<decltype(ring)>> on_stop;
  if (how.stop.stop_possible() && !how.nonblocking) on_stop.emplace(how.stop, ring);

  for (;;) {
    if (own.nothing_left()) return error(errc::closed, "wait");
    std::array<os::epoll_event_out, 64> seen;
    auto count = own.ready.wait(seen, how.until);
    if (!count) return count.error();
    bool tick = false;
    for (const auto& one : std::span(seen).first(*count)) {
      if (one.tag == waker_tag) {
        own.waker.clear();
      } else if (one.tag == tick_tag) {
        tick = true;
      } else if (const auto found = own.members.find(one.tag); found != own.members.end()) {
        own.look_at(one.tag, found->second, static_cast<short>(one.got));
      }
    }
    if (own.tick && (tick || *count == 0)) {
      own.tick->try_take().ignore();
      own.look_at_those_without_descriptor();
    }
    if (!own.told.empty()) return std::span<const event>(own.told);
    if (how.stop.stop_requested()) return error(errc::canceled, "wait");
    if (how.until.expired()) {
      if (own.nothing_left()) return error(errc::closed, "wait");
      return error(how.nonblocking ? errc::would_block : errc::timed_out, "wait");
    }
  }
}

}  // namespace transom
