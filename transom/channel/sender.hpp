// transom/channel/sender.hpp - the sending end of a channel of T.
#pragma once
#include <chrono>
#include <concepts>
#include <memory>
#include <ranges>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "transom/channel/batch_writer.hpp"
#include "transom/channel/cargo.hpp"
#include "transom/channel/loan.hpp"
#include "transom/channel/sending_core.hpp"

namespace transom {

/// Sends messages of type T. Owns the end: the destructor closes it in good order. Attaches to a name that a receiver
/// owns, and waits for it at most `connect_timeout`.
///
/// Thread safety: one thread at a time; close(), url(), features() and writable_fd() at any time from any thread.
/// Every send accepts the message whole or fails and leaves it unchanged: closed or peer_died when the last receiver
/// has gone, canceled, timed_out, would_block, message_too_large, unsupported, forked, protocol_error.
template <typename T>
class sender {
  static_assert(detail::check_message<T>());

 public:
  using value_type = T;

  /// Throws transom::exception where open() fails.
  explicit sender(std::string_view url, const options& how = {}) : sender(open(url, how).or_throw()) {}
  /// bad_url, unsupported (the detail names the missing features), no_peer, type_mismatch, errors of the system.
  static result<sender> open(std::string_view url, const options& how = {}) {
    auto opened = detail::open_sending(url, how, detail::cargo_of<T>());
    if (!opened) return opened.error();
    return sender(std::make_unique<detail::sending_core>(std::move(*opened)));
  }

  /// Waits for room, unless `on_full` says otherwise: fail is would_block, drop_newest drops it and counts it.
  [[gnu::always_inline]] result<void> send(const T& value, std::stop_token stop = {}) {
    if (!stop.stop_requested() && send_quickly(value)) [[likely]]
      return {};
    return send(value, send_options{}, std::move(stop));
  }
  result<void> send(T&& value, std::stop_token stop = {}) {
    if (!stop.stop_requested() && send_quickly(value)) [[likely]]
      return {};
    return send(std::move(value), send_options{}, std::move(stop));
  }
  result<void> send(const T& value, send_options with, std::stop_token stop = {}) {
    auto& core = opened();
    return core.by_policy(dispatch(core, value, with, core.policy(std::move(stop))));
  }
  result<void> send(T&& value, send_options with, std::stop_token stop = {}) {
    auto sent = send(std::as_const(value), with, std::move(stop));
    if constexpr (detail::has_descriptors<T>) {
      if (sent) [[maybe_unused]]
        const T gone(std::move(value));  // the receiver has its own descriptors now
    }
    return sent;
  }
  /// Without waiting: would_block when there is no room.
  [[gnu::always_inline]] result<void> try_send(const T& value, send_options with = {}) {
    if (with.priority == 0 && with.type == 0 && send_quickly(value)) [[likely]]
      return {};
    return dispatch(opened(), value, with, patience::none());
  }
  /// Waiting for at most `d`: timed_out.
  template <typename Rep, typename Period>
  result<void> send_for(const T& value, std::chrono::duration<Rep, Period> d, std::stop_token stop = {}) {
    return send_for(value, send_options{}, d, std::move(stop));
  }
  template <typename Rep, typename Period>
  result<void> send_for(const T& value, send_options with, std::chrono::duration<Rep, Period> d,
                        std::stop_token stop = {}) {
    return dispatch(opened(), value, with, patience::until_time(deadline::after(d), std::move(stop)));
  }
  /// Waiting until the moment `t` of any clock.
  template <typename Clock, typename Duration>
  result<void> send_until(const T& value, std::chrono::time_point<Clock, Duration> t, std::stop_token stop = {}) {
    return send_until(value, send_options{}, t, std::move(stop));
  }
  template <typename Clock, typename Duration>
  result<void> send_until(const T& value, send_options with, std::chrono::time_point<Clock, Duration> t,
                          std::stop_token stop = {}) {
    return dispatch(opened(), value, with, patience::until_time(deadline::at(t), std::move(stop)));
  }

  /// Sends every element, in as few system calls as the mechanism can, and returns how many were accepted. Fails only
  /// if not even one was; what stopped it later is the answer of the next call.
  template <std::ranges::input_range Range>
    requires std::convertible_to<std::ranges::range_reference_t<Range>, const T&>
  result<std::size_t> send_all(Range&& values, std::stop_token stop = {});

