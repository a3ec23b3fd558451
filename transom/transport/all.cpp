// transom/transport/all.cpp - the list of transports. One switch each for receivers, senders, pairs and adopted ends:
// no self-registration, so what a program can open is what stands here.
#include <string>

#include "transom/transport/connections.hpp"
#include "transom/transport/fifo.hpp"
#include "transom/transport/inproc.hpp"
#include "transom/transport/lane_plan.hpp"
#include "transom/transport/memfd.hpp"
#include "transom/transport/named_lanes.hpp"
#include "transom/transport/posix_mq.hpp"
#include "transom/transport/reconnecting_sender.hpp"
#include "transom/transport/sysv_mq.hpp"
#include "transom/transport/transport.hpp"
#include "transom/transport/udp.hpp"
#include "transom/transport/unix_datagram.hpp"

namespace transom::transport {
namespace {

error not_here(const url& where) {
  return error(errc::unsupported, "open",
               place(where.text(), std::string(where.scheme_name()) + ": is not part of this release"));
}

error only_as_pair(const url& where) {
  return error(errc::unsupported, "open",
               place(where.text(),
                     "an anonymous channel is made with both ends: transom::channel<T>(\"" + where.text() + "\")"));
}

error only_with_name(const url& where) {
  return error(errc::unsupported, "open", place(where.text(), "this scheme has no anonymous form"));
}

}  // namespace

feature_set features_of(scheme s) noexcept {
  switch (s) {
    case scheme::inproc: return inproc_features;
    case scheme::pipe: return pipe_features;
    case scheme::fifo: return fifo_features;
    case scheme::unix_seqpacket:
    case scheme::unix_stream: return unix_features;
    case scheme::unix_datagram: return unix_datagram_features;
    case scheme::posix_mq: return posix_mq_features;
    case scheme::sysv_mq: return sysv_mq_features;
    case scheme::tcp: return tcp_features;
    case scheme::udp: return udp_features;
    case scheme::shm:
    case scheme::posix_shm:
    case scheme::sysv_shm: return lane_features | many_senders;
    case scheme::memfd: return memfd_features;
    default: return {};
  }
}

result<std::unique_ptr<receiving_end>> open_receiver(const url& where, const options& how, const terms& agreed) {
  if (where.anonymous()) return only_as_pair(where);
  switch (where.scheme()) {
    case scheme::inproc: return open_inproc_receiver(where, how, agreed);
    case scheme::fifo: return open_fifo_receiver(where, how, agreed);
    case scheme::unix_seqpacket:
    case scheme::unix_stream: return open_unix_receiver(where, how, agreed);
    case scheme::unix_datagram: return open_unix_datagram_receiver(where, how, agreed);
    case scheme::posix_mq: return open_posix_mq_receiver(where, how, agreed);
    case scheme::sysv_mq: return open_sysv_mq_receiver(where, how, agreed);
    case scheme::tcp: return open_tcp_receiver(where, how, agreed);
    case scheme::udp: return open_udp_receiver(where, how, agreed);
    case scheme::shm:
    case scheme::posix_shm:
    case scheme::sysv_shm: return open_named_lanes_receiver(where, how, agreed);
    case scheme::fd: return open_descriptor_receiver(where, how, agreed);
    default: return not_here(where);
  }
}

result<std::unique_ptr<sending_end>> open_sender(const url& where, const options& how, const terms& agreed) {
  if (where.anonymous()) return only_as_pair(where);
  switch (where.scheme()) {
    case scheme::inproc: return open_reconnecting(open_inproc_sender, where, how, agreed);
    case scheme::fifo: return open_fifo_sender(where, how, agreed);
    case scheme::unix_seqpacket:
    case scheme::unix_stream: return open_unix_sender(where, how, agreed);
    case scheme::unix_datagram: return open_unix_datagram_sender(where, how, agreed);
    case scheme::posix_mq: return open_reconnecting(open_posix_mq_sender, where, how, agreed);
    case scheme::sysv_mq: return open_reconnecting(open_sysv_mq_sender, where, how, agreed);
    case scheme::tcp: return open_tcp_sender(where, how, agreed);
    case scheme::udp: return open_udp_sender(where, how, agreed);
    case scheme::shm:
    case scheme::posix_shm:
    case scheme::sysv_shm: return open_reconnecting(open_named_lanes_sender, where, how, agreed);
    case scheme::fd: return open_descriptor_sender(where, how, agreed);
    default: return not_here(where);
  }
}

result<ends> open_pair(const url& where, const options& how, const terms& agreed) {
  if (!where.anonymous()) {
    auto rx = open_receiver(where, how, agreed);
    if (!rx) return rx.error();
    auto real = url::parse((*rx)->url());
    if (!real) return real.error();
    auto tx = open_sender(*real, how, agreed);
    if (!tx) return tx.error();
    return ends{std::move(*tx), std::move(*rx)};
  }
  switch (where.scheme()) {
    case scheme::inproc: return open_inproc_pair(where, how, agreed);
    case scheme::pipe: return open_pipe_pair(where, how, agreed);
    case scheme::unix_seqpacket:
    case scheme::unix_stream: return open_unix_pair(where, how, agreed);
    case scheme::unix_datagram: return open_unix_datagram_pair(where, how, agreed);
    case scheme::memfd: return open_memfd_pair(where, how, agreed);
    default: return only_with_name(where);
  }
}

result<std::unique_ptr<receiving_end>> adopt_receiver(handover packed, const options& how, const terms& agreed) {
  auto where = url::parse(packed.url);
  if (!where) return where.error();
  switch (where->scheme()) {
    case scheme::pipe:
    case scheme::unix_seqpacket:
    case scheme::unix_stream: return adopt_connection_receiver(*where, std::move(packed), how, agreed);
    case scheme::memfd: return adopt_memfd_receiver(*where, std::move(packed), how);
    default: return open_receiver(*where, how, agreed);
  }
}

result<std::unique_ptr<sending_end>> adopt_sender(handover packed, const options& how, const terms& agreed) {
  auto where = url::parse(packed.url);
  if (!where) return where.error();
  switch (where->scheme()) {
    case scheme::pipe:
    case scheme::unix_seqpacket:
    case scheme::unix_stream:
    case scheme::tcp: return adopt_connection_sender(*where, std::move(packed), how, agreed);
    case scheme::memfd: return adopt_memfd_sender(*where, std::move(packed), how);
    default: return open_sender(*where, how, agreed);
  }
}

}  // namespace transom::transport
