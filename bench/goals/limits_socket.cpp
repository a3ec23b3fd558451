// bench/goals/limits_socket.cpp - a Unix socket with raw calls: what shared memory must never be slower than.
//
// SOCK_SEQPACKET, because it keeps messages apart as channels do and is the fastest of the three kinds here. Buffers of
// 8 MiB, so that a message of 1 MiB is one message.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <vector>

#include "bench/goals/contender.hpp"
#include "bench/goals/loops.hpp"

namespace goals {
namespace {

[[noreturn]] void failed(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

class socket_wire {
 public:
  explicit socket_wire(side& s)
      : flags_(MSG_NOSIGNAL | (s.task().waiting == wait::spin ? MSG_DONTWAIT : 0)),
        out_(s.task().size / sizeof(word)),
        in_(s.task().size / sizeof(word)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = s.directory() + "/" + s.page().token;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    const auto* at = reinterpret_cast<const sockaddr*>(&address);
    transom::fd made(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    if (!made) failed("socket");
    if (!s.begins() && (::bind(made.get(), at, sizeof address) != 0 || ::listen(made.get(), 1) != 0)) failed("bind");
    s.meet();
    if (s.begins()) {
      if (::connect(made.get(), at, sizeof address) != 0) failed("connect");
      both_ = std::move(made);
    } else {
      both_.reset(::accept4(made.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!both_) failed("accept4");
      ::unlink(path.c_str());
    }
    const int buffer = 8 << 20;
    for (const int which : {SO_SNDBUFFORCE, SO_RCVBUFFORCE}) {
      const int plain = which == SO_SNDBUFFORCE ? SO_SNDBUF : SO_RCVBUF;
      if (::setsockopt(both_.get(), SOL_SOCKET, which, &buffer, sizeof buffer) != 0)
        ::setsockopt(both_.get(), SOL_SOCKET, plain, &buffer, sizeof buffer);
    }
  }

  template <typename Fill>
  void send(Fill fill) {
    fill(std::span<word>(out_));
    while (::send(both_.get(), out_.data(), out_.size() * sizeof(word), flags_) < 0) {
      if (errno != EAGAIN) failed("send");
      pause();
    }
  }
  template <typename Look>
  void recv(Look look) {
    ssize_t n = 0;
    while ((n = ::recv(both_.get(), in_.data(), in_.size() * sizeof(word), flags_)) < 0) {
      if (errno != EAGAIN) failed("recv");
      pause();
    }
    look(std::span<const word>(in_).first(static_cast<std::size_t>(n) / sizeof(word)));
  }

 private:
  int flags_;
  transom::fd both_;
  std::vector<word> out_, in_;
};

void play_socket(side& s) {
  socket_wire wire(s);
  play(wire, s);
}

}  // namespace

const contender& unix_socket() {
  static const contender it{.name = "unix socket",
                            .mechanism = "unix",
                            .expert = "raw calls on a SOCK_SEQPACKET pair, buffers of 8 MiB, no poll before a call",
                            .play = play_socket,
                            .fewer_messages = 8};
  return it;
}

}  // namespace goals
