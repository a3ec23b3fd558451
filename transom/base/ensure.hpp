// transom/base/ensure.hpp - a programmer's mistake is not a value: stop, and print what was wrong.
//
// Never used for what a peer, the kernel or the network did: those are errors.
#pragma once
#include <source_location>

namespace transom::detail {

/// Prints "file:line: transom: <sentence>" to stderr and aborts.
[[noreturn]] void broken_promise(const char* sentence, std::source_location at) noexcept;

/// Aborts with `sentence` unless `holds`.
inline void ensure(bool holds, const char* sentence, std::source_location at = std::source_location::current()) {
  if (!holds) [[unlikely]]
    broken_promise(sentence, at);
}

}  // namespace transom::detail
