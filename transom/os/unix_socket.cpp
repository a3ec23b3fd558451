// transom/os/unix_socket.cpp - names that fit, names that do not, and a file with the right permissions from birth.
#include "transom/os/unix_socket.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <string_view>

#include "transom/os/poll.hpp"
#include "transom/os/socket_calls.hpp"
#include "transom/os/syscall.hpp"

namespace transom::os {
namespace {

constexpr std::size_t longest = sizeof(sockaddr_un::sun_path) - 1;  // without the zero that ends a path
constexpr int so_peerpidfd = 77;                                    // Linux 6.5; Debian 12's headers lack it

error too_long(const place& where, const char* reason) {
  return error::system(ENAMETOOLONG, "sun_path", where).with_detail(reason);
}

socket_address native(std::string_view name, bool is_abstract) noexcept {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path + (is_abstract ? 1 : 0), name.data(), name.size());
  return {&address, offsetof(sockaddr_un, sun_path) + name.size() + 1};
}

// A name the kernel takes, and the directory that must stay open while it is used.
struct reachable {
  socket_address address;
  transom::fd directory;
};

result<reachable> reach(const unix_address& name, const place& where) {
  if (name.name().empty()) return error::system(EINVAL, "sun_path", where).with_detail("the name is empty");
  if (!name.is_abstract() && name.name().find('\0') != std::string::npos) {
    return error::system(EINVAL, "sun_path", where).with_detail("a path cannot contain a zero byte");
  }
  if (name.name().size() <= longest) return reachable{native(name.name(), name.is_abstract()), {}};
  if (name.is_abstract()) return too_long(where, "an abstract name has at most 107 bytes");

  const std::size_t slash = name.name().rfind('/');
  if (slash == std::string::npos) return too_long(where, "a file name has at most 107 bytes");
  const std::string directory = name.name().substr(0, slash + 1);
  auto opened = checked(
      "open", [&] { return place(directory); },
      [&] { return ::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC); });
  if (!opened) return naming_the_limit(opened.error());
  transom::fd owner(*opened);
  const std::string detour = "/proc/self/fd/" + std::to_string(owner.get()) + name.name().substr(slash);
  if (detour.size() > longest) return too_long(where, "the last component does not fit even through its directory");
  return reachable{native(detour, false), std::move(owner)};
}

// The umask may have taken bits away from the mode; give them back to the very file we made, and remember it.
result<bound_file> finish_file(const unix_address& name, unsigned mode, const place& where) {
  auto opened = checked(
      "open", [&] { return where; }, [&] { return ::open(name.name().c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC); });
  if (!opened) return naming_the_limit(opened.error());
  const transom::fd file(*opened);
  struct stat about{};
  auto known = done("fstat", [&] { return where; }, [&] { return ::fstat(file.get(), &about); });
  if (!known) return known.error();
  if (!S_ISSOCK(about.st_mode)) {
    return error::system(ENOTSOCK, "bind", where).with_detail("the file was replaced behind our back");
  }
  bound_file mine(name.name(), about.st_dev, about.st_ino);
  if ((about.st_mode & 07777) != mode) {
    const std::string path = "/proc/self/fd/" + std::to_string(file.get());
    auto changed = done("chmod", [&] { return where; }, [&] { return ::chmod(path.c_str(), mode); });
    if (!changed) return changed.error();
  }
  return mine;
}

struct bound_socket {
  transom::fd socket;
  bound_file file;
};

result<bound_socket> bind_name(const unix_address& name, socket_kind kind, unsigned mode, const place& where) {
  auto made = open_socket(AF_UNIX, kind, where);
  if (!made) return made.error();
  auto name_of_kernel = reach(name, where);
  if (!name_of_kernel) return name_of_kernel.error();
  // bind(2) creates the file with the mode of the socket's own inode, less the umask: never more than `mode`.
  auto guarded = done("fchmod", [&] { return where; }, [&] { return ::fchmod(made->get(), mode); });
  if (!guarded) return guarded.error();
  if (auto bound = bind_socket(made->get(), name_of_kernel->address, where); !bound) return bound.error();
  if (name.is_abstract()) return bound_socket{std::move(*made), {}};
  auto file = finish_file(name, mode, where);
  if (!file) return file.error();
  return bound_socket{std::move(*made), std::move(*file)};
}

