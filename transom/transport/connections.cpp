// transom/transport/connections.cpp - see connections.hpp.
#include "transom/transport/connections.hpp"

#include <algorithm>
#include <optional>
#include <string>

#include "transom/os/pipe.hpp"
#include "transom/os/tcp_socket.hpp"
#include "transom/os/unix_socket.hpp"
#include "transom/transport/connection_receiver.hpp"
#include "transom/transport/connection_sender.hpp"
#include "transom/transport/naming.hpp"

namespace transom::transport {
namespace {

constexpr std::size_t largest_max_message = std::size_t{1} << 30;

os::socket_kind socket_kind_of(const url& where) noexcept {
  return where.scheme() == scheme::unix_seqpacket ? os::socket_kind::seqpacket : os::socket_kind::stream;
}

// Without frames of ours nobody can tell a close from a death, or one message from the next.
feature_set with_framing(feature_set features, const options& how, bool packets) noexcept {
  if (how.framing == framing::native) return features;
  features = features.without(sees_death | fd_passing);
  return how.framing == framing::raw && !packets ? features.without(boundaries) : features;
}

struct plan {
  lane::shape shape;
  feature_set features;
};

result<plan> plan_for(const url& where, const options& how, const terms& agreed, os::stream_kind kind, bool packets,
                      feature_set features) {
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
  return plan{{.kind = kind,
               .packets = packets,
               .framing = how.framing,
               .max_message = *max_message,
               .takes_descriptors = descriptors},
              features};
}

class unix_door final : public door {
 public:
  explicit unix_door(os::unix_listener listener) : listener_(std::move(listener)) {}
  int descriptor() const noexcept override { return listener_.fd(); }
  result<visitor> try_accept() override {
    auto socket = listener_.try_accept();
    if (!socket) return socket.error();
    visitor who;
    if (const auto known = socket->peer_credentials()) {
      who.pid = known->pid;
      who.uid = known->uid;
    }
    who.connection = std::move(*socket).release();
    return who;
  }
  void take_name_away() noexcept override { listener_.remove_file(); }

 private:
  os::unix_listener listener_;
};

class tcp_door final : public door {
 public:
  tcp_door(os::tcp_listener listener, std::optional<os::tcp_socket::keepalive> keepalive)
      : listener_(std::move(listener)), keepalive_(keepalive) {}
  int descriptor() const noexcept override { return listener_.fd(); }
  result<visitor> try_accept() override {
    auto socket = listener_.try_accept();
    if (!socket) return socket.error();
    if (keepalive_) socket->set_keepalive(*keepalive_).ignore();
    return visitor{.connection = std::move(*socket).release()};
  }
  void take_name_away() noexcept override {}  // a port is free when its listener is closed

