// transom/channel/carried.hpp - types that travel as open descriptors.
//
// The hook for whoever owns descriptors: `fd` here, anonymous senders and receivers where they are defined. A value
// goes apart into a few descriptors, which the transport passes beside the message, and a note, which is inside it.
#pragma once
#include <array>
#include <concepts>
#include <cstddef>
#include <span>
#include <string>

#include "transom/base/bytes.hpp"
#include "transom/base/ensure.hpp"
#include "transom/base/error.hpp"
#include "transom/os/fd.hpp"

namespace transom::detail {

/// A value taken apart for the journey. The descriptors are borrowed: the sender's copy stays open until its end.
struct luggage {
  std::array<int, 4> descriptors{};
  std::size_t count = 0;
  bytes note;  // may be empty

  void add(int descriptor) {
    ensure(count < descriptors.size(), "a message part carries at most four descriptors");
    descriptors[count++] = descriptor;
  }
};

/// Specialise for T:
///     static std::string schema();                               // "sender<{u64, string}>"
///     static luggage pack(const T&);                             // called up to three times per message
///     static result<T> unpack(std::span<fd> mine, std::span<const std::byte> note);  // takes what is in `mine`
/// On the wire: [index of the first descriptor, count, note]. A bare `fd` is its index alone, or nil if it is empty.
template <typename T>
struct carried;

template <typename T>
concept travels_as_descriptors = std::same_as<T, fd> || requires { sizeof(carried<T>); };

}  // namespace transom::detail
