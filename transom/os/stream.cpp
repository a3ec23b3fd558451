// transom/os/stream.cpp - see stream.hpp.
#include "transom/os/stream.hpp"

#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "transom/os/syscall.hpp"

namespace transom::os {
namespace {

static_assert(sizeof(space) == sizeof(iovec) && offsetof(space, size) == offsetof(iovec, iov_len));
constexpr std::size_t page = 4096;

bool ready(int number, short want) noexcept {
  pollfd item{.fd = number, .events = want, .revents = 0};
  return retried([&] { return ::poll(&item, 1, 0); }) == 1;
}

// Takes the descriptors out of a received message's control data.
void collect(msghdr& message, received_descriptors& out) noexcept {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int number = -1;
      std::memcpy(&number, CMSG_DATA(part) + i * sizeof(int), sizeof number);
      if (out.count < out.list.size()) out.list[out.count++].reset(number);
      else fd(number).reset();
    }
  }
}

result<std::size_t> receive(int from, std::span<const space> into, const place& where,
                            received_descriptors* descriptors, int flags = MSG_DONTWAIT) {
  if (into.size() == 1 && descriptors == nullptr) {
    auto n = attempted("recv", [&] { return where; }, [&] { return ::recv(from, into[0].data, into[0].size, flags); });
    if (!n) return n.error();
    return static_cast<std::size_t>(*n);
  }
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(16 * sizeof(int))> control;
  msghdr message{};
  message.msg_iov = reinterpret_cast<iovec*>(const_cast<space*>(into.data()));
  message.msg_iovlen = into.size();
  if (descriptors != nullptr) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
  }
  auto n =
      attempted("recvmsg", [&] { return where; }, [&] { return ::recvmsg(from, &message, flags | MSG_CMSG_CLOEXEC); });
  if (!n) return n.error();
  if (descriptors != nullptr && message.msg_controllen != 0) {
    collect(message, *descriptors);
    if ((message.msg_flags & MSG_CTRUNC) != 0) {
      *descriptors = {};
      return error::system(EMFILE, "recvmsg",
                           place(where.url(), "descriptors sent with a message could not be received"));
    }
  }
  return static_cast<std::size_t>(*n);
}

result<std::size_t> transmit(int to, std::span<const buffer> from, const place& where,
                             std::span<const int> descriptors) {
  if (from.size() == 1 && descriptors.empty()) {
    auto n = attempted(
        "send", [&] { return where; },
        [&] { return ::send(to, from[0].data, from[0].size, MSG_DONTWAIT | MSG_NOSIGNAL); });
    if (!n) return n.error();
    return static_cast<std::size_t>(*n);
  }
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(16 * sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = reinterpret_cast<iovec*>(const_cast<buffer*>(from.data()));
  message.msg_iovlen = from.size();
  if (!descriptors.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* part = CMSG_FIRSTHDR(&message);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(part), descriptors.data(), descriptors.size_bytes());
  }
  auto n =
      attempted("sendmsg", [&] { return where; }, [&] { return ::sendmsg(to, &message, MSG_DONTWAIT | MSG_NOSIGNAL); });
  if (!n) return n.error();
  return static_cast<std::size_t>(*n);
}

int socket_number(int number, int option) noexcept {
  int value = 0;
  socklen_t size = sizeof value;
  return ::getsockopt(number, SOL_SOCKET, option, &value, &size) == 0 ? value : 0;
}

}  // namespace

result<std::size_t> try_read_stream(int from, stream_kind kind, std::span<const space> into, const place& where,
                                    received_descriptors* descriptors) {
  if (kind == stream_kind::unix_socket || kind == stream_kind::inet_socket)
    return receive(from, into, where, descriptors);
  if (kind == stream_kind::foreign && !ready(from, POLLIN)) return error(errc::would_block, "read", where);
  auto n = attempted(
      "read", [&] { return where; },
      [&] {
        return into.size() == 1
                   ? ::read(from, into[0].data, into[0].size)
                   : ::readv(from, reinterpret_cast<const iovec*>(into.data()), static_cast<int>(into.size()));
      });
  if (!n) return n.error();
  return static_cast<std::size_t>(*n);
}

result<std::size_t> read_stream(int from, std::span<const space> into, const place& where,
                                received_descriptors* descriptors) {
  return receive(from, into, where, descriptors, 0);
}

bool let_block(int number, stream_kind kind) noexcept {
  if (kind != stream_kind::unix_socket && kind != stream_kind::inet_socket) return false;
  const int flags = ::fcntl(number, F_GETFL);
  return flags != -1 && ::fcntl(number, F_SETFL, flags & ~O_NONBLOCK) == 0;
}

void end_reading(int number) noexcept { ::shutdown(number, SHUT_RD); }

result<std::size_t> try_write_stream(int to, stream_kind kind, std::span<const buffer> from, const place& where,
                                     std::span<const int> descriptors) {
  if (kind == stream_kind::unix_socket || kind == stream_kind::inet_socket)
    return transmit(to, from, where, descriptors);
  if (kind == stream_kind::pipe) return try_write_pipe(to, from, where);
  if (!ready(to, POLLOUT)) return error(errc::would_block, "write", where);
  // One free slot is all that readiness promises; it takes atomic_size bytes without blocking.
  std::size_t room = atomic_size;
  std::array<buffer, 4> little;
  std::size_t used = 0;
  for (const buffer& b : from) {
    if (room == 0 || used == little.size()) break;
    little[used] = {b.data, std::min(b.size, room)};
    room -= little[used++].size;
  }
  return try_write_pipe(to, {little.data(), used}, where);
}

