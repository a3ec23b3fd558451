// transom/channel/select.cpp - see select.hpp and select_case.hpp.
#include "transom/channel/select.hpp"

#include <algorithm>
#include <chrono>
#include <deque>
#include <numeric>
#include <optional>
#include <random>
#include <vector>

namespace transom::detail {
namespace {

using namespace std::chrono_literals;

// Fairness is all that is asked of it. One per thread, so that nobody waits for it.
std::minstd_rand& dice() {
  thread_local std::minstd_rand generator(std::random_device{}());
  return generator;
}

// What the calls of one thread work with, kept so that they stop allocating. A handler may call select() again, so a
// call takes it away for its time.
struct workspace {
  std::vector<std::size_t> order;
  std::vector<os::poll_item> items;
};
thread_local workspace kept;

class selection {
 public:
  selection(std::span<select_case* const> cases, order how) : cases_(cases), how_(how), own_(std::move(kept)) {
    own_.order.resize(cases.size());
    std::iota(own_.order.begin(), own_.order.end(), std::size_t{0});
  }
  selection(const selection&) = delete;
  selection& operator=(const selection&) = delete;
  ~selection() { kept = std::move(own_); }

  result<std::size_t> run(bool nonblocking) {
    for (std::size_t i = 0; how_ == order::random && i < cases_.size(); ++i) {
      if (cases_[i]->what() != select_case::kind::stop) continue;
      if (cases_[i]->try_run(failure_) == attempt::ran) return i;
    }
    for (;;) {
      if (all_channels_ended()) return error(errc::closed, "select");
      if (auto index = try_each()) return *index;
      if (failure_) return *failure_;
      if (all_channels_ended()) return error(errc::closed, "select");
      if (nonblocking) return error(errc::would_block, "select");
      if (auto woken = sleep(); !woken) return woken.error();
    }
  }

 private:
  bool is_alive(const select_case& one) const { return !(one.what() == select_case::kind::channel && one.is_over()); }

  bool all_channels_ended() const {
    bool any_channel = false;
    for (const select_case* one : cases_) {
      if (one->what() == select_case::kind::other) return false;
      if (one->what() != select_case::kind::channel) continue;
      if (is_alive(*one)) return false;
      any_channel = true;
    }
    return any_channel || cases_.empty();
  }

  std::optional<std::size_t> try_each() {
    if (how_ == order::random) std::ranges::shuffle(own_.order, dice());
    for (const std::size_t i : own_.order) {
      if (!is_alive(*cases_[i])) continue;
      switch (cases_[i]->try_run(failure_)) {
        case attempt::ran: return i;
        case attempt::failed: return std::nullopt;
        case attempt::not_ready:
        case attempt::ended: break;
      }
    }
    return std::nullopt;
  }

  // Returns when it is worth trying again.
  result<void> sleep() {
    auto& items = own_.items;
    items.clear();
    deadline until = deadline::never();
    std::optional<os::waker> alarm;
    const auto ring = [&alarm] { alarm->ring(); };
    std::deque<std::stop_callback<decltype(ring)>> on_stop;  // empty, and without memory, unless there is an on_stop
    std::optional<deadline> soon;
    for (select_case* one : cases_) {
      if (!is_alive(*one)) continue;
      auto what = one->wait_for();
      if (!what) return what.error();
      until = std::min(until, what->at);
      if (what->fd >= 0) items.push_back({what->fd, what->want, 0});
      if (what->look_often) soon = deadline::after(1ms);
      if (!what->stop.stop_possible()) continue;
      if (!alarm) {
        auto made = os::waker::make();
        if (!made) return made.error();
        alarm.emplace(std::move(*made));
        items.push_back({alarm->fd(), os::interest::readable, 0});
      }
      on_stop.emplace_back(what->stop, ring);
    }
    if (soon) until = std::min(until, *soon);
    auto ready = os::poll(items, until);
    if (!ready) return ready.error();
    return {};
  }

  std::span<select_case* const> cases_;
  order how_;
  workspace own_;
  std::optional<error> failure_;
};

}  // namespace

result<std::size_t> run_select(std::span<select_case* const> cases, order how, bool nonblocking) {
  return selection(cases, how).run(nonblocking);
}

result<bool> is_ready(int fd, short want) {
  std::array<os::poll_item, 1> item{os::poll_item{fd, want, 0}};
  auto ready = os::poll(item, deadline::passed());
  if (!ready) return ready.error();
  if ((item[0].got & os::interest::invalid) != 0) {
    return error::system(static_cast<int>(std::errc::bad_file_descriptor), "select");
  }
  return *ready > 0;
}

}  // namespace transom::detail
