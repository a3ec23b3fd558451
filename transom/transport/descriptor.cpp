// transom/transport/descriptor.cpp - pipe: and fd:, connections that are descriptors and have no name.
#include <optional>
#include <string>

#include "transom/os/pipe.hpp"
#include "transom/transport/connection_plan.hpp"

namespace transom::transport {

result<ends> open_pipe_pair(const url& where, const options& how, const terms& agreed) {
  auto chosen = plan_connections(where, how, agreed, os::stream_kind::pipe, false, pipe_features);
  if (!chosen) return chosen.error();
  auto pipe = os::pipe::make();
  if (!pipe) return pipe.error().at(place(where.text())).during("open");
  return pair_over(std::move(pipe->reader).release(), std::move(pipe->writer).release(), where, how, agreed, *chosen);
}

namespace {

result<connection_plan> plan_for_descriptor(const fd& number, const url& where, const options& how,
                                            const terms& agreed) {
  const place here(where.text());
  auto kind = os::kind_of_stream(number.get(), here);
  if (!kind) return kind.error().during("open");
  const bool packets = os::keeps_boundaries(number.get());
  feature_set features = pipe_features;
  if (*kind == os::stream_kind::unix_socket) features = unix_features.without(many_senders);
  if (*kind == os::stream_kind::inet_socket) features = tcp_features.without(many_senders);
  return plan_connections(where, how, agreed, *kind, packets, features);
}

}  // namespace

result<std::unique_ptr<receiving_end>> open_descriptor_receiver(const url& where, const options& how,
                                                                const terms& agreed) {
  fd owned(where.number());
  auto chosen = plan_for_descriptor(owned, where, how, agreed);
  if (!chosen) {
    (void)owned.release();  // not ours unless opening succeeds
    return chosen.error();
  }
  connection_receiver::parts parts{
      .url = where.text(), .features = chosen->features, .how = how, .agreed = agreed, .shape = chosen->shape};
  parts.lanes.push_back(std::make_unique<lane>(std::move(owned), chosen->shape, place(where.text())));
  return connection_receiver::make(std::move(parts));
}

result<std::unique_ptr<sending_end>> open_descriptor_sender(const url& where, const options& how, const terms& agreed) {
  fd owned(where.number());
  auto chosen = plan_for_descriptor(owned, where, how, agreed);
  if (!chosen) {
    (void)owned.release();
    return chosen.error();
  }
  return connection_sender::make({.url = where.text(),
                                  .features = chosen->features,
                                  .how = how,
                                  .agreed = agreed,
                                  .shape = chosen->shape,
                                  .link = {.descriptor = std::move(owned)}});
}

}  // namespace transom::transport
