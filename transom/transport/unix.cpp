// transom/transport/unix.cpp - unix: and unix+stream:, sockets with a path, or a pair without a name.
#include <optional>
#include <string>

#include "transom/os/unix_socket.hpp"
#include "transom/transport/connection_plan.hpp"
#include "transom/transport/naming.hpp"

namespace transom::transport {
namespace {

os::socket_kind socket_kind_of(const url& where) noexcept {
  return where.scheme() == scheme::unix_seqpacket ? os::socket_kind::seqpacket : os::socket_kind::stream;
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

}  // namespace

result<std::unique_ptr<receiving_end>> open_unix_receiver(const url& where, const options& how, const terms& agreed) {
  auto chosen = plan_connections(where, how, agreed, os::stream_kind::unix_socket,
                                 where.scheme() == scheme::unix_seqpacket, unix_features);
  if (!chosen) return chosen.error();
  auto owned = own_name(where, how, agreed, false);
  if (!owned) return owned.error();
  owned->self.say_origin(meter::object_origin::made);
  auto listener = listen_at(where, how);
  if (!listener) return listener.error().at(place(where.text(), listener.error().detail())).during("open");
  return receiver_behind(std::make_unique<unix_door>(std::move(*listener)), std::move(owned->self), where, how, agreed,
                         *chosen);
}

result<std::unique_ptr<sending_end>> open_unix_sender(const url& where, const options& how, const terms& agreed) {
  auto chosen = plan_connections(where, how, agreed, os::stream_kind::unix_socket,
                                 where.scheme() == scheme::unix_seqpacket, unix_features);
  if (!chosen) return chosen.error();
  return sender_over(unix_connector(where, agreed), where, how, agreed, *chosen);
}

result<ends> open_unix_pair(const url& where, const options& how, const terms& agreed) {
  auto chosen = plan_connections(where, how, agreed, os::stream_kind::unix_socket,
                                 where.scheme() == scheme::unix_seqpacket, unix_features);
  if (!chosen) return chosen.error();
  auto pair = os::unix_socket::pair(socket_kind_of(where));
  if (!pair) return pair.error().at(place(where.text())).during("open");
  return pair_over(std::move(pair->first).release(), std::move(pair->second).release(), where, how, agreed, *chosen);
}

}  // namespace transom::transport
