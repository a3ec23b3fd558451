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

#include "transom/channel/select_cases.hpp"

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
