// transom/channel/sending_core.cpp - see sending_core.hpp.
#include "transom/channel/sending_core.hpp"

#include <string>
#include <utility>

namespace transom::detail {

sending_core::sending_core(opened_sender opened)
    : url(opened.end->url()),
      where(url),
      how(opened.how),
      features(opened.end->features()),
      largest_message(opened.end->largest_message()),
      portable(opened.portable),
      zero_copy(features.contains(transom::zero_copy)),
      lends_many(opened.end->lends_many()),
      lane(portable ? nullptr : opened.end->quick_writer()),
      end_(std::move(opened.end)) {}

patience sending_core::policy(std::stop_token stop) const {
  const bool at_once = how.on_full == overflow::fail || how.on_full == overflow::drop_newest;
  return at_once ? patience{deadline::passed(), std::move(stop), true} : patience::forever(std::move(stop));
}

result<void> sending_core::by_policy(result<void> sent) {
  if (how.on_full != overflow::drop_newest || !sent.failed_with(errc::would_block)) return sent;
  drop(1);
  return {};
}

result<void> sending_core::admit(const send_options& with) const {
  if (with.priority != 0 && !features.contains(priorities)) {
    return error(errc::unsupported, "send", place(url, "priorities"));
  }
  if (with.type != 0 && !features.contains(types)) return error(errc::unsupported, "send", place(url, "types"));
  if (with.priority < 0 || with.priority > 32000 || with.type < 0) {
    return error::system(static_cast<int>(std::errc::invalid_argument), "send",
                         place(url, "a priority is 0 to 32000, a type is positive"));
  }
  if (slot_is_lent()) [[unlikely]] {
    return error(errc::unsupported, "send",
                 place(url, "this sender lends one slot at a time: send or drop its loan first, or clone()"));
  }
  return {};
}

result<void> sending_core::admit_size(std::size_t size) const {
  if (size <= largest_message) return {};
  return error(errc::message_too_large, "send",
               place(url, std::to_string(size) + " bytes; max_message is " + std::to_string(largest_message)));
}

result<void> sending_core::admit_descriptors(std::size_t count) const {
  if (count <= transport::most_descriptors) return {};
  return error(errc::message_too_large, "send",
               place(url, std::to_string(count) + " descriptors; at most " +
                              std::to_string(transport::most_descriptors) + " travel with one message"));
}

result<std::size_t> sending_core::send_many(std::span<const transport::outgoing> messages, const patience& how_long) {
  std::size_t accepted = 0;
  do {
    auto some = end_->send_many(messages.subspan(accepted), how_long);
    if (!some) {
      if (accepted == 0) return some.error();
      break;
    }
    if (*some == 0) break;
    accepted += *some;
  } while (accepted < messages.size());
  return accepted;
}

result<void> send_payload(sending_core& core, std::span<const std::byte> payload, const send_options& with,
                          const patience& how) {
  const occupancy::stay stay(core.occupied);
  if (auto ok = core.admit(with); !ok) [[unlikely]]
    return ok;
  return core.send({.payload = payload, .priority = with.priority, .type = with.type}, how);
}

result<const transport::handover*> sending_core::pack() {
  if (packed_) return &*packed_;
  auto given = give_anonymous(*end_, where);
  if (!given) return given.error();
  packed_ = std::move(*given);
  lane = nullptr;
  return &*packed_;
}

void sending_core::unpack(const cargo& what) {
  auto again = transport::adopt_sender(std::move(*packed_), how,
                                       how.framing == framing::native ? what.native : transport::terms{});
  packed_.reset();
  if (!again) return;  // the old end stays and says closed
  end_ = std::move(*again);
  lane = portable ? nullptr : end_->quick_writer();
}

}  // namespace transom::detail
