// transom/channel/select_cases.hpp - the kinds of case that select() takes.
#pragma once
#include <concepts>
#include <optional>
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
