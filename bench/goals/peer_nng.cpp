// bench/goals/peer_nng.cpp - nng over ipc://, a pair0 socket for each side.
//
// As its expert would: both buffers at their maximum of 8,192 messages, no limit on the size, messages built in an
// nng_msg and handed over without a copy of ours. Its thread pool is its own business and not pinned.
#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>

#include <algorithm>
#include <stdexcept>

#include "bench/goals/contender.hpp"
#include "bench/goals/loops.hpp"

namespace goals {
namespace {

void must(int code, const char* what) {
  if (code != 0) throw std::runtime_error(std::string(what) + ": " + ::nng_strerror(code));
}

class nng_wire {
 public:
  explicit nng_wire(side& s) : flags_(s.task().waiting == wait::spin ? NNG_FLAG_NONBLOCK : 0), size_(s.task().size) {
    must(::nng_pair0_open(&socket_), "nng_pair0_open");
    const int buffer = static_cast<int>(std::min<std::size_t>(s.task().depth, 8'192));
    must(::nng_socket_set_int(socket_, NNG_OPT_SENDBUF, buffer), "nng sendbuf");
    must(::nng_socket_set_int(socket_, NNG_OPT_RECVBUF, buffer), "nng recvbuf");
    must(::nng_socket_set_size(socket_, NNG_OPT_RECVMAXSZ, 0), "nng recvmaxsz");
    const std::string url = "ipc://" + s.directory() + "/" + s.page().token;
    if (!s.begins()) must(::nng_listen(socket_, url.c_str(), nullptr, 0), "nng_listen");
    s.meet();
    if (s.begins()) must(::nng_dial(socket_, url.c_str(), nullptr, 0), "nng_dial");
  }
  nng_wire(const nng_wire&) = delete;
  nng_wire& operator=(const nng_wire&) = delete;
  ~nng_wire() { ::nng_close(socket_); }

  template <typename Fill>
  void send(Fill fill) {
    nng_msg* message = nullptr;
    must(::nng_msg_alloc(&message, size_), "nng_msg_alloc");
    fill(std::span<word>(static_cast<word*>(::nng_msg_body(message)), size_ / sizeof(word)));
    int code = 0;
    while ((code = ::nng_sendmsg(socket_, message, flags_)) == NNG_EAGAIN) pause();
    must(code, "nng_sendmsg");
  }
  template <typename Look>
  void recv(Look look) {
    nng_msg* message = nullptr;
    int code = 0;
    while ((code = ::nng_recvmsg(socket_, &message, flags_)) == NNG_EAGAIN) pause();
    must(code, "nng_recvmsg");
    look(std::span<const word>(static_cast<const word*>(::nng_msg_body(message)),
                               ::nng_msg_len(message) / sizeof(word)));
    ::nng_msg_free(message);
  }

 private:
  int flags_;
  std::size_t size_;
  nng_socket socket_{};
};

}  // namespace

void play_nng(side& s) {
  nng_wire wire(s);
  play(wire, s);
}

}  // namespace goals
