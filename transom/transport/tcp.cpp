// transom/transport/tcp.cpp - tcp:, the mechanism that crosses hosts.
#include <algorithm>
#include <chrono>
#include <optional>
#include <string>

#include "transom/os/tcp_socket.hpp"
#include "transom/transport/connection_plan.hpp"
#include "transom/transport/naming.hpp"

namespace transom::transport {
namespace {

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

}  // namespace

result<std::unique_ptr<receiving_end>> open_tcp_receiver(const url& where, const options& how, const terms& agreed) {
  auto chosen = plan_connections(where, how, agreed, os::stream_kind::inet_socket, false, tcp_features);
  if (!chosen) return chosen.error();
  auto settings = tcp_settings_of(where);
  if (!settings) return settings.error();
  auto listener = os::tcp_listener::listen(where.address(), where.port(), {.backlog = 4096});
  if (!listener) return listener.error().at(place(where.text(), listener.error().detail())).during("open");
  const url real = where.with_port(listener->local().port());
  auto owned = own_name(real, how, agreed, false);
  if (!owned) return owned.error();
  return receiver_behind(std::make_unique<tcp_door>(std::move(*listener), settings->keepalive), std::move(owned->self),
                         real, how, agreed, *chosen);
}

result<std::unique_ptr<sending_end>> open_tcp_sender(const url& where, const options& how, const terms& agreed) {
  auto chosen = plan_connections(where, how, agreed, os::stream_kind::inet_socket, false, tcp_features);
  if (!chosen) return chosen.error();
  auto settings = tcp_settings_of(where);
  if (!settings) return settings.error();
  if (where.port() == 0)
    return error(errc::bad_url, "open", place(where.text(), "a sender needs the real port, not 0"));
  return sender_over(tcp_connector(where, agreed, *settings), where, how, agreed, *chosen);
}

}  // namespace transom::transport
