// transom/channel/select.hpp - wait for several things, and run what belongs to the first that comes.
//
//     auto turn = transom::select(on(rx, [](int price) { ... }), after(1s, [] { ... }), on_stop(token, [] { ... }));
//
// One ready case runs, in the calling thread, and the result is its index. Order: a stop that was requested before
// the call; then the end of every channel; then a random one of what is ready.
//
// A channel ends once: a handler that takes a result is told how, one that takes the value is not called for `closed`,
// and any other error is the result of select(). An ended channel is never ready again, so a loop cannot spin. When
// every channel of a call has ended, the result is `closed`: timers and stop tokens do not keep it alive; descriptors,
// signals and children do.
#pragma once
#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <stop_token>
#include <type_traits>
#include <utility>

#include "transom/channel/end_access.hpp"
#include "transom/channel/handler.hpp"
#include "transom/channel/receiver.hpp"
#include "transom/channel/select_case.hpp"
#include "transom/channel/sender.hpp"
#include "transom/os/poll.hpp"

namespace transom::detail {

template <typename T, typename F>
class receive_case final : public select_case {
 public:
  receive_case(receiver<T>& from, F run) : from_(from), run_(std::move(run)) {}
  kind what() const noexcept override { return kind::channel; }
  bool is_over() const override { return end_access::core_of(from_).end_was_told; }
  attempt try_run(std::optional<error>& failure) override {
    auto& core = end_access::core_of(from_);
    auto message = from_.try_recv();
    if (message.failed_with(errc::would_block)) return attempt::not_ready;
    const bool closed = message.failed_with(errc::closed);
    if (closed) core.end_was_told = true;
    if constexpr (takes_result<F, T>) {
      run_(std::move(message));
      return attempt::ran;
    } else {
      if (closed) return attempt::ended;
      if (!message) return failure = message.error(), attempt::failed;
      run_(std::move(*message));
      return attempt::ran;
    }
  }
  result<waiting_for> wait_for() override {
    auto& core = end_access::core_of(from_);
    if (core.end().ready_fd_is_emulated()) return waiting_for{.look_often = true};
    auto number = core.ready_fd();
    if (!number) return number.error();
    return waiting_for{.fd = *number, .want = os::interest::readable};
  }

 private:
  receiver<T>& from_;
  F run_;
};

template <typename T, typename V, typename F>
class send_case final : public select_case {
 public:
  send_case(sender<T>& to, V&& value, F run) : to_(to), value_(std::forward<V>(value)), run_(std::move(run)) {}
  kind what() const noexcept override { return kind::channel; }
  bool is_over() const override { return end_access::core_of(to_).end_was_told; }
  attempt try_run(std::optional<error>& failure) override {
    auto& core = end_access::core_of(to_);
    auto sent = to_.try_send(value_);
    if (sent.failed_with(errc::would_block)) return attempt::not_ready;
    const bool closed = sent.failed_with(errc::closed);
    if (closed || sent.failed_with(errc::peer_died)) core.end_was_told = !core.how.reconnect;
    if constexpr (!std::invocable<F&>) {
      run_(std::move(sent));
      return attempt::ran;
    } else {
      if (closed) return attempt::ended;
      if (!sent) return failure = sent.error(), attempt::failed;
      run_();
      return attempt::ran;
    }
  }
  result<waiting_for> wait_for() override {
    auto& core = end_access::core_of(to_);
    if (core.end().ready_fd_is_emulated()) return waiting_for{.look_often = true};
    auto number = core.ready_fd();
    if (!number) return number.error();
    return waiting_for{.fd = *number, .want = os::interest::readable};
  }

 private:
  sender<T>& to_;
  V value_;  // a reference to an lvalue, or the value itself
  F run_;
};

template <typename F>
class timer_case final : public select_case {
 public:
  timer_case(deadline at, F run) : at_(at), run_(std::move(run)) {}
  kind what() const noexcept override { return kind::timer; }
  attempt try_run(std::optional<error>&) override {
    if (!at_.expired()) return attempt::not_ready;
    run_();
    return attempt::ran;
  }
  result<waiting_for> wait_for() override { return waiting_for{.at = at_}; }

 private:
  deadline at_;
  F run_;
};

template <typename F>
class stop_case final : public select_case {
 public:
  stop_case(std::stop_token token, F run) : token_(std::move(token)), run_(std::move(run)) {}
  kind what() const noexcept override { return kind::stop; }
  attempt try_run(std::optional<error>&) override {
    if (!token_.stop_requested()) return attempt::not_ready;
    run_();
    return attempt::ran;
  }
  result<waiting_for> wait_for() override { return waiting_for{.stop = token_}; }

