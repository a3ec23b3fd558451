// transom/transport/sealed.hpp - a message that does not fit a packet: its bytes lie in a sealed memfd, and the packet
// brings that. The receiving half is lane::next(). Private.
#pragma once
#include <array>

#include "transom/os/memfd.hpp"
#include "transom/transport/frame.hpp"

namespace transom::transport {

/// What travels instead of the message. It owns the memory; the other descriptors stay the caller's.
struct sealed_packet {
  os::memfd memory;
  std::array<std::byte, frame_header_size + 8> frame;
  std::array<int, most_descriptors> descriptors;
  std::size_t descriptor_count = 0;
};

/// Copies the payload into fresh memory that nobody can change any more. Fails with message_too_large for 16
/// descriptors, of which one place is needed, no_space_on_device, too_many_files_open.
result<sealed_packet> seal_message(const outgoing& message, std::uint32_t sender, std::uint32_t sequence,
                                   const place& where);

}  // namespace transom::transport
