// transom/channel/shared.hpp - one T in shared memory, at the same name for everybody.
//
// The first process to open the name constructs the T, completely, before anybody can see it; the others find it. It
// is never destroyed: the memory goes with the last handle, and so does the name. A process that dies at any
// instruction of this leaves nothing that the next one does not clean up (transom/transport/shared_object.hpp).
#pragma once
#include <concepts>
#include <new>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "transom/base/ensure.hpp"
#include "transom/channel/describe_shared.hpp"
#include "transom/channel/shareable_refusal.hpp"
#include "transom/transport/shared_object.hpp"

namespace transom {

/// A handle on a T that all processes with the same URL share. Moves, does not copy; the T stays where it is, so
/// pointers and guards into it are good for as long as the handle that they came from.
///
/// Thread safety: as that of T. What is in the T is yours to protect: put a transom::sync::mutex beside it.
/// fork: the child has no memory there, and everything in transom::sync says errc::forked; use transom::command.
template <typename T>
class shared {
  static_assert(detail::check_shareable<T>());
  static_assert(alignof(T) <= 4096);

 public:
  using value_type = T;

  /// Opens shm://name, posix-shm:///name or sysv-shm:///path?id=N; makes a T of `arguments` if it is the first. Throws
  /// transom::exception where open() fails, and what the constructor of T throws.
  template <typename... Arguments>
    requires std::constructible_from<T, Arguments...>
  explicit shared(std::string_view url, Arguments&&... arguments)
      : shared(open(url, std::forward<Arguments>(arguments)...).or_throw()) {}

  /// Fails with type_mismatch (detail() has both descriptions), address_in_use (a channel has the name), bad_url,
  /// unsupported, no_space_on_device, no_buffer_space (256 handles have it open), timed_out (somebody who holds the
  /// lock of the name is stopped), protocol_error (another version), errors of the system.
  template <typename... Arguments>
    requires std::constructible_from<T, Arguments...>
  static result<shared> open(std::string_view url, Arguments&&... arguments) {
    auto where = transom::url::parse(url);
    if (!where) return where.error();
    const auto construct = [&](void* at) { new (at) T(std::forward<Arguments>(arguments)...); };
    const schema_info& schema = detail::shared_schema_of<T>();
    auto opened = transport::shared_object::open(
        *where, {.schema_hash = schema.hash, .schema_text = schema.text, .size = sizeof(T)}, construct);
    if (!opened) return opened.error();
    return shared(std::move(*opened));
  }

  T* operator->() const noexcept { return &**this; }
  T& operator*() const noexcept {
    detail::ensure(object_.get() != nullptr, "a shared<T> that was moved from is not used");
    return *std::launder(static_cast<T*>(object_.get()));
  }
  /// As another process needs it.
  const std::string& url() const noexcept { return object_.where().text(); }
  /// Whether this handle constructed the T.
  bool made_it() const noexcept { return object_.made_it(); }

 private:
  explicit shared(transport::shared_object from) noexcept : object_(std::move(from)) {}
  transport::shared_object object_;
};

}  // namespace transom
