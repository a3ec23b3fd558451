// transom/channel/end_access.hpp - the way from a handle to the transport's end and back, for the layers above and for
// tests. Not for users.
#pragma once
#include <memory>
#include <utility>

#include "transom/channel/receiver.hpp"
#include "transom/channel/sender.hpp"

namespace transom::detail {

struct end_access {
  /// Takes the end out of a handle, which is moved from afterwards.
  template <typename T>
  static std::unique_ptr<transport::sending_end> release(sender<T>&& handle) {
    auto end = handle.opened().release_end();
    handle.core_.reset();
    return end;
  }
  template <typename T>
  static std::unique_ptr<transport::receiving_end> release(receiver<T>&& handle) {
    auto end = handle.opened().release_end();
    handle.core_.reset();
    return end;
  }

  /// A handle that owns `end`. `how` as the end was opened with.
  template <typename T>
  static sender<T> wrap(std::unique_ptr<transport::sending_end> end, const options& how = {}) {
    const bool portable = is_portable(*end, how);
    return wrap<T>(opened_sender{std::move(end), how, portable});
  }
  template <typename T>
  static receiver<T> wrap(std::unique_ptr<transport::receiving_end> end, const options& how = {}) {
    const bool portable = is_portable(*end, how);
    return wrap<T>(opened_receiver{std::move(end), how, portable});
  }
  template <typename T>
  static sender<T> wrap(opened_sender opened) {
    return sender<T>(std::make_unique<sending_core>(std::move(opened)));
  }
  template <typename T>
  static receiver<T> wrap(opened_receiver opened) {
    return receiver<T>(std::make_unique<receiving_core>(std::move(opened)));
  }

  /// What the handle is made of, for a message that takes it along.
  template <typename T>
  static result<const transport::handover*> packed(const sender<T>& handle) {
    ensure(handle.core_ != nullptr, "a moved-from sender is sent");
    return handle.core_->pack();
  }
  template <typename T>
  static result<const transport::handover*> packed(const receiver<T>& handle) {
    ensure(handle.core_ != nullptr, "a moved-from receiver is sent");
    return handle.core_->pack();
  }

  template <typename T>
  static sending_core& core_of(const sender<T>& handle) {
    return handle.opened();
  }
  template <typename T>
  static receiving_core& core_of(const receiver<T>& handle) {
    return handle.opened();
  }
};

}  // namespace transom::detail

#include "transom/channel/sent_ends.hpp"