result<void> connect_once(int socket, const socket_address& to, const place& where) {
  return done(
      "connect", [&] { return where; },
      [&] { return ::connect(socket, static_cast<const sockaddr*>(to.data()), static_cast<socklen_t>(to.size())); });
}

result<void> set_blocking(int socket, bool on, const place& where) {
  auto flags = checked("fcntl(F_GETFL)", [&] { return where; }, [&] { return ::fcntl(socket, F_GETFL); });
  if (!flags) return flags.error();
  const int wanted = on ? *flags & ~O_NONBLOCK : *flags | O_NONBLOCK;
  return done("fcntl(F_SETFL)", [&] { return where; }, [&] { return ::fcntl(socket, F_SETFL, wanted); });
}

result<void> set_send_timeout(int socket, deadline::duration at_most, const place& where) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(at_most).count();
  const timeval timeout{.tv_sec = us / 1'000'000, .tv_usec = us % 1'000'000};
  return done(
      "setsockopt(SO_SNDTIMEO)", [&] { return where; },
      [&] { return ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout); });
}

// A full backlog is EAGAIN, and poll(2) does not tell when it has room. A blocking connect does: it sleeps until
// then, for at most SO_SNDTIMEO. So the socket, which nobody else has yet, blocks for slices of time.
result<void> wait_for_backlog(int socket, const socket_address& to, const patience& how, const place& where) {
  using namespace std::chrono_literals;
  if (auto blocking = set_blocking(socket, true, where); !blocking) return blocking;
  for (;;) {
    if (how.stop.stop_requested()) return error(errc::canceled, "connect", where);
    if (how.until.expired()) return error(errc::timed_out, "connect", where).with_detail("the backlog is full");
    const deadline::duration slice = how.stop.stop_possible() ? 20ms : 1h;
    const auto at_most = std::clamp<deadline::duration>(how.until.left(), 1us, slice);
    if (auto limited = set_send_timeout(socket, at_most, where); !limited) return limited;
    auto connected = connect_once(socket, to, where);
    if (connected) break;
    if (connected.error() != std::errc::resource_unavailable_try_again) return connected;
  }
  if (auto unlimited = set_send_timeout(socket, 0ns, where); !unlimited) return unlimited;
  return set_blocking(socket, false, where);
}

}  // namespace

bound_file::bound_file(std::string path, std::uint64_t device, std::uint64_t inode)
    : path_(std::move(path)), device_(device), inode_(inode), maker_(::getpid()) {}

bound_file& bound_file::operator=(bound_file&& other) noexcept {
  if (this == &other) return *this;
  remove();
  path_ = std::move(other.path_);
  device_ = other.device_;
  inode_ = std::exchange(other.inode_, 0);
  maker_ = other.maker_;
  return *this;
}

void bound_file::remove() noexcept {
  const std::uint64_t inode = std::exchange(inode_, 0);
  if (inode == 0 || maker_ != ::getpid()) return;
  struct stat about{};
  if (::lstat(path_.c_str(), &about) == 0 && about.st_dev == device_ && about.st_ino == inode) ::unlink(path_.c_str());
}

result<std::pair<unix_socket, unix_socket>> unix_socket::pair(socket_kind kind) {
  const place where("unix:");
  int ends[2] = {-1, -1};
  auto made = done(
      "socketpair", [&] { return where; },
      [&] { return ::socketpair(AF_UNIX, native_kind(kind) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends); });
  if (!made) return naming_the_limit(made.error());
  return std::pair(unix_socket(transom::fd(ends[0]), kind, where), unix_socket(transom::fd(ends[1]), kind, where));
}

result<unix_socket> unix_socket::connect(const unix_address& address, socket_kind kind, const patience& how) {
  const place where(address.text());
  if (how.stop.stop_requested()) return error(errc::canceled, "connect", where);
  auto made = open_socket(AF_UNIX, kind, where);
  if (!made) return made.error();
  auto name = reach(address, where);
  if (!name) return name.error();
  auto connected = connect_once(made->get(), name->address, where);
  if (!connected && connected.error() == std::errc::resource_unavailable_try_again) {
    if (how.nonblocking) return error(errc::would_block, "connect", where).with_detail("the backlog is full");
    connected = wait_for_backlog(made->get(), name->address, how, where);
  }
  if (!connected) return connected.error();
  return unix_socket(std::move(*made), kind, where);
}

