// transom/os/tcp_socket.hpp - byte streams between machines. Not encrypted, not authenticated.
//
// Death: a killed process is seen at once (the end, or connection_reset); a machine that vanished only by
// keepalive(), or by what was sent and never acknowledged (about 15 minutes: net.ipv4.tcp_retries2).
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "transom/os/socket.hpp"

namespace transom::os {

/// One end of a connection, made with nodelay. Thread safety: as socket.
class tcp_socket : public socket {
 public:
  /// Connects to the first address of `host` (a number, "[v6]" or a name) that answers, trying them in turn as long
  /// as `how` allows; names are looked up first, and that no deadline can end. Fails with what the last address
  /// said; the detail has the others. try: would_block unless the connection stands at once. tcp(7).
  static result<tcp_socket> connect(std::string_view host, std::uint16_t port, const patience& how = {});
  /// Takes over a TCP socket and makes it close-on-exec. Fails with unsupported if it is something else.
  static result<tcp_socket> adopt(transom::fd owned);

  /// Whether small pieces go at once rather than wait for the last one's acknowledgement: on unless changed.
  result<void> set_nodelay(bool on) const;
  struct keepalive {
    int idle_s = 10;     ///< seconds of silence before the first question
    int interval_s = 1;  ///< seconds between questions
    int count = 5;       ///< questions without an answer after which the connection is timed_out (ETIMEDOUT)
  };
  /// Asks a silent peer whether it is there.
  result<void> set_keepalive(keepalive how) const;

 private:
  friend class tcp_listener;
  tcp_socket(transom::fd owned, place where) noexcept
      : socket(std::move(owned), socket_kind::stream, std::move(where)) {}
};

/// Waits for connections. Thread safety: accept from any number of threads.
class tcp_listener {
 public:
  struct options {
    int backlog = 128;          ///< connections that may wait; cut at net.core.somaxconn
    bool reuse_address = true;  ///< listen although connections of a predecessor linger in TIME_WAIT
    bool v6_only = false;       ///< "*" and "[::]" without v4
  };
  /// Listens at the first address of `host` that can be had; "*": all addresses, v6 and v4. Port 0: a free one, which
  /// local() tells. Fails with address_in_use, permission_denied (ports below net.ipv4.ip_unprivileged_port_start).
  static result<tcp_listener> listen(std::string_view host, std::uint16_t port, options how);
  static result<tcp_listener> listen(std::string_view host, std::uint16_t port) {
    return listen(host, port, options{});
  }

  /// The next connection, with nodelay. Fails with too_many_files_open (the connection keeps waiting). accept(2).
  result<tcp_socket> accept(const patience& how = {}) const;
  /// The same without waiting: would_block when nobody waits.
  result<tcp_socket> try_accept() const;

  int fd() const noexcept { return fd_.get(); }  ///< readable when somebody waits
  const place& where() const noexcept { return where_; }
  /// Where it listens, with the real port.
  const socket_address& local() const noexcept { return local_; }

 private:
  tcp_listener(transom::fd owned, const socket_address& local)
      : fd_(std::move(owned)), local_(local), where_("tcp://" + local.text()) {}
  transom::fd fd_;
  socket_address local_;
  place where_;
};

}  // namespace transom::os
