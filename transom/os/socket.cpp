// transom/os/socket.cpp - sending and receiving, one message or a batch, without SIGPIPE and without blocking.
#include "transom/os/socket.hpp"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <linux/sockios.h>

#include <algorithm>
#include <array>
#include <climits>

#include "transom/base/ensure.hpp"
#include "transom/os/pacing.hpp"
#include "transom/os/poll.hpp"
#include "transom/os/socket_calls.hpp"
#include "transom/os/syscall.hpp"

namespace transom::os {

static_assert(sizeof(mutable_buffer) == sizeof(iovec) && offsetof(mutable_buffer, size) == offsetof(iovec, iov_len));

namespace {

constexpr std::size_t batch = 64;  // messages per system call: 4 KiB of headers and 8 KiB of addresses on the stack

template <typename Buffer>
msghdr header(std::span<const Buffer> parts, socket_kind kind) {
  // A stream may take less than all; a message with more parts than the kernel takes at once is a mistake.
  detail::ensure(parts.size() <= IOV_MAX || kind == socket_kind::stream, "a message has at most 1024 parts");
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(reinterpret_cast<const iovec*>(parts.data()));
  message.msg_iovlen = std::min<std::size_t>(parts.size(), IOV_MAX);
  return message;
}

void address_to(msghdr& message, const socket_address& to) noexcept {
  message.msg_name = const_cast<void*>(to.data());
  message.msg_namelen = static_cast<socklen_t>(to.size());
}

// EMSGSIZE has another reason in each family, and each has its limit.
error too_large(int fd, const place& where) {
  const auto family = get_option(fd, SOL_SOCKET, SO_DOMAIN, "getsockopt(SO_DOMAIN)", where);
  return error(errc::message_too_large, "send", where)
      .with_detail(family && *family == AF_UNIX ? "the limit is the send buffer, see /proc/sys/net/core/wmem_max"
                                                : "a datagram has at most 65507 bytes");
}

result<std::size_t> send_message(int fd, const msghdr& message, const place& where) {
  auto sent =
      attempted("send", [&] { return where; }, [&] { return ::sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT); });
  if (sent) return static_cast<std::size_t>(*sent);
  return sent.error() == std::errc::message_size ? too_large(fd, where) : sent.error();
}

// MSG_TRUNC asks a packet socket for the real size; on a TCP stream it would throw the bytes away.
int receive_flags(socket_kind kind) noexcept { return MSG_DONTWAIT | (kind == socket_kind::stream ? 0 : MSG_TRUNC); }

received found(std::size_t count, std::span<const mutable_buffer> into) noexcept {
  std::size_t room = 0;
  for (const auto& part : into) room += part.size;
  return {.size = std::min(count, room), .message_size = count};
}

result<received> receive_message(int fd, socket_kind kind, std::span<const mutable_buffer> into, socket_address* from,
                                 const place& where) {
  msghdr message = header(into, kind);
  sockaddr_storage sender;
  if (from != nullptr) {
    message.msg_name = &sender;
    message.msg_namelen = sizeof sender;
  }
  auto count = attempted("recv", [&] { return where; }, [&] { return ::recvmsg(fd, &message, receive_flags(kind)); });
  if (!count) return count.error();
  if (from != nullptr) *from = socket_address(&sender, std::min<std::size_t>(message.msg_namelen, sizeof sender));
  return found(static_cast<std::size_t>(*count), into);
}

result<std::size_t> buffer_size(int fd, int option, const char* operation, const place& where) {
  auto size = get_option(fd, SOL_SOCKET, option, operation, where);
  if (!size) return size.error();
  return static_cast<std::size_t>(*size);
}

result<void> ask_for_buffer(int fd, int option, std::size_t bytes, const char* operation, const place& where) {
  return set_option(fd, SOL_SOCKET, option, static_cast<int>(std::min<std::size_t>(bytes, INT_MAX / 2)), operation,
                    where);
}

result<std::size_t> counted(int fd, unsigned long request, const char* operation, const place& where) {
  int count = 0;
  auto asked = done(operation, [&] { return where; }, [&] { return ::ioctl(fd, request, &count); });
  if (!asked) return asked.error();
  return static_cast<std::size_t>(count);
}

}  // namespace

result<std::size_t> socket::try_send(std::span<const buffer> parts) const {
  return send_message(fd_.get(), header(parts, kind_), where_);
}

result<std::size_t> socket::try_send(std::span<const std::byte> from) const {
  const buffer one{from.data(), from.size()};
  return try_send({&one, 1});
}

result<std::size_t> socket::send(std::span<const buffer> parts, const patience& how) const {
  return patiently(fd_.get(), interest::writable, how, "send", where_, [&] { return try_send(parts); });
}

result<std::size_t> socket::send(std::span<const std::byte> from, const patience& how) const {
  const buffer one{from.data(), from.size()};
  return send({&one, 1}, how);
}

result<void> socket::send_all(std::span<const std::byte> from, const patience& how) const {
  while (!from.empty()) {
    auto sent = send(from, how);
    if (!sent) return sent.error();
    from = from.subspan(*sent);
  }
  return {};
}

result<std::size_t> socket::try_send_to(const socket_address& to, std::span<const std::byte> from) const {
  const buffer one{from.data(), from.size()};
  msghdr message = header(std::span(&one, 1), kind_);
  address_to(message, to);
  return send_message(fd_.get(), message, where_);
}

result<std::size_t> socket::send_to(const socket_address& to, std::span<const std::byte> from,
                                    const patience& how) const {
  // "Writable" is our own buffer. The receiver's queue, which may be what is full, cannot be waited for.
  return paced(how, "send", where_, [&] { return try_send_to(to, from); });
}

