// transom/os/fd_passing.cpp - control messages, read so that no descriptor escapes.
#include "transom/os/fd_passing.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <climits>
#include <cstring>

#include "transom/base/ensure.hpp"
#include "transom/os/socket_calls.hpp"
#include "transom/os/syscall.hpp"

namespace transom::os {
namespace {

constexpr int scm_pidfd = 0x04;  // Linux 6.5: comes with SO_PASSPIDFD, which an adopted socket may have

constexpr std::size_t fds_space = CMSG_SPACE(max_fds * sizeof(int));
constexpr std::size_t credentials_space = CMSG_SPACE(sizeof(ucred));
constexpr std::size_t pidfd_space = CMSG_SPACE(sizeof(int));

template <std::size_t Size>
struct alignas(cmsghdr) control_room {
  std::byte bytes[Size];
};

void append(msghdr& message, int type, const void* data, std::size_t size) noexcept {
  auto* entry = reinterpret_cast<cmsghdr*>(static_cast<std::byte*>(message.msg_control) + message.msg_controllen);
  entry->cmsg_level = SOL_SOCKET;
  entry->cmsg_type = type;
  entry->cmsg_len = CMSG_LEN(size);
  std::memcpy(CMSG_DATA(entry), data, size);
  message.msg_controllen += CMSG_SPACE(size);
}

error naming_the_reason(error reason) {
  const std::error_code code = reason.code();
  if (code != std::error_code(ETOOMANYREFS, std::system_category())) return reason;
  return reason.with_detail("more descriptors are in flight than RLIMIT_NOFILE (ulimit -n) allows");
}

// Takes ownership of everything that came, closes what is too much, and tells how many descriptors there were.
std::size_t take_all(msghdr& message, received_with_fds& into) {
  std::size_t came = 0;
  for (cmsghdr* entry = CMSG_FIRSTHDR(&message); entry != nullptr; entry = CMSG_NXTHDR(&message, entry)) {
    if (entry->cmsg_level != SOL_SOCKET) continue;
    const std::size_t size = entry->cmsg_len - CMSG_LEN(0);
    if (entry->cmsg_type == SCM_RIGHTS) {
      for (std::size_t at = 0; at + sizeof(int) <= size; at += sizeof(int)) {
        int number = -1;
        std::memcpy(&number, CMSG_DATA(entry) + at, sizeof number);
        transom::fd owned(number);
        if (came++ < max_fds) into.fds[into.fd_count++] = std::move(owned);
      }
    } else if (entry->cmsg_type == SCM_CREDENTIALS && size >= sizeof(ucred)) {
      ucred sender{};
      std::memcpy(&sender, CMSG_DATA(entry), sizeof sender);
      into.sender = credentials{.pid = sender.pid, .uid = sender.uid, .gid = sender.gid};
    } else if (entry->cmsg_type == scm_pidfd && size >= sizeof(int)) {
      int number = -1;
      std::memcpy(&number, CMSG_DATA(entry), sizeof number);
      const transom::fd unwanted(number);
    }
  }
  return came;
}

}  // namespace

result<std::size_t> try_send_fds(const unix_socket& to, std::span<const buffer> parts, std::span<const int> fds,
                                 const credentials* as) {
  detail::ensure(fds.size() <= max_fds, "a message carries at most 16 descriptors");
  detail::ensure(parts.size() <= IOV_MAX, "a message has at most 1024 parts");
  control_room<fds_space + credentials_space> control{};
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(reinterpret_cast<const iovec*>(parts.data()));
  message.msg_iovlen = parts.size();
  message.msg_control = control.bytes;
  if (!fds.empty()) append(message, SCM_RIGHTS, fds.data(), fds.size_bytes());
  if (as != nullptr) {
    const ucred claimed{.pid = as->pid, .uid = as->uid, .gid = as->gid};
    append(message, SCM_CREDENTIALS, &claimed, sizeof claimed);
  }
  if (message.msg_controllen == 0) return to.try_send(parts);
  auto sent = attempted(
      "send", [&] { return to.where(); }, [&] { return ::sendmsg(to.fd(), &message, MSG_NOSIGNAL | MSG_DONTWAIT); });
  if (!sent) return naming_the_reason(sent.error());
  return static_cast<std::size_t>(*sent);
}

result<std::size_t> send_fds(const unix_socket& to, std::span<const std::byte> from, std::span<const int> fds,
                             const patience& how, const credentials* as) {
  const buffer one{from.data(), from.size()};
  return patiently(to.fd(), interest::writable, how, "send", to.where(),
                   [&] { return try_send_fds(to, {&one, 1}, fds, as); });
}

result<received_with_fds> try_recv_fds(const unix_socket& from, std::span<const mutable_buffer> into) {
  detail::ensure(into.size() <= IOV_MAX, "a message has at most 1024 parts");
  control_room<fds_space + credentials_space + pidfd_space> control;
  msghdr message{};
  message.msg_iov = reinterpret_cast<iovec*>(const_cast<mutable_buffer*>(into.data()));
  message.msg_iovlen = into.size();
  message.msg_control = control.bytes;
  message.msg_controllen = sizeof control.bytes;
  const int truncation = from.kind() == socket_kind::stream ? 0 : MSG_TRUNC;
  auto count = attempted(
      "recv", [&] { return from.where(); },
      [&] { return ::recvmsg(from.fd(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC | truncation); });
  if (!count) return count.error();

  received_with_fds came;
  const std::size_t fd_count = take_all(message, came);
  const bool cut = (message.msg_flags & MSG_CTRUNC) != 0;
  if (fd_count > max_fds || (cut && fd_count == max_fds)) {
    return error(errc::protocol_error, "recv", from.where()).with_detail("more than 16 descriptors in one message");
  }
  if (cut) {
    return error::system(EMFILE, "recv", from.where())
        .with_detail("no room for the descriptors in the message: raise RLIMIT_NOFILE (ulimit -n)");
  }
  std::size_t room = 0;
  for (const auto& part : into) room += part.size;
  came.data = {.size = std::min(static_cast<std::size_t>(*count), room),
               .message_size = static_cast<std::size_t>(*count)};
  return came;
}

result<received_with_fds> recv_fds(const unix_socket& from, std::span<std::byte> into, const patience& how) {
  const mutable_buffer one{into.data(), into.size()};
  return patiently(from.fd(), interest::readable, how, "recv", from.where(),
                   [&] { return try_recv_fds(from, {&one, 1}); });
}

}  // namespace transom::os