result<unix_socket> unix_socket::bind(const unix_address& address, unsigned mode) {
  const place where(address.text());
  auto bound = bind_name(address, socket_kind::datagram, mode, where);
  if (!bound) return bound.error();
  return unix_socket(std::move(bound->socket), socket_kind::datagram, where, std::move(bound->file));
}

result<unix_socket> unix_socket::adopt(transom::fd owned) {
  place where = fd_place(owned.get());
  auto kind = adopt_socket(owned, AF_UNIX, AF_UNIX, where);
  if (!kind) return kind.error();
  return unix_socket(std::move(owned), *kind, std::move(where));
}

result<void> unix_socket::connect_to(const unix_address& address) const {
  const place where(address.text());
  auto name = reach(address, where);
  if (!name) return name.error();
  return connect_once(fd_.get(), name->address, where);
}

result<socket_address> unix_socket::destination(const unix_address& address) {
  if (address.name().empty() || address.name().size() > longest) {
    return too_long(place(address.text()), "a destination has 1 to 107 bytes; connect_to() reaches longer paths");
  }
  return native(address.name(), address.is_abstract());
}

result<credentials> unix_socket::peer_credentials() const {
  ucred peer{};
  socklen_t size = sizeof peer;
  auto asked = done(
      "getsockopt(SO_PEERCRED)", [&] { return where_; },
      [&] { return ::getsockopt(fd_.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size); });
  if (!asked) return asked.error();
  if (peer.uid == static_cast<uid_t>(-1)) return error::system(ENOTCONN, "getsockopt(SO_PEERCRED)", where_);
  return credentials{.pid = peer.pid, .uid = peer.uid, .gid = peer.gid};
}

result<process> unix_socket::peer_process() const {
  auto peer = peer_credentials();
  if (!peer) return peer.error();
  auto handle = get_option(fd_.get(), SOL_SOCKET, so_peerpidfd, "getsockopt(SO_PEERPIDFD)", where_);
  if (handle) return process(transom::fd(*handle), peer->pid);
  const error& reason = handle.error();
  if (reason == std::errc::no_such_process || reason == std::errc::invalid_argument) {
    return error(errc::no_peer, "getsockopt(SO_PEERPIDFD)", where_).with_peer(peer->pid);
  }
  if (reason != std::errc::no_protocol_option) return naming_the_limit(reason);
  if (peer->pid == 0) return error(errc::no_peer, "pidfd_open", where_).with_detail("it is in another pid namespace");
  return process::open(peer->pid);
}

result<void> unix_socket::pass_credentials(bool on) const {
  return set_option(fd_.get(), SOL_SOCKET, SO_PASSCRED, on ? 1 : 0, "setsockopt(SO_PASSCRED)", where_);
}

result<unix_listener> unix_listener::listen(const unix_address& address, socket_kind kind, options how) {
  const place where(address.text());
  auto bound = bind_name(address, kind, how.mode, where);
  if (!bound) return bound.error();
  // Nobody can connect before this line: until now the file answers connection_refused.
  auto listening = done("listen", [&] { return where; }, [&] { return ::listen(bound->socket.get(), how.backlog); });
  if (!listening) return listening.error();
  if (!how.remove_file) bound->file.keep();
  return unix_listener(std::move(bound->socket), kind, address, std::move(bound->file));
}

result<unix_socket> unix_listener::accept(const patience& how) const {
  auto accepted = accept_socket(fd_.get(), how, where_);
  if (!accepted) return accepted.error();
  return unix_socket(std::move(*accepted), kind_, where_);
}

result<unix_socket> unix_listener::try_accept() const {
  auto accepted = try_accept_socket(fd_.get(), where_);
  if (!accepted) return accepted.error();
  return unix_socket(std::move(*accepted), kind_, where_);
}

bool remove_dead_socket(const std::string& path) noexcept {
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0 || !S_ISSOCK(info.st_mode) || info.st_uid != ::geteuid()) return false;
  return ::unlink(path.c_str()) == 0;
}

}  // namespace transom::os
