// transom/channel/sent_ends.hpp - senders and receivers of anonymous channels inside messages.
//
// What travels are the end's descriptors, and a note: u32 length of the URL, little-endian; the URL; the transport's
// own state. A message that was sent has taken its ends along: the handles in it are of no use afterwards. If the send
// failed they work as before.
//
// Trust: a note is written by the peer. Only URLs without an address are taken from it, so it cannot make this side
// open anything; what the descriptors lead to is the transport's to check.
#pragma once
#include <span>
#include <string>
#include <utility>

#include "transom/channel/end_access.hpp"

namespace transom::detail {

/// The descriptors and the note of a packed end.
luggage luggage_of(const transport::handover& packed);
/// The other way round. decode_failed if the note makes no sense.
result<transport::handover> handover_of(std::span<fd> mine, std::span<const std::byte> note);

template <typename U>
struct carried<sender<U>> {
  static std::string schema() { return "sender<" + schema_of<U>().text + ">"; }
  static luggage pack(const sender<U>& end) { return luggage_of(*end_access::packed(end).or_throw()); }
  static result<sender<U>> unpack(std::span<fd> mine, std::span<const std::byte> note) {
    auto packed = handover_of(mine, note);
    if (!packed) return packed.error();
    auto adopted = transport::adopt_sender(std::move(*packed), {}, cargo_of<U>().native);
    if (!adopted) return adopted.error();
    return end_access::wrap<U>(std::move(*adopted));
  }
};

template <typename U>
struct carried<receiver<U>> {
  static std::string schema() { return "receiver<" + schema_of<U>().text + ">"; }
  static luggage pack(const receiver<U>& end) { return luggage_of(*end_access::packed(end).or_throw()); }
  static result<receiver<U>> unpack(std::span<fd> mine, std::span<const std::byte> note) {
    auto packed = handover_of(mine, note);
    if (!packed) return packed.error();
    auto adopted = transport::adopt_receiver(std::move(*packed), {}, cargo_of<U>().native);
    if (!adopted) return adopted.error();
    return end_access::wrap<U>(std::move(*adopted));
  }
};

}  // namespace transom::detail