 private:
  std::stop_token token_;
  F run_;
};

/// Is the descriptor ready now?
result<bool> is_ready(int fd, short want);

template <typename F>
class descriptor_case final : public select_case {
 public:
  descriptor_case(int fd, short want, F run) : fd_(fd), want_(want), run_(std::move(run)) {}
  kind what() const noexcept override { return kind::other; }
  attempt try_run(std::optional<error>& failure) override {
    auto ready = is_ready(fd_, want_);
    if (!ready) return failure = ready.error(), attempt::failed;
    if (!*ready) return attempt::not_ready;
    run_();
    return attempt::ran;
  }
  result<waiting_for> wait_for() override { return waiting_for{.fd = fd_, .want = want_}; }

 private:
  int fd_;
  short want_;
  F run_;
};

/// A signal set, a child: a descriptor that becomes readable, and a call that then tells.
template <typename S>
concept waitable = requires(S& source) {
  { source.fd() } -> std::convertible_to<int>;
  source.try_wait().error();
};

template <waitable S, typename F>
class source_case final : public select_case {
 public:
  using told = std::remove_cvref_t<decltype(*std::declval<S&>().try_wait())>;
  source_case(S& source, F run) : source_(source), run_(std::move(run)) {}
  kind what() const noexcept override { return kind::other; }
  attempt try_run(std::optional<error>& failure) override {
    auto news = source_.try_wait();
    if (news.failed_with(errc::would_block)) return attempt::not_ready;
    if constexpr (takes_result<F, told>) {
      run_(std::move(news));
    } else {
      if (!news) return failure = news.error(), attempt::failed;
      if constexpr (std::invocable<F&>) run_();
      else run_(std::move(*news));
    }
    return attempt::ran;
  }
  result<waiting_for> wait_for() override {
    return waiting_for{.fd = static_cast<int>(source_.fd()), .want = os::interest::readable};
  }

 private:
  S& source_;
  F run_;
};

template <typename T>
concept is_select_case = std::derived_from<std::remove_cvref_t<T>, select_case>;

}  // namespace transom::detail

namespace transom {

// The cases. Each keeps a reference to what it waits for and is used within the one expression of its select().

/// A message from `from`: run(T), or run(result<T>) to be told about its end too.
template <typename T, typename F>
auto on(receiver<T>& from, F run) {
  return detail::receive_case<T, F>(from, std::move(run));
}
/// `value` could be sent, and was: run(), or run(result<void>) to be told about the end too.
template <typename T, typename V, typename F>
  requires std::convertible_to<V&&, const T&>
auto on_send(sender<T>& to, V&& value, F run) {
  using held = std::conditional_t<std::same_as<std::remove_cvref_t<V>, T>, V, T>;
  return detail::send_case<T, held, F>(to, std::forward<V>(value), std::move(run));
}
/// `d` has passed since the call: run().
template <typename Rep, typename Period, typename F>
auto after(std::chrono::duration<Rep, Period> d, F run) {
  return detail::timer_case<F>(deadline::after(d), std::move(run));
}
/// The moment `t` of any clock has come: run().
template <typename Clock, typename Duration, typename F>
auto at(std::chrono::time_point<Clock, Duration> t, F run) {
  return detail::timer_case<F>(deadline::at(t), std::move(run));
}
/// A stop was requested: run().
template <typename F>
auto on_stop(std::stop_token token, F run) {
  return detail::stop_case<F>(std::move(token), std::move(run));
}
/// Reading from `fd` would not wait (or would fail): run().
template <typename F>
auto on_readable(int fd, F run) {
  return detail::descriptor_case<F>(fd, os::interest::readable, std::move(run));
}
/// Writing to `fd` would not wait (or would fail): run().
template <typename F>
auto on_writable(int fd, F run) {
  return detail::descriptor_case<F>(fd, os::interest::writable, std::move(run));
}
/// A signal of the set came: run(signal_info).
template <detail::waitable Set, typename F>
auto on_signal(Set& set, F run) {
  return detail::source_case<Set, F>(set, std::move(run));
}
/// The child ended: run(exit_status). It stays ended, and therefore ready.
template <detail::waitable Child, typename F>
auto on_exit(Child& child, F run) {
  return detail::source_case<Child, F>(child, std::move(run));
}

/// Waits until a case is ready, runs one, and returns its index. closed: every channel has ended.
template <detail::is_select_case... Cases>
result<std::size_t> select(Cases&&... cases) {
  const std::array<detail::select_case*, sizeof...(Cases)> all{&cases...};
  return detail::run_select(all, detail::order::random, false);
}
/// The same, but of several ready ones the first is taken.
template <detail::is_select_case... Cases>
result<std::size_t> select_biased(Cases&&... cases) {
  const std::array<detail::select_case*, sizeof...(Cases)> all{&cases...};
  return detail::run_select(all, detail::order::as_given, false);
}
/// The same as select() without waiting: would_block when none is ready.
template <detail::is_select_case... Cases>
result<std::size_t> try_select(Cases&&... cases) {
  const std::array<detail::select_case*, sizeof...(Cases)> all{&cases...};
  return detail::run_select(all, detail::order::random, true);
}

}  // namespace transom
