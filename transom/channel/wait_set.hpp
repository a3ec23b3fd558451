// transom/channel/wait_set.hpp - wait for things that come and go: the dynamic form of select().
//
// Level-triggered: what has not been dealt with is told again by the next wait(). Only the end of a receiver and of a
// child, and a timer that does not repeat, are told once; then the member is no longer watched, but keeps its id until
// remove().
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <type_traits>

#include "transom/channel/end_access.hpp"
#include "transom/channel/receiver.hpp"
#include "transom/channel/select.hpp"
#include "transom/os/signal.hpp"

namespace transom {

/// Watches receivers, children, signal sets, descriptors and timers. What is added stays the caller's, and is removed
/// before it is destroyed. Moving a receiver, child or set is fine. Thread safety: one thread at a time, which is also
/// the one that uses the receivers; fd() at any time.
class wait_set {
 public:
  using id = std::uint64_t;
  enum class kind : std::uint8_t { readable, writable, ended, timer, signal, child_exit };
  using enum kind;
  struct event {
    wait_set::id id = 0;
    wait_set::kind kind = kind::readable;
    friend bool operator==(const event&, const event&) = default;
  };

  /// Throws transom::exception where open() fails.
  wait_set() : wait_set(open().or_throw()) {}
  /// Fails when descriptors run out.
  static result<wait_set> open();
  wait_set(wait_set&&) noexcept;
  wait_set& operator=(wait_set&&) noexcept;
  ~wait_set();

  /// Tells `readable` while there is something to receive, then `ended` once.
  template <typename T>
  result<id> add(receiver<T>& from) {
    return add_receiver(detail::end_access::core_of(from));
  }
  /// Tells `signal` while one waits.
  result<id> add(os::signal_set& set) { return add_source(set.fd(), kind::signal); }
  /// Tells `child_exit` once.
  template <detail::waitable Child>
    requires(!std::same_as<Child, os::signal_set>)
  result<id> add(Child& child) {
    return add_source(static_cast<int>(child.fd()), kind::child_exit);
  }
  /// Tells `readable` and `writable` for what of `events` (os::interest: 1 readable, 4 writable) is the case. A hang-up
  /// or failure is told as what was asked for. Fails if `fd` is in the set already or is a regular file.
  result<id> add_fd(int fd, short events);
  /// Tells `timer` after `first` and then every `every`; zero: once. Ticks that nobody waited for are told as one.
  result<id> add_timer(std::chrono::nanoseconds first, std::chrono::nanoseconds every = {});
  /// Forgets a member. Fails with invalid_argument if there is none of that id.
  result<void> remove(id which);

  /// What is ready, at least one; valid until the next call. canceled; closed when every receiver has ended and
  /// nothing but timers is left.
  result<std::span<const event>> wait(std::stop_token stop = {}) { return wait(patience::forever(std::move(stop))); }
  /// The same for at most `d`: timed_out.
  template <typename Rep, typename Period>
  result<std::span<const event>> wait_for(std::chrono::duration<Rep, Period> d, std::stop_token stop = {}) {
    return wait(patience::until_time(deadline::after(d), std::move(stop)));
  }
  /// The same without waiting: would_block.
  result<std::span<const event>> try_wait() { return wait(patience::none()); }

  /// Readable when wait() may have something to tell; poll it for POLLIN. It may be readable for nothing.
  int fd() const noexcept;

 private:
  struct state;
  explicit wait_set(std::unique_ptr<state> made) noexcept;
  result<id> add_receiver(detail::receiving_core& core);
  result<id> add_source(int fd, kind what);
  result<std::span<const event>> wait(const patience& how);
  std::unique_ptr<state> state_;
};

}  // namespace transom
