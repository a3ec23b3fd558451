// transom/transport/lane_end.hpp - how both ends of a lane wait: spin while that pays, then sleep on a word, never
// longer than until it is time to look at the peer. Private to the library.
#pragma once
#include <algorithm>
#include <array>
#include <chrono>
#include <optional>

#include "transom/os/own_process.hpp"
#include "transom/sync/backoff.hpp"
#include "transom/transport/end.hpp"
#include "transom/transport/lane_link.hpp"
#include "transom/transport/lane_plan.hpp"
#include "transom/transport/queue_readiness.hpp"

namespace transom::transport {

/// Decides how long to spin: as long as a sleep would cost, while spinning has been worth it lately, and not at all
/// when the peer needs this very processor.
class spin_budget {
 public:
  std::chrono::nanoseconds now(std::uint32_t peer_cpu_plus_1) const noexcept {
    return peer_cpu_plus_1 == os::own_cpu() + 1 || os::online_cpus() == 1 ? std::chrono::nanoseconds(0) : budget_;
  }
  void was_worth_it() noexcept { budget_ = most; }
  void was_in_vain() noexcept { budget_ = std::max(budget_ / 2, least); }

 private:
  static constexpr std::chrono::nanoseconds most = std::chrono::microseconds(50), least = std::chrono::microseconds(1);
  std::chrono::nanoseconds budget_ = most;
};

template <typename Interface>
class lane_end : public kernel_end<Interface> {
 protected:
  lane_end(std::string url, feature_set features, std::size_t largest_message, os::waker waker)
      : kernel_end<Interface>(std::move(url), features, largest_message, std::move(waker)),
        watch_(watch_in(this->url())) {}

  error refuse(errc why, const char* operation) const { return error(why, operation, this->where_); }

  /// Waits until `ready()`, or somebody closes or stops us, or it is time to look at the peer: the caller looks at all
  /// of that again. Fails with would_block, closed, canceled, timed_out.
  template <typename Ready>
  result<void> rest(sync::sleeper& at, std::uint32_t peer_cpu_plus_1, const patience& how, const char* operation,
                    Ready ready) {
    if (how.nonblocking) return refuse(errc::would_block, operation);
    const auto budget = spin_.now(peer_cpu_plus_1);
    if (budget.count() != 0) {
      if (spin(std::min<std::chrono::nanoseconds>(budget, how.until.left()), ready)) {
        spin_.was_worth_it();
        return {};
      }
      spin_.was_in_vain();
    }
    auto ring = [this] { this->rouse(); };
    std::optional<std::stop_callback<decltype(ring)>> on_stop;
    if (how.stop.stop_possible()) on_stop.emplace(how.stop, ring);
    if (this->closing()) return refuse(errc::closed, operation);
    if (how.stop.stop_requested()) return refuse(errc::canceled, operation);
    if (how.until.expired()) return refuse(errc::timed_out, operation);
    const os::bound longest{std::min<std::chrono::nanoseconds>(watch_, how.until.left())};
    const bool together = peer_cpu_plus_1 == os::own_cpu() + 1;
    together_ = together ? together_ + 1 : 0;
    at.let_ringers_fence(together_ >= settled);
    const auto awake = [&] { return ready() || this->closing() || how.stop.stop_requested(); };
    if (bell_is_ours_) {
      at.wait(awake, longest);
      return {};
    }
    const std::uint32_t roused = rouse_.value.load(sync::relaxed);
    const std::uint32_t rung = at.announce(0);
    const std::array<os::futex_word, 2> words{{{&at.bell().value, rung}, {&rouse_.value, roused}}};
    if (!awake()) os::futex_wait_any(words, longest);
    at.stop_waiting();
    return {};
  }

  /// Whether the last look at the peers is so long ago that it is time for another. Who does not wait asks more often,
  /// because he will not be there when the time has come.
  bool is_due(const patience& how) noexcept {
    const auto now = deadline::clock::now();
    if (now - last_look_ <
        (how.nonblocking ? std::min<std::chrono::nanoseconds>(watch_, std::chrono::milliseconds(1)) : watch_))
      return false;
    last_look_ = now;
    return true;
  }
  bool bell_is_ours_ = true;
  sync::bell_word rouse_;  // for close() and stop requests, where the bell on which we sleep is not ours to ring

 private:
  template <typename Ready>
  static bool spin(std::chrono::nanoseconds at_most, Ready ready) {
    const deadline end = deadline::after(at_most);
    do {
      for (int looks = 0; looks < 32; ++looks) {
        if (ready()) return true;
        sync::relax();
      }
    } while (!end.expired());
    return false;
  }
  static std::chrono::nanoseconds watch_in(std::string_view text) {
    const auto where = transom::url::parse(text);
    const auto watch = where ? watch_of(*where) : result<std::chrono::nanoseconds>(where.error());
    return watch ? *watch : std::chrono::milliseconds(100);  // an end that came from elsewhere: said there already
  }
  const std::chrono::nanoseconds watch_;  // between two looks at the peers
  // Waits in a row at which the peer was seen on our own processor, after which it is taken to stay there.
  static constexpr unsigned settled = 8;
  unsigned together_ = 0;
  spin_budget spin_;
  deadline::clock::time_point last_look_{};
};

}  // namespace transom::transport
