// transom/os/unix_socket.hpp - sockets between processes of one machine, named by a path, an abstract name or
// nothing at all.
//
// Permissions: who may write to the socket's file may connect. The file is never more open than `mode`, not even
// for a moment and whatever the umask: the socket's inode gets the mode before bind(2) copies it to the file.
// An abstract name has no permissions: whoever comes first owns it, so ask for the peer's credentials.
//
// Paths: sun_path has 108 bytes. A longer path is reached through its directory (/proc/self/fd/N/name) and refused
// with filename_too_long where even that does not fit; it is never cut.
//
// Death: the file of a killed listener stays, and connecting to it is connection_refused; who listens next must
// remove it. Abstract names vanish with their socket.
#pragma once
#include <cstdint>
#include <string>
#include <utility>

#include "transom/os/process.hpp"
#include "transom/os/socket.hpp"

namespace transom::os {

/// The name of a Unix socket. A plain value.
class unix_address {
 public:
  /// A file; relative paths are allowed, and mean what they mean when they are used.
  static unix_address path(std::string path) { return {std::move(path), false}; }
  /// A name of at most 107 bytes in the network namespace's own space, without permissions.
  static unix_address abstract(std::string name) { return {std::move(name), true}; }

  bool is_abstract() const noexcept { return abstract_; }
  const std::string& name() const noexcept { return name_; }
  std::string text() const { return (abstract_ ? "unix:@" : "unix:") + name_; }
  friend bool operator==(const unix_address&, const unix_address&) = default;

 private:
  unix_address(std::string name, bool is_abstract) : name_(std::move(name)), abstract_(is_abstract) {}
  std::string name_;
  bool abstract_;
};

/// Who a process is to the kernel. `pid` is 0 for a process of a pid namespace that we cannot see.
struct credentials {
  int pid = 0;
  unsigned uid = 0;
  unsigned gid = 0;
  friend bool operator==(const credentials&, const credentials&) = default;
};

/// The file a socket was bound to: removed by the destructor, if it is still that file and this is still the process
/// that made it. (Somebody may replace it between the look and the removal: only in a directory they may write.)
class bound_file {
 public:
  bound_file() noexcept = default;
  bound_file(std::string path, std::uint64_t device, std::uint64_t inode);
  bound_file(bound_file&& other) noexcept { *this = std::move(other); }
  bound_file& operator=(bound_file&& other) noexcept;
  ~bound_file() { remove(); }
  /// Removes the file now.
  void remove() noexcept;
  /// Leaves the file where it is.
  void keep() noexcept { inode_ = 0; }

 private:
  std::string path_;
  std::uint64_t device_ = 0, inode_ = 0;  // inode 0: nothing to remove
  int maker_ = 0;
};

/// One end of a connection, or a datagram socket. Thread safety: as socket.
class unix_socket : public socket {
 public:
  /// Two sockets connected with each other. Fails with EMFILE, ENFILE. socketpair(2).
  static result<std::pair<unix_socket, unix_socket>> pair(socket_kind kind);
  /// Connects to whoever listens at `address`. connection_refused (nobody listens) and no_such_file_or_directory are
  /// returned at once; while the listener's backlog is full the call waits as long as `how` allows. unix(7).
  static result<unix_socket> connect(const unix_address& address, socket_kind kind, const patience& how = {});
  /// A datagram socket with a name, not connected. Fails with address_in_use when the name is taken, dead or alive.
  /// `mode`: permissions of the file.
  static result<unix_socket> bind(const unix_address& address, unsigned mode = 0600);
  /// Takes over any Unix socket and makes it close-on-exec. Fails with unsupported if it is something else.
  static result<unix_socket> adopt(transom::fd owned);

  /// Datagram sockets: from now on send() goes to `address`, and only from there is received. connect(2).
  result<void> connect_to(const unix_address& address) const;
  /// `address` as send_to() wants it. Fails with filename_too_long above 107 bytes: there connect_to() helps.
  static result<socket_address> destination(const unix_address& address);

  /// Who was on the other side when it connected, listened or made the pair; it may have passed the socket on
  /// since. Fails with not_connected. SO_PEERCRED.
  result<credentials> peer_credentials() const;
  /// That process, alive or ended. Fails with no_peer once it is gone and forgotten. Before Linux 6.5 the pid is
  /// looked up, which can hit a successor of the same number. SO_PEERPIDFD.
  result<process> peer_process() const;
  /// Whether each message carries its sender's credentials (fd_passing.hpp). Set before the first arrives.
  /// SO_PASSCRED.
  result<void> pass_credentials(bool on) const;

 private:
  friend class unix_listener;
  unix_socket(transom::fd owned, socket_kind kind, place where, bound_file file = {}) noexcept
      : socket(std::move(owned), kind, std::move(where)), file_(std::move(file)) {}
  bound_file file_;
};

/// Waits for connections, stream or seqpacket. Thread safety: accept from any number of threads.
class unix_listener {
 public:
  struct options {
    int backlog = 128;        ///< connections that may wait; cut at net.core.somaxconn
    unsigned mode = 0600;     ///< permissions of the file
    bool remove_file = true;  ///< by the destructor
  };
  /// Fails with address_in_use when the name is taken, dead or alive. bind(2), listen(2).
  static result<unix_listener> listen(const unix_address& address, socket_kind kind, options how);
  static result<unix_listener> listen(const unix_address& address, socket_kind kind) {
    return listen(address, kind, options{});
  }

  /// The next connection. Fails with too_many_files_open (the connection keeps waiting). accept(2).
  result<unix_socket> accept(const patience& how = {}) const;
  /// The same without waiting: would_block when nobody waits.
  result<unix_socket> try_accept() const;

  /// Removes the file now, so that nobody new finds it; who waits already is still accepted.
  void remove_file() noexcept { file_.remove(); }

  int fd() const noexcept { return fd_.get(); }  ///< readable when somebody waits
  const unix_address& address() const noexcept { return address_; }
  socket_kind kind() const noexcept { return kind_; }

 private:
  unix_listener(transom::fd owned, socket_kind kind, unix_address address, bound_file file)
      : fd_(std::move(owned)),
        kind_(kind),
        where_(address.text()),
        address_(std::move(address)),
        file_(std::move(file)) {}
  transom::fd fd_;
  socket_kind kind_;
  place where_;
  unix_address address_;
  bound_file file_;
};

/// Removes a socket file that belongs to this user and at which nobody listens, as the caller has found out. False,
/// and nothing is done, if it is anything else.
bool remove_dead_socket(const std::string& path) noexcept;

}  // namespace transom::os
