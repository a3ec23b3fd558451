// transom/os/syscall.hpp - how every system call of this library is made. Private to os.
//
// EINTR is retried here and nowhere else; errno is read here and nowhere else. A failure is the operation, the
// errno and the object, which is described only when there is a failure to describe.
#pragma once
#include <cerrno>
#include <string>

#include "transom/base/error.hpp"

namespace transom::os {

inline place fd_place(int number) { return place("fd " + std::to_string(number)); }

/// Runs `call` until it does not fail with EINTR. Leaves errno as the call left it.
template <typename Call>
auto retried(Call call) noexcept(noexcept(call())) {
  auto value = call();
  while (value == -1 && errno == EINTR) value = call();
  return value;
}

/// Runs `call`; -1 becomes an error with errno, `operation` and the place that `where` describes.
template <typename Where, typename Call>
auto checked(const char* operation, Where where, Call call) -> result<decltype(call())> {
  auto value = retried(call);
  if (value == -1) [[unlikely]] {
    const int number = errno;
    return error::system(number, operation, where());
  }
  return value;
}

/// The same for calls whose value carries nothing.
template <typename Where, typename Call>
result<void> done(const char* operation, Where where, Call call) {
  if (auto value = checked(operation, where, call); !value) return value.error();
  return {};
}

/// For calls on a non-blocking descriptor: EAGAIN is errc::would_block, everything else as in checked().
template <typename Where, typename Call>
auto attempted(const char* operation, Where where, Call call) -> result<decltype(call())> {
  auto value = retried(call);
  if (value == -1) [[unlikely]] {
    const int number = errno;
    if (number == EAGAIN || number == EWOULDBLOCK) return error(errc::would_block, operation, where());
    return error::system(number, operation, where());
  }
  return value;
}

}  // namespace transom::os
