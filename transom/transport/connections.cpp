// transom/transport/connections.cpp - see connections.hpp and connection_plan.hpp.
#include "transom/transport/connections.hpp"

#include <algorithm>
#include <string>

#include "transom/transport/connection_plan.hpp"

namespace transom::transport {
namespace {

constexpr std::size_t largest_max_message = std::size_t{1} << 30;

// Without frames of ours nobody can tell a close from a death, or one message from the next.
feature_set with_framing(feature_set features, const options& how, bool packets) noexcept {
  if (how.framing == framing::native) return features;
  features = features.without(sees_death | fd_passing);
  return how.framing == framing::raw && !packets ? features.without(boundaries) : features;
}

}  // namespace

result<connection_plan> plan_connections(const url& where, const options& how, const terms& agreed,
                                         os::stream_kind kind, bool packets, feature_set features) {
  auto max_message = chosen_max_message(how, agreed, where);
  if (!max_message) return max_message.error();
  if (packets && (how.framing == framing::length || how.framing == framing::line)) {
    return error(errc::unsupported, "open",
                 place(where.text(), "this mechanism keeps boundaries itself: framing is native or raw"));
  }
  if (how.on_full == overflow::drop_oldest) {
    return error(errc::unsupported, "open",
                 place(where.text(), "on_full=drop_oldest: a sender cannot take back what is in the kernel"));
  }
  features = with_framing(features, how, packets);
  if (const auto missing = features.lacking(how.require); !missing.empty()) {
    return error(errc::unsupported, "open", place(where.text(), "this mechanism lacks " + missing.names()));
  }
  const bool descriptors = kind == os::stream_kind::unix_socket && how.framing == framing::native;
  return connection_plan{{.kind = kind,
                          .packets = packets,
                          .framing = how.framing,
                          .max_message = *max_message,
                          .takes_descriptors = descriptors,
                          .descriptors_announced = packets && !agreed.descriptors},
                         features};
}

result<std::unique_ptr<sending_end>> sender_over(connection_sender::connector connect, const url& where,
                                                 const options& how, const terms& agreed, connection_plan chosen) {
  auto link = connect(patience::until_time(deadline::after(how.connect_timeout)));
  if (!link) return link.error();
  return connection_sender::make({.url = where.text(),
                                  .features = chosen.features,
                                  .how = how,
                                  .agreed = agreed,
                                  .shape = chosen.shape,
                                  .link = std::move(*link),
                                  .again = std::move(connect)});
}

result<ends> pair_over(fd reading, fd writing, const url& where, const options& how, const terms& agreed,
                       connection_plan chosen) {
  auto only = std::make_unique<lane>(std::move(reading), chosen.shape, place(where.text()));
  connection_receiver::parts receiver{
      .url = where.text(), .features = chosen.features, .how = how, .agreed = agreed, .shape = chosen.shape};
  receiver.lanes.push_back(std::move(only));
  auto rx = connection_receiver::make(std::move(receiver));
  if (!rx) return rx.error();
  auto tx = connection_sender::make({.url = where.text(),
                                     .features = chosen.features,
                                     .how = how,
                                     .agreed = agreed,
                                     .shape = chosen.shape,
                                     .link = {.descriptor = std::move(writing)},
                                     .introduce = false});
  if (!tx) return tx.error();
  return ends{std::move(*tx), std::move(*rx)};
}

result<std::unique_ptr<receiving_end>> receiver_behind(std::unique_ptr<door> entrance, meter::record membership,
                                                       const url& where, const options& how, const terms& agreed,
                                                       connection_plan chosen) {
  return connection_receiver::make({.url = where.text(),
                                    .features = chosen.features,
                                    .how = how,
                                    .agreed = agreed,
                                    .shape = chosen.shape,
                                    .entrance = std::move(entrance),
                                    .membership = std::move(membership)});
}

result<std::size_t> chosen_max_message(const options& how, const terms& agreed, const url& where) {
  const std::size_t chosen =
      how.max_message != 0 ? how.max_message : std::max<std::size_t>(65'536, agreed.least_message);
  if (chosen > largest_max_message) {
    return error(errc::message_too_large, "open", place(where.text(), "max_message is at most 1 GiB"));
  }
  if (chosen < agreed.least_message) {
    return error(errc::message_too_large, "open",
                 place(where.text(), "max_message=" + std::to_string(chosen) + " is less than the " +
                                         std::to_string(agreed.least_message) + " bytes of a message of this type"));
  }
  return chosen;
}

// ---- ends that come from another process

result<std::unique_ptr<receiving_end>> adopt_connection_receiver(const url& where, handover packed, const options& how,
                                                                 const terms& agreed) {
  const bool pipe = where.scheme() == scheme::pipe;
  auto chosen = plan_connections(where, how, agreed, pipe ? os::stream_kind::pipe : os::stream_kind::unix_socket,
                                 where.scheme() == scheme::unix_seqpacket, pipe ? pipe_features : unix_features);
  if (!chosen) return chosen.error();
  connection_receiver::parts parts{
      .url = where.text(), .features = chosen->features, .how = how, .agreed = agreed, .shape = chosen->shape};
  const error broken(errc::protocol_error, "inherited", place(where.text(), "a broken note of what was read"));
  std::span<const std::byte> note = packed.state;
  for (fd& connection : packed.descriptors) {
    auto from = std::make_unique<lane>(std::move(connection), chosen->shape, place(where.text()));
    if (note.size() < 8) return broken;
    const auto size = load_le<std::uint64_t>(note.data());
    note = note.subspan(8);
    if (size > note.size()) return broken;
    from->put_back(note.first(size));
    note = note.subspan(size);
    parts.lanes.push_back(std::move(from));
  }
  return connection_receiver::make(std::move(parts));
}

result<std::unique_ptr<sending_end>> adopt_connection_sender(const url& where, handover packed, const options& how,
                                                             const terms& agreed) {
  if (packed.descriptors.size() != 1 || packed.state.size() != 1) {
    return error(errc::protocol_error, "inherited", place(where.text(), "a broken note of a connection"));
  }
  const auto kind = static_cast<os::stream_kind>(packed.state.front());
  const feature_set features = kind == os::stream_kind::pipe          ? pipe_features
                               : kind == os::stream_kind::inet_socket ? tcp_features
                                                                      : unix_features;
  auto chosen = plan_connections(where, how, agreed, kind, where.scheme() == scheme::unix_seqpacket, features);
  if (!chosen) return chosen.error();
  return connection_sender::make({.url = where.text(),
                                  .features = chosen->features,
                                  .how = how,
                                  .agreed = agreed,
                                  .shape = chosen->shape,
                                  .link = {.descriptor = std::move(packed.descriptors.front())}});
}

}  // namespace transom::transport
