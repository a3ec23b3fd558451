// transom/transport/message.hpp - one message beside its bytes: what travels with it, and what is known of it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "transom/os/fd.hpp"

namespace transom {

/// What a receiver may know about a message. Zero where the mechanism does not tell.
struct message_info {
  std::uint64_t sequence = 0;  ///< the sender's count of its messages, from 1
  int priority = 0;            ///< posix-mq
  long type = 0;               ///< sysv-mq
  int pid = 0;                 ///< of the sender
  unsigned uid = 0;            ///< of the sender; meaningful where pid is not 0
  bool redelivered = false;    ///< it was shown before, to a receiver that died
};

namespace transport {

/// The most descriptors that travel with one message.
inline constexpr std::size_t most_descriptors = 16;

/// A message on its way out. The bytes and the descriptors stay the caller's.
struct outgoing {
  std::span<const std::byte> payload;
  int priority = 0;
  long type = 0;
  std::span<const int> descriptors = {};
};

/// A message lent by the transport until release(). Descriptors that the caller does not move out are closed then.
struct incoming {
  std::span<const std::byte> payload;
  message_info info;
  std::span<fd> descriptors = {};
};

}  // namespace transport
}  // namespace transom
