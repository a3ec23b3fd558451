// transom/channel/receiver.hpp - the receiving end of a channel of T.
#pragma once
#include <chrono>
#include <concepts>
#include <cstddef>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "transom/channel/cargo.hpp"
#include "transom/channel/receiving_core.hpp"
#include "transom/channel/view.hpp"

namespace transom {

/// Receives messages of type T. Owns the end and the name: it creates the object and removes it when it closes; the
/// destructor closes.
///
/// Thread safety: one thread at a time; close(), url(), features() and readable_fd() at any time from any thread.
/// Every receive takes one whole message or fails and leaves it queued: closed when every sender has closed and all
/// was received, peer_died once for each sender that died, after its last message; canceled, timed_out, would_block,
/// unsupported, forked, protocol_error. A message that is no valid T is decode_failed, is dropped, and the channel
/// goes on.
template <typename T>
class receiver {
  static_assert(detail::check_message<T>());

 public:
  using value_type = T;

  /// Throws transom::exception where open() fails.
  explicit receiver(std::string_view url, const options& how = {}) : receiver(open(url, how).or_throw()) {}
  /// bad_url, unsupported (the detail names the missing features), std::errc::address_in_use where a living owner has
  /// the name, errors of the system.
  static result<receiver> open(std::string_view url, const options& how = {}) {
    auto opened = detail::open_receiving(url, how, detail::cargo_of<T>());
    if (!opened) return opened.error();
    return receiver(std::make_unique<detail::receiving_core>(std::move(*opened)));
  }

  /// Waits for the next message.
  [[gnu::always_inline]] result<T> recv(std::stop_token stop = {}) {
    const auto otherwise = [&] { return take({}, patience::forever(std::move(stop))); };
    if constexpr (detail::comes_quickly<T>) return take_quickly_or(!stop.stop_requested(), true, otherwise);
    else return otherwise();
  }
  result<T> recv(recv_options which, std::stop_token stop = {}) {
    return take(which, patience::forever(std::move(stop)));
  }
  /// Without waiting: would_block when there is none.
  [[gnu::always_inline]] result<T> try_recv(recv_options which = {}) {
    const auto otherwise = [&] { return take(which, patience::none()); };
    if constexpr (detail::comes_quickly<T>) return take_quickly_or(which.type == 0, false, otherwise);
    else return otherwise();
  }
  /// Waiting for at most `d`: timed_out.
  template <typename Rep, typename Period>
  result<T> recv_for(std::chrono::duration<Rep, Period> d, std::stop_token stop = {}) {
    return take({}, within(d, std::move(stop)));
  }
  template <typename Rep, typename Period>
  result<T> recv_for(recv_options which, std::chrono::duration<Rep, Period> d, std::stop_token stop = {}) {
    return take(which, within(d, std::move(stop)));
  }
  /// Waiting until the moment `t` of any clock.
  template <typename Clock, typename Duration>
  result<T> recv_until(std::chrono::time_point<Clock, Duration> t, std::stop_token stop = {}) {
    return take({}, before(t, std::move(stop)));
  }
  template <typename Clock, typename Duration>
  result<T> recv_until(recv_options which, std::chrono::time_point<Clock, Duration> t, std::stop_token stop = {}) {
    return take(which, before(t, std::move(stop)));
  }

  /// The next message where it lies, with its message_info. On mechanisms without zero_copy the view owns a copy; with
  /// it, one view at a time: until it goes, receiving is `unsupported`.
  result<view<T>> recv_view(std::stop_token stop = {}) { return look({}, patience::forever(std::move(stop))); }
  result<view<T>> recv_view(recv_options which, std::stop_token stop = {}) {
    return look(which, patience::forever(std::move(stop)));
  }
  result<view<T>> try_recv_view(recv_options which = {}) { return look(which, patience::none()); }
  template <typename Rep, typename Period>
  result<view<T>> recv_view_for(std::chrono::duration<Rep, Period> d, std::stop_token stop = {}) {
    return look({}, within(d, std::move(stop)));
  }
  template <typename Clock, typename Duration>
  result<view<T>> recv_view_until(std::chrono::time_point<Clock, Duration> t, std::stop_token stop = {}) {
    return look({}, before(t, std::move(stop)));
  }

