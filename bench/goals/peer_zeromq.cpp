// bench/goals/peer_zeromq.cpp - ZeroMQ over ipc://, a PAIR socket for each side.
//
// As its expert would: high-water marks as the row's depth but at least 1,000 and at most 64 MiB, linger 0, kernel
// buffers of 8 MiB, one I/O thread for each process, which is not pinned: on two cores it shares one with a polling
// program, and would like a third. Large messages are built in a zmq_msg_t and sent without a copy of ours.
#include <zmq.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <string>

#include "bench/goals/contender.hpp"
#include "bench/goals/loops.hpp"

namespace goals {
namespace {

[[noreturn]] void failed(const char* what) {
  throw std::runtime_error(std::string(what) + ": " + ::zmq_strerror(::zmq_errno()));
}

class zeromq_wire {
 public:
  explicit zeromq_wire(side& s)
      : flags_(s.task().waiting == wait::spin ? ZMQ_DONTWAIT : 0),
        size_(s.task().size),
        context_(::zmq_ctx_new()),
        socket_(::zmq_socket(context_, ZMQ_PAIR)) {
    const std::size_t most = (64u << 20) / s.task().size + 1;
    const int mark = static_cast<int>(std::min(std::max<std::size_t>(s.task().depth, 1'000), most));
    const int linger = 0, buffer = 8 << 20;
    ::zmq_setsockopt(socket_, ZMQ_SNDHWM, &mark, sizeof mark);
    ::zmq_setsockopt(socket_, ZMQ_RCVHWM, &mark, sizeof mark);
    ::zmq_setsockopt(socket_, ZMQ_LINGER, &linger, sizeof linger);
    ::zmq_setsockopt(socket_, ZMQ_SNDBUF, &buffer, sizeof buffer);
    ::zmq_setsockopt(socket_, ZMQ_RCVBUF, &buffer, sizeof buffer);
    const std::string url = "ipc://" + s.directory() + "/" + s.page().token;
    if (!s.begins() && ::zmq_bind(socket_, url.c_str()) != 0) failed("zmq_bind");
    s.meet();
    if (s.begins() && ::zmq_connect(socket_, url.c_str()) != 0) failed("zmq_connect");
  }
  zeromq_wire(const zeromq_wire&) = delete;
  zeromq_wire& operator=(const zeromq_wire&) = delete;
  ~zeromq_wire() {
    ::zmq_close(socket_);
    ::zmq_ctx_term(context_);
  }

  template <typename Fill>
  void send(Fill fill) {
    zmq_msg_t message;
    if (::zmq_msg_init_size(&message, size_) != 0) failed("zmq_msg_init_size");
    fill(std::span<word>(static_cast<word*>(::zmq_msg_data(&message)), size_ / sizeof(word)));
    while (::zmq_msg_send(&message, socket_, flags_) < 0) {
      if (::zmq_errno() != EAGAIN && ::zmq_errno() != EINTR) failed("zmq_msg_send");
      pause();
    }
  }
  template <typename Look>
  void recv(Look look) {
    zmq_msg_t message;
    ::zmq_msg_init(&message);
    while (::zmq_msg_recv(&message, socket_, flags_) < 0) {
      if (::zmq_errno() != EAGAIN && ::zmq_errno() != EINTR) failed("zmq_msg_recv");
      pause();
    }
    look(std::span<const word>(static_cast<const word*>(::zmq_msg_data(&message)),
                               ::zmq_msg_size(&message) / sizeof(word)));
    ::zmq_msg_close(&message);
  }

 private:
  int flags_;
  std::size_t size_;
  void *context_, *socket_;
};

}  // namespace

void play_zeromq(side& s) {
  zeromq_wire wire(s);
  play(wire, s);
}

}  // namespace goals
