// transom/base/url.hpp - the names of channels, parsed strictly: what is not understood is refused, never guessed.
//
//     url     = scheme ":" address [ "?" key "=" value *( "&" key "=" value ) ]
//     address = ""                       anonymous: unix: unix+stream: pipe: inproc: memfd:
//             | "//" name                1..200 of A-Z a-z 0-9 . _ - (not starting with ".")
//             | "//" "/" path            absolute
//             | "//" host ":" port [ "/" subject ]
//             | digits | NAME            fd: env:
//
// Case matters. %xx is decoded in paths and values only.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "transom/base/error.hpp"

namespace transom {

/// The mechanism a URL names. The order is that of the documentation.
enum class scheme : std::uint8_t {
  inproc,
  pipe,
  fifo,
  unix_seqpacket,
  unix_stream,
  unix_datagram,
  posix_mq,
  sysv_mq,
  shm,
  posix_shm,
  sysv_shm,
  memfd,
  file,
  tcp,
  udp,
  fd,
  env,
  nats,
  jetstream
};

/// "unix+stream" for scheme::unix_stream.
std::string_view name_of(scheme s) noexcept;

/// A parsed URL. Immutable but for its port; copying copies strings.
class url {
 public:
  /// Fails with bad_url; detail() says what is wrong and where, and names what is known instead.
  static result<url> parse(std::string_view text);

  const std::string& text() const noexcept { return text_; }  ///< as a peer needs it
  transom::scheme scheme() const noexcept { return scheme_; }
  std::string_view scheme_name() const noexcept { return name_of(scheme_); }
  bool anonymous() const noexcept { return anonymous_; }
  /// The name, the decoded absolute path, the host, or the variable's name, whichever the scheme has.
  const std::string& address() const noexcept { return address_; }
  std::uint16_t port() const noexcept { return port_; }
  const std::string& subject() const noexcept { return subject_; }
  int number() const noexcept { return number_; }  ///< fd:N
  /// The decoded value of a key, if it was given.
  std::optional<std::string_view> value(std::string_view key) const noexcept;
  const std::vector<std::pair<std::string, std::string>>& values() const noexcept { return values_; }
  /// Scheme and address without keys: what makes two URLs lead to the same object. System V keeps its id.
  std::string identity() const;
  /// The same URL with another port: what a listener on port 0 became.
  url with_port(std::uint16_t port) const;

 private:
  url() = default;
  friend class url_parser;
  std::string text_, address_, subject_;
  std::vector<std::pair<std::string, std::string>> values_;
  transom::scheme scheme_ = scheme::inproc;
  bool anonymous_ = false;
  std::uint16_t port_ = 0;
  int number_ = -1;
};

}  // namespace transom