result<received> socket::try_recv(std::span<const mutable_buffer> into) const {
  return receive_message(fd_.get(), kind_, into, nullptr, where_);
}

result<received> socket::try_recv(std::span<std::byte> into) const {
  const mutable_buffer one{into.data(), into.size()};
  return try_recv({&one, 1});
}

result<received> socket::recv(std::span<const mutable_buffer> into, const patience& how) const {
  return patiently(fd_.get(), interest::readable, how, "recv", where_, [&] { return try_recv(into); });
}

result<received> socket::recv(std::span<std::byte> into, const patience& how) const {
  const mutable_buffer one{into.data(), into.size()};
  return recv({&one, 1}, how);
}

result<received> socket::try_recv_from(std::span<std::byte> into, socket_address& from) const {
  const mutable_buffer one{into.data(), into.size()};
  return receive_message(fd_.get(), kind_, {&one, 1}, &from, where_);
}

result<received> socket::recv_from(std::span<std::byte> into, socket_address& from, const patience& how) const {
  return patiently(fd_.get(), interest::readable, how, "recv", where_, [&] { return try_recv_from(into, from); });
}

result<std::size_t> socket::try_send_many(std::span<const outgoing> messages) const {
  std::array<mmsghdr, batch> headers;
  std::size_t sent = 0;
  while (sent < messages.size()) {
    const auto now = messages.subspan(sent, std::min(batch, messages.size() - sent));
    for (std::size_t i = 0; i < now.size(); ++i) {
      headers[i] = {.msg_hdr = header(now[i].parts, kind_), .msg_len = 0};
      if (now[i].to != nullptr) address_to(headers[i].msg_hdr, *now[i].to);
    }
    auto count = attempted(
        "send", [&] { return where_; },
        [&] {
          return ::sendmmsg(fd_.get(), headers.data(), static_cast<unsigned>(now.size()), MSG_NOSIGNAL | MSG_DONTWAIT);
        });
    if (!count) {
      if (sent > 0) return sent;
      return count.error() == std::errc::message_size ? too_large(fd_.get(), where_) : count.error();
    }
    sent += static_cast<std::size_t>(*count);
    if (static_cast<std::size_t>(*count) < now.size()) break;
  }
  return sent;
}

result<std::size_t> socket::try_recv_many(std::span<incoming> messages) const {
  std::array<mmsghdr, batch> headers;
  std::array<sockaddr_storage, batch> senders;
  std::size_t taken = 0;
  while (taken < messages.size()) {
    const auto now = messages.subspan(taken, std::min(batch, messages.size() - taken));
    for (std::size_t i = 0; i < now.size(); ++i) {
      headers[i] = {.msg_hdr = header(now[i].into, kind_), .msg_len = 0};
      if (now[i].from == nullptr) continue;
      headers[i].msg_hdr.msg_name = &senders[i];
      headers[i].msg_hdr.msg_namelen = sizeof senders[i];
    }
    auto count = attempted(
        "recv", [&] { return where_; },
        [&] {
          return ::recvmmsg(fd_.get(), headers.data(), static_cast<unsigned>(now.size()), receive_flags(kind_),
                            nullptr);
        });
    if (!count) {
      if (taken > 0) return taken;
      return count.error();
    }
    for (std::size_t i = 0; i < static_cast<std::size_t>(*count); ++i) {
      now[i].got = found(headers[i].msg_len, now[i].into);
      if (now[i].from != nullptr) *now[i].from = socket_address(&senders[i], headers[i].msg_hdr.msg_namelen);
    }
    taken += static_cast<std::size_t>(*count);
    if (static_cast<std::size_t>(*count) < now.size()) break;
  }
  return taken;
}

result<void> socket::shutdown(half what) const {
  const int how = what == half::read ? SHUT_RD : what == half::write ? SHUT_WR : SHUT_RDWR;
  return done("shutdown", [&] { return where_; }, [&] { return ::shutdown(fd_.get(), how); });
}

result<std::size_t> socket::send_buffer() const {
  return buffer_size(fd_.get(), SO_SNDBUF, "getsockopt(SO_SNDBUF)", where_);
}
result<std::size_t> socket::set_send_buffer(std::size_t bytes) const {
  auto asked = ask_for_buffer(fd_.get(), SO_SNDBUF, bytes, "setsockopt(SO_SNDBUF)", where_);
  if (!asked) return asked.error();
  return send_buffer();
}
result<std::size_t> socket::receive_buffer() const {
  return buffer_size(fd_.get(), SO_RCVBUF, "getsockopt(SO_RCVBUF)", where_);
}
result<std::size_t> socket::set_receive_buffer(std::size_t bytes) const {
  auto asked = ask_for_buffer(fd_.get(), SO_RCVBUF, bytes, "setsockopt(SO_RCVBUF)", where_);
  if (!asked) return asked.error();
  return receive_buffer();
}

result<std::size_t> socket::pending() const { return counted(fd_.get(), FIONREAD, "ioctl(FIONREAD)", where_); }
result<std::size_t> socket::unsent() const { return counted(fd_.get(), SIOCOUTQ, "ioctl(SIOCOUTQ)", where_); }

result<void> socket::take_error() const {
  auto number = get_option(fd_.get(), SOL_SOCKET, SO_ERROR, "getsockopt(SO_ERROR)", where_);
  if (!number) return number.error();
  if (*number != 0) return error::system(*number, "socket", where_);
  return {};
}

result<socket_address> socket::local() const { return local_address(fd_.get(), where_); }
result<socket_address> socket::peer() const { return peer_address(fd_.get(), where_); }

}  // namespace transom::os