  /// Moves the next message into `into` and returns its size. message_too_large if it does not fit: it stays queued,
  /// and the detail has its size.
  result<std::size_t> recv_into(std::span<std::byte> into, std::stop_token stop = {})
    requires std::same_as<T, bytes>
  {
    return fill(into, {}, patience::forever(std::move(stop)));
  }
  result<std::size_t> recv_into(std::span<std::byte> into, recv_options which, std::stop_token stop = {})
    requires std::same_as<T, bytes>
  {
    return fill(into, which, patience::forever(std::move(stop)));
  }
  result<std::size_t> try_recv_into(std::span<std::byte> into, recv_options which = {})
    requires std::same_as<T, bytes>
  {
    return fill(into, which, patience::none());
  }
  template <typename Rep, typename Period>
  result<std::size_t> recv_into_for(std::span<std::byte> into, std::chrono::duration<Rep, Period> d,
                                    std::stop_token stop = {})
    requires std::same_as<T, bytes>
  {
    return fill(into, {}, within(d, std::move(stop)));
  }
  template <typename Clock, typename Duration>
  result<std::size_t> recv_into_until(std::span<std::byte> into, std::chrono::time_point<Clock, Duration> t,
                                      std::stop_token stop = {})
    requires std::same_as<T, bytes>
  {
    return fill(into, {}, before(t, std::move(stop)));
  }

  /// Receives as it goes: `for (const T& message : rx)`. Ends on closed, throws transom::exception on anything else.
  class iterator {
   public:
    using iterator_concept = std::input_iterator_tag;
    using difference_type = std::ptrdiff_t;
    using value_type = T;
    T& operator*() const { return *current_; }
    T* operator->() const { return &*current_; }
    iterator& operator++() {
      next();
      return *this;
    }
    void operator++(int) { next(); }
    friend bool operator==(const iterator& at, std::default_sentinel_t) { return !at.current_; }

   private:
    friend class receiver;
    explicit iterator(receiver& from) : from_(&from) { next(); }
    void next() {
      current_.reset();
      auto message = from_->recv();
      if (message) current_.emplace(std::move(*message));
      else if (message.error() != errc::closed) throw exception(message.error());
    }
    receiver* from_;
    mutable std::optional<T> current_;
  };
  iterator begin() { return iterator(*this); }
  std::default_sentinel_t end() const noexcept { return {}; }

  /// Readable whenever try_recv would return anything but would_block; poll it for POLLIN. Valid as long as the handle.
  result<int> readable_fd() { return opened().ready_fd(); }
  /// A further handle on the same channel, for another thread, where the mechanism has many_receivers.
  result<receiver> clone() const {
    auto& core = opened();
    auto further = core.end().clone();
    if (!further) return further.error();
    return receiver(std::make_unique<detail::receiving_core>(
        detail::opened_receiver{std::move(*further), core.how, core.portable}));
  }
  /// Ends this side and wakes everyone on both. Again is harmless.
  void close() noexcept { opened().close(); }
  feature_set features() const { return opened().features; }
  /// What a sender needs, with the real port.
  const std::string& url() const { return opened().url; }

 private:
  friend struct detail::end_access;
  explicit receiver(std::unique_ptr<detail::receiving_core> core) noexcept : core_(std::move(core)) {}

  template <typename Rep, typename Period>
  static patience within(std::chrono::duration<Rep, Period> d, std::stop_token stop) {
    return patience::until_time(deadline::after(d), std::move(stop));
  }
  template <typename Clock, typename Duration>
  static patience before(std::chrono::time_point<Clock, Duration> t, std::stop_token stop) {
    return patience::until_time(deadline::at(t), std::move(stop));
  }
  detail::receiving_core& opened() const {
    detail::ensure(core_ != nullptr, "a moved-from receiver is used");
    if (core_->is_packed()) [[unlikely]]
      core_->unpack(detail::cargo_of<T>());
    return *core_;
  }
  /// Shared memory, a small message, and nothing the matter: all there is to receiving. False: nothing has happened.
  bool has_lane() const noexcept {
    return core_ != nullptr && core_->inlet != nullptr && core_->inlet->current != nullptr;
  }
  bool take_quickly(T& value, bool spin) noexcept;
  /// A message by take_quickly(), or else what `otherwise` says. What it returns is one variable, so that the message
  /// is copied into the caller's and not moved there.
  template <typename Otherwise>
  result<T> take_quickly_or(bool allowed, bool spin, Otherwise otherwise);
  /// The same for a message that stays where it is.
  bool keep_quickly(transport::kept_message& kept, message_info& info, bool spin) noexcept;
  /// Whether there is nothing just now, without asking further.
  bool nothing_quickly() noexcept;
  result<T> take(recv_options which, const patience& how);
  result<view<T>> look(recv_options which, const patience& how);
  result<std::size_t> fill(std::span<std::byte> into, recv_options which, const patience& how) {
    auto& core = opened();
    const detail::occupancy::stay stay(core.occupied);
    if (which.type == 0 && !how.stop.stop_requested()) {
      if (const std::size_t size = core.fill_quickly(into, !how.nonblocking); size <= into.size()) return size;
    }
    return core.receive_into(into, which, how);
  }

  std::unique_ptr<detail::receiving_core> core_;
};

}  // namespace transom

#include "transom/channel/end_access.hpp"
#include "transom/channel/receiver_templates.hpp"
