// transom/transport/sealed.cpp - see sealed.hpp.
#include "transom/transport/sealed.hpp"

#include <algorithm>
#include <cstring>

#include "transom/base/bytes.hpp"

namespace transom::transport {

result<sealed_packet> seal_message(const outgoing& message, std::uint32_t sender, std::uint32_t sequence,
                                   const place& where) {
  if (message.descriptors.size() >= most_descriptors) {
    return error(errc::message_too_large, "send",
                 place(where.url(), "at most 15 descriptors travel with a message of this size"));
  }
  auto memory = os::memfd::make("transom.message", {.size = message.payload.size()});
  if (!memory) return memory.error().at(where);
  {
    auto mapped = memory->map(os::access::read_write);
    if (!mapped) return mapped.error().at(where);
    std::memcpy(mapped->data(), message.payload.data(), message.payload.size());
  }
  auto sealed = memory->add_seals(os::seal::shrink | os::seal::grow | os::seal::write | os::seal::seal);
  if (!sealed) return sealed.error().at(where);
  sealed_packet packet{.memory = std::move(*memory), .frame = {}, .descriptors = {}};
  packet.descriptors[0] = packet.memory.fd();
  std::ranges::copy(message.descriptors, packet.descriptors.begin() + 1);
  packet.descriptor_count = 1 + message.descriptors.size();
  encode_header({.length = 8,
                 .kind = frame_kind::sealed,
                 .descriptors = static_cast<std::uint8_t>(packet.descriptor_count),
                 .sender = sender,
                 .sequence = sequence},
                packet.frame.data());
  store_le(packet.frame.data() + frame_header_size, static_cast<std::uint64_t>(message.payload.size()));
  return packet;
}

}  // namespace transom::transport