 private:
  os::tcp_listener listener_;
  std::optional<os::tcp_socket::keepalive> keepalive_;
};

// Listens at the path. A socket file of ours at which nobody listens is what a dead owner left: it is replaced. We
// hold the lock of the name, so no owner of ours is just about to listen there.
result<os::unix_listener> listen_at(const url& where, const options& how) {
  const auto address = os::unix_address::path(where.address());
  const os::unix_listener::options details{.backlog = 4096, .mode = how.mode, .remove_file = true};
  auto listener = os::unix_listener::listen(address, socket_kind_of(where), details);
  if (listener || listener.error() != std::errc::address_in_use) return listener;
  auto probe = os::unix_socket::connect(address, socket_kind_of(where), patience::none());
  if (!probe && probe.error() == std::errc::connection_refused && os::remove_dead_socket(where.address())) {
    return os::unix_listener::listen(address, socket_kind_of(where), details);
  }
  if (!probe && probe.error() == std::errc::connection_refused) {
    return listener.error().with_detail("something that is not a dead socket of ours has this path");
  }
  return listener.error().with_detail("a living process listens there");
}

struct tcp_settings {
  bool nodelay = true;
  std::optional<os::tcp_socket::keepalive> keepalive;
};

result<tcp_settings> tcp_settings_of(const url& where) {
  tcp_settings settings;
  if (const auto text = where.value("nodelay")) {
    if (*text != "true" && *text != "false")
      return error(errc::bad_url, "open", place(where.text(), "nodelay: true or false expected"));
    settings.nodelay = *text == "true";
  }
  if (const auto text = where.value("keepalive")) {
    auto idle = parse_duration(*text);
    if (!idle)
      return error(errc::bad_url, "open", place(where.text(), "keepalive: " + std::string(idle.error().detail())));
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(*idle).count();
    settings.keepalive = {
        .idle_s = static_cast<int>(std::clamp<std::int64_t>(seconds, 1, 32'767)), .interval_s = 1, .count = 5};
  }
  return settings;
}

connection_sender::connector unix_connector(const url& where, const terms& agreed) {
  return [where, agreed](const patience& how) -> result<connection_sender::connection> {
    for (;;) {
      auto socket = os::unix_socket::connect(os::unix_address::path(where.address()), socket_kind_of(where), how);
      if (socket) {
        auto membership = join_name(where, agreed);
        if (!membership && membership.error() != errc::owner_died) return membership.error();
        const auto known = socket->peer_credentials();
        return connection_sender::connection{.descriptor = std::move(*socket).release(),
                                             .peer_pid = known ? known->pid : 0,
                                             .membership = membership ? std::move(*membership) : std::nullopt};
      }
      if (!may_appear_yet(socket.error()))
        return socket.error().at(place(where.text(), socket.error().detail())).during("open");
      if (auto ok = look_again_soon(where, socket.error(), how); !ok) return ok.error();
    }
  };
}

connection_sender::connector tcp_connector(const url& where, const terms& agreed, const tcp_settings& settings) {
  return [where, agreed, settings](const patience& how) -> result<connection_sender::connection> {
    for (;;) {
      auto socket = os::tcp_socket::connect(where.address(), where.port(), how);
      if (socket) {
        auto membership = join_name(where, agreed);
        if (!membership && membership.error() != errc::owner_died) return membership.error();
        if (!settings.nodelay) socket->set_nodelay(false).ignore();
        if (settings.keepalive) socket->set_keepalive(*settings.keepalive).ignore();
        return connection_sender::connection{.descriptor = std::move(*socket).release(),
                                             .membership = membership ? std::move(*membership) : std::nullopt};
      }
      if (!may_appear_yet(socket.error())) {
        if (socket.error() == errc::timed_out) {
          return error(errc::no_peer, "open", place(where.text(), "no answer within connect_timeout"));
        }
        return socket.error().at(place(where.text(), socket.error().detail())).during("open");
      }
      if (auto ok = look_again_soon(where, socket.error(), how); !ok) return ok.error();
    }
  };
}

result<std::unique_ptr<sending_end>> sender_over(connection_sender::connector connect, const url& where,
                                                 const options& how, const terms& agreed, plan chosen) {
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

result<ends> pair_over(fd reading, fd writing, const url& where, const options& how, const terms& agreed, plan chosen) {
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

}  // namespace

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

// ---- unix: and unix+stream:

result<std::unique_ptr<receiving_end>> open_unix_receiver(const url& where, const options& how, const terms& agreed) {
  auto chosen = plan_for(where, how, agreed, os::stream_kind::unix_socket, where.scheme() == scheme::unix_seqpacket,
                         unix_features);
  if (!chosen) return chosen.error();
  auto owned = own_name(where, how, agreed, false);
  if (!owned) return owned.error();
  owned->self.say_origin(meter::object_origin::made);
  auto listener = listen_at(where, how);
  if (!listener) return listener.error().at(place(where.text(), listener.error().detail())).during("open");
  return connection_receiver::make({.url = where.text(),
                                    .features = chosen->features,
                                    .how = how,
                                    .agreed = agreed,
                                    .shape = chosen->shape,
                                    .entrance = std::make_unique<unix_door>(std::move(*listener)),
                                    .membership = std::move(owned->self)});
}

result<std::unique_ptr<sending_end>> open_unix_sender(const url& where, const options& how, const terms& agreed) {
  auto chosen = plan_for(where, how, agreed, os::stream_kind::unix_socket, where.scheme() == scheme::unix_seqpacket,
                         unix_features);
  if (!chosen) return chosen.error();
  return sender_over(unix_connector(where, agreed), where, how, agreed, *chosen);
}

result<ends> open_unix_pair(const url& where, const options& how, const terms& agreed) {
  auto chosen = plan_for(where, how, agreed, os::stream_kind::unix_socket, where.scheme() == scheme::unix_seqpacket,
                         unix_features);
  if (!chosen) return chosen.error();
  auto pair = os::unix_socket::pair(socket_kind_of(where));
  if (!pair) return pair.error().at(place(where.text())).during("open");
  return pair_over(std::move(pair->first).release(), std::move(pair->second).release(), where, how, agreed, *chosen);
}

// ---- tcp:

result<std::unique_ptr<receiving_end>> open_tcp_receiver(const url& where, const options& how, const terms& agreed) {
  auto chosen = plan_for(where, how, agreed, os::stream_kind::inet_socket, false, tcp_features);
  if (!chosen) return chosen.error();
  auto settings = tcp_settings_of(where);
  if (!settings) return settings.error();
  auto listener = os::tcp_listener::listen(where.address(), where.port(), {.backlog = 4096});
  if (!listener) return listener.error().at(place(where.text(), listener.error().detail())).during("open");
  const url real = where.with_port(listener->local().port());
  auto owned = own_name(real, how, agreed, false);
  if (!owned) return owned.error();
  return connection_receiver::make({.url = real.text(),
                                    .features = chosen->features,
                                    .how = how,
                                    .agreed = agreed,
                                    .shape = chosen->shape,
                                    .entrance = std::make_unique<tcp_door>(std::move(*listener), settings->keepalive),
                                    .membership = std::move(owned->self)});
}

result<std::unique_ptr<sending_end>> open_tcp_sender(const url& where, const options& how, const terms& agreed) {
  auto chosen = plan_for(where, how, agreed, os::stream_kind::inet_socket, false, tcp_features);
  if (!chosen) return chosen.error();
  auto settings = tcp_settings_of(where);
  if (!settings) return settings.error();
  if (where.port() == 0)
    return error(errc::bad_url, "open", place(where.text(), "a sender needs the real port, not 0"));
  return sender_over(tcp_connector(where, agreed, *settings), where, how, agreed, *chosen);
}

// ---- pipe:

result<ends> open_pipe_pair(const url& where, const options& how, const terms& agreed) {
  auto chosen = plan_for(where, how, agreed, os::stream_kind::pipe, false, pipe_features);
  if (!chosen) return chosen.error();
  auto pipe = os::pipe::make();
  if (!pipe) return pipe.error().at(place(where.text())).during("open");
  return pair_over(std::move(pipe->reader).release(), std::move(pipe->writer).release(), where, how, agreed, *chosen);
}

// ---- fd:

namespace {

result<plan> plan_for_descriptor(const fd& number, const url& where, const options& how, const terms& agreed) {
  const place here(where.text());
  auto kind = os::kind_of_stream(number.get(), here);
  if (!kind) return kind.error().during("open");
  const bool packets = os::keeps_boundaries(number.get());
  feature_set features = pipe_features;
  if (*kind == os::stream_kind::unix_socket) features = unix_features.without(many_senders);
  if (*kind == os::stream_kind::inet_socket) features = tcp_features.without(many_senders);
  return plan_for(where, how, agreed, *kind, packets, features);
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

// ---- ends that come from another process

result<std::unique_ptr<receiving_end>> adopt_connection_receiver(const url& where, handover packed, const options& how,
                                                                 const terms& agreed) {
  const bool pipe = where.scheme() == scheme::pipe;
  auto chosen = plan_for(where, how, agreed, pipe ? os::stream_kind::pipe : os::stream_kind::unix_socket,
                         where.scheme() == scheme::unix_seqpacket, pipe ? pipe_features : unix_features);
  if (!chosen) return chosen.error();
  connection_receiver::parts parts{
      .url = where.text(), .features = chosen->features, .how = how, .agreed = agreed, .shape = chosen->shape};
  std::span<const std::byte> note = packed.state;
  for (fd& connection : packed.descriptors) {
    auto from = std::make_unique<lane>(std::move(connection), chosen->shape, place(where.text()));
    if (note.size() < 8)
      return error(errc::protocol_error, "inherited", place(where.text(), "a broken note of what was read"));
    const auto size = load_le<std::uint64_t>(note.data());
    note = note.subspan(8);
    if (size > note.size())
      return error(errc::protocol_error, "inherited", place(where.text(), "a broken note of what was read"));
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
  auto chosen = plan_for(where, how, agreed, kind, where.scheme() == scheme::unix_seqpacket, features);
  if (!chosen) return chosen.error();
  return connection_sender::make({.url = where.text(),
                                  .features = chosen->features,
                                  .how = how,
                                  .agreed = agreed,
                                  .shape = chosen->shape,
                                  .link = {.descriptor = std::move(packed.descriptors.front())}});
}

}  // namespace transom::transport