result<std::size_t> try_write_packets(int to, std::span<const std::span<const buffer>> packets, const place& where) {
  std::array<mmsghdr, 64> headers;
  const std::size_t count = std::min(packets.size(), headers.size());
  for (std::size_t i = 0; i < count; ++i) {
    headers[i] = {};
    headers[i].msg_hdr.msg_iov = reinterpret_cast<iovec*>(const_cast<buffer*>(packets[i].data()));
    headers[i].msg_hdr.msg_iovlen = packets[i].size();
  }
  auto n = attempted(
      "sendmmsg", [&] { return where; },
      [&] { return ::sendmmsg(to, headers.data(), static_cast<unsigned>(count), MSG_DONTWAIT | MSG_NOSIGNAL); });
  if (!n) return n.error();
  return static_cast<std::size_t>(*n);
}

// What the kernel counts against a buffer is not our bytes. A pipe counts slots of one page, of which two
// neighbours hold more than a page together, as small writes merge; a socket counts its packet buffers whole.
result<bool> stream_has_room(int to, stream_kind kind, std::size_t size, const place& where) {
  int used = 0;
  if (kind == stream_kind::pipe) {
    if (size <= atomic_size) return ready(to, POLLOUT);
    auto counted = done("ioctl(FIONREAD)", [&] { return where; }, [&] { return ::ioctl(to, FIONREAD, &used); });
    if (!counted) return counted.error();
    const int capacity = retried([&] { return ::fcntl(to, F_GETPIPE_SZ); });
    const auto taken = used == 0 ? 0 : 2 * static_cast<std::size_t>(used) + 2 * page;
    return taken + size + page <= static_cast<std::size_t>(std::max(capacity, 0)) + (used == 0 ? page : 0);
  }
  if (kind == stream_kind::foreign) return ready(to, POLLOUT);
  auto counted = done("ioctl(SIOCOUTQ)", [&] { return where; }, [&] { return ::ioctl(to, SIOCOUTQ, &used); });
  if (!counted) return counted.error();
  const auto limit = static_cast<std::size_t>(socket_number(to, SO_SNDBUF));
  if (kind == stream_kind::unix_socket) return static_cast<std::size_t>(used) + size + size / 4 + 2 * page <= limit;
  return 2 * (static_cast<std::size_t>(used) + size) + page <= limit;
}

result<std::size_t> stream_buffer_size(int to, stream_kind kind, const place& where) {
  if (kind == stream_kind::pipe) {
    auto capacity = checked("fcntl(F_GETPIPE_SZ)", [&] { return where; }, [&] { return ::fcntl(to, F_GETPIPE_SZ); });
    if (!capacity) return capacity.error();
    return static_cast<std::size_t>(*capacity);
  }
  if (kind == stream_kind::foreign) return atomic_size;
  const auto limit = static_cast<std::size_t>(socket_number(to, SO_SNDBUF));
  if (limit < 4 * page) return atomic_size;
  return kind == stream_kind::unix_socket ? (limit - 2 * page) / 5 * 4 : (limit - page) / 2;
}

void enlarge_stream_buffer(int of, stream_kind kind, std::size_t size) noexcept {
  if (kind == stream_kind::pipe) {
    const std::size_t wanted = std::min<std::size_t>(size + 2 * page, std::size_t{1} << 20);
    const int now = ::fcntl(of, F_GETPIPE_SZ);
    if (now >= 0 && static_cast<std::size_t>(now) < wanted) ::fcntl(of, F_SETPIPE_SZ, static_cast<int>(wanted));
  } else if (kind == stream_kind::unix_socket) {
    const int wanted = static_cast<int>(std::min<std::size_t>(size + size / 4 + 4 * page, std::size_t{1} << 30) / 2);
    if (socket_number(of, SO_SNDBUF) / 2 < wanted) ::setsockopt(of, SOL_SOCKET, SO_SNDBUF, &wanted, sizeof wanted);
  }
}

void make_room_for_a_last_word(int to, stream_kind kind) noexcept {
  if (kind == stream_kind::pipe) {
    const int now = ::fcntl(to, F_GETPIPE_SZ);
    if (now > 0) ::fcntl(to, F_SETPIPE_SZ, 2 * now);
  } else if (kind == stream_kind::unix_socket || kind == stream_kind::inet_socket) {
    int used = 0;
    if (::ioctl(to, SIOCOUTQ, &used) != 0) return;
    const int wanted = used / 2 + static_cast<int>(4 * page);  // the kernel doubles it
    if (2 * wanted > socket_number(to, SO_SNDBUF)) ::setsockopt(to, SOL_SOCKET, SO_SNDBUF, &wanted, sizeof wanted);
  }
}

result<stream_kind> kind_of_stream(int number, const place& where) {
  struct stat info{};
  auto known = done("fstat", [&] { return where; }, [&] { return ::fstat(number, &info); });
  if (!known) return known.error();
  if (S_ISSOCK(info.st_mode)) {
    int domain = 0;
    socklen_t size = sizeof domain;
    ::getsockopt(number, SOL_SOCKET, SO_DOMAIN, &domain, &size);
    return domain == AF_UNIX ? stream_kind::unix_socket : stream_kind::inet_socket;
  }
  if (S_ISFIFO(info.st_mode) || S_ISREG(info.st_mode) || S_ISCHR(info.st_mode)) return stream_kind::foreign;
  return error(errc::unsupported, "open",
               place(where.url(), "bytes flow through pipes, sockets, terminals and files only"));
}

bool keeps_boundaries(int number) noexcept {
  const int type = socket_number(number, SO_TYPE);
  return type == SOCK_SEQPACKET || type == SOCK_DGRAM;
}

void finish_writing(int to, stream_kind kind) noexcept {
  if (kind == stream_kind::unix_socket || kind == stream_kind::inet_socket) ::shutdown(to, SHUT_WR);
}

}  // namespace transom::os