  /// Room for one message, to be filled and sent. Waits while there is none.
  result<transom::loan<T>> loan(std::stop_token stop = {})
    requires plain<T>
  {
    return borrow(sizeof(T), opened().policy(std::move(stop)));
  }
  result<transom::loan<T>> try_loan()
    requires plain<T>
  {
    return borrow(sizeof(T), patience::none());
  }
  template <typename Rep, typename Period>
  result<transom::loan<T>> loan_for(std::chrono::duration<Rep, Period> d, std::stop_token stop = {})
    requires plain<T>
  {
    return borrow(sizeof(T), patience::until_time(deadline::after(d), std::move(stop)));
  }
  /// Room for a message of up to `size` bytes.
  result<transom::loan<T>> loan(std::size_t size, std::stop_token stop = {})
    requires std::same_as<T, bytes>
  {
    return borrow(size, opened().policy(std::move(stop)));
  }
  result<transom::loan<T>> try_loan(std::size_t size)
    requires std::same_as<T, bytes>
  {
    return borrow(size, patience::none());
  }
  template <typename Rep, typename Period>
  result<transom::loan<T>> loan_for(std::size_t size, std::chrono::duration<Rep, Period> d, std::stop_token stop = {})
    requires std::same_as<T, bytes>
  {
    return borrow(size, patience::until_time(deadline::after(d), std::move(stop)));
  }
  /// Sends what was loaned. If that fails the loan is still there.
  template <std::same_as<transom::loan<T>> Loan>
  result<void> send(Loan&& slot, std::stop_token stop = {}) {
    auto& core = opened();
    return core.by_policy(dispatch_loan(core, slot.room_, core.policy(std::move(stop))));
  }

  /// Sends from memory that the caller keeps.
  result<void> send(std::span<const std::byte> data, std::stop_token stop = {})
    requires std::same_as<T, bytes>
  {
    if (!stop.stop_requested() && send_quickly(data)) [[likely]]
      return {};
    return send(data, send_options{}, std::move(stop));
  }
  result<void> send(std::span<const std::byte> data, send_options with, std::stop_token stop = {})
    requires std::same_as<T, bytes>
  {
    auto& core = opened();
    return core.by_policy(detail::send_payload(core, data, with, core.policy(std::move(stop))));
  }
  result<void> try_send(std::span<const std::byte> data, send_options with = {})
    requires std::same_as<T, bytes>
  {
    if (with.priority == 0 && with.type == 0 && send_quickly(data)) [[likely]]
      return {};
    return detail::send_payload(opened(), data, with, patience::none());
  }

  /// Readable whenever try_send would return anything but would_block; poll it for POLLIN. Valid as long as the handle.
  result<int> writable_fd() { return opened().ready_fd(); }
  /// A further handle on the same channel, for another thread.
  result<sender> clone() const;
  /// Ends this side; what was accepted is still delivered. Wakes everyone on both sides. Again is harmless.
  void close() noexcept { opened().close(); }
  feature_set features() const { return opened().features; }
  /// What a receiver or a further sender needs.
  const std::string& url() const { return opened().url; }
  /// How many messages `on_full = drop_newest` has dropped here.
  std::uint64_t dropped() const { return opened().dropped(); }

 private:
  friend struct detail::end_access;
  explicit sender(std::unique_ptr<detail::sending_core> core) noexcept : core_(std::move(core)) {}

  detail::sending_core& opened() const {
    detail::ensure(core_ != nullptr, "a moved-from sender is used");
    if (core_->is_packed()) [[unlikely]]
      core_->unpack(detail::cargo_of<T>());
    return *core_;
  }
  /// Shared memory, a small message, and nothing the matter: all there is to sending. False: nothing has happened.
  bool send_quickly(const T& value) noexcept;
  bool send_quickly(std::span<const std::byte> payload) noexcept
    requires std::same_as<T, bytes>;
  static result<void> dispatch(detail::sending_core& core, const T& value, send_options with, const patience& how);
  static result<void> encode_and_send(detail::sending_core& core, const T& value, send_options with,
                                      const patience& how);
  static result<void> dispatch_loan(detail::sending_core& core, detail::loaned_room& room, const patience& how);
  result<transom::loan<T>> borrow(std::size_t size, const patience& how);

  std::unique_ptr<detail::sending_core> core_;
};

}  // namespace transom

#include "transom/channel/end_access.hpp"
#include "transom/channel/sender_templates.hpp"
