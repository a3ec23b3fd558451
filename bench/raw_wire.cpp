// bench/raw_wire.cpp - see raw_wire.hpp.
#include "bench/raw_wire.hpp"

#include <fcntl.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace bench {
namespace {

void must(bool holds, const char* what) {
  if (holds) return;
  std::perror(what);
  std::exit(1);
}

class stream_wire final : public wire {
 public:
  stream_wire(transom::fd in, transom::fd out) : in_(std::move(in)), out_(std::move(out)) {}
  void send(std::span<const std::byte> message) override {
    while (!message.empty()) {
      const ssize_t n = ::write(out_.get(), message.data(), message.size());
      must(n > 0, "write");
      message = message.subspan(static_cast<std::size_t>(n));
    }
  }
  void recv(std::span<std::byte> into) override {
    while (!into.empty()) {
      const ssize_t n = ::read(in_.get(), into.data(), into.size());
      must(n > 0, "read");
      into = into.subspan(static_cast<std::size_t>(n));
    }
  }

 private:
  transom::fd in_, out_;
};

class packet_wire final : public wire {
 public:
  packet_wire(transom::fd in, transom::fd out) : in_(std::move(in)), out_(std::move(out)) {}
  void send(std::span<const std::byte> message) override {
    must(::send(out_.get(), message.data(), message.size(), MSG_NOSIGNAL) >= 0, "send");
  }
  void recv(std::span<std::byte> into) override { must(::recv(in_.get(), into.data(), into.size(), 0) >= 0, "recv"); }

 private:
  transom::fd in_, out_;
};

class posix_wire final : public wire {
 public:
  posix_wire(const std::string& in, const std::string& out) {
    mq_attr attributes{};
    attributes.mq_maxmsg = 10;
    attributes.mq_msgsize = 8192;
    in_ = ::mq_open(in.c_str(), O_RDONLY | O_CREAT | O_CLOEXEC, 0600, &attributes);
    out_ = ::mq_open(out.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600, &attributes);
    must(in_ >= 0 && out_ >= 0, "mq_open");
  }
  ~posix_wire() override {
    ::mq_close(in_);
    ::mq_close(out_);
  }
  void send(std::span<const std::byte> message) override {
    must(::mq_send(out_, reinterpret_cast<const char*>(message.data()), message.size(), 0) == 0, "mq_send");
  }
  void recv(std::span<std::byte> into) override {
    if (into.size() < 8192) {  // the call insists on room for the largest
      must(::mq_receive(in_, buffer_.data(), buffer_.size(), nullptr) >= 0, "mq_receive");
      std::memcpy(into.data(), buffer_.data(), into.size());
    } else {
      must(::mq_receive(in_, reinterpret_cast<char*>(into.data()), into.size(), nullptr) >= 0, "mq_receive");
    }
  }

 private:
  mqd_t in_, out_;
  std::array<char, 8192> buffer_;
};

class sysv_wire final : public wire {
 public:
  sysv_wire(key_t in, key_t out) : in_(::msgget(in, IPC_CREAT | 0600)), out_(::msgget(out, IPC_CREAT | 0600)) {
    must(in_ >= 0 && out_ >= 0, "msgget");
  }
  void send(std::span<const std::byte> message) override {
    buffer_.type = 1;
    std::memcpy(buffer_.data, message.data(), message.size());
    must(::msgsnd(out_, &buffer_, message.size(), 0) == 0, "msgsnd");
  }
  void recv(std::span<std::byte> into) override {
    must(::msgrcv(in_, &buffer_, sizeof buffer_.data, 0, 0) >= 0, "msgrcv");
    std::memcpy(into.data(), buffer_.data, into.size());
  }
  static void remove(key_t key) {
    if (const int queue = ::msgget(key, 0); queue >= 0) ::msgctl(queue, IPC_RMID, nullptr);
  }

 private:
  int in_, out_;
  struct {
    long type;
    char data[8192];
  } buffer_;
};

std::pair<transom::fd, transom::fd> tcp_pair() {
  const transom::fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  must(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size) == 0 && ::listen(listener.get(), 1) == 0,
       "listen");
  ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size);
  transom::fd one(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  must(::connect(one.get(), reinterpret_cast<sockaddr*>(&address), size) == 0, "connect");
  transom::fd other(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  const int on = 1;
  for (int number : {one.get(), other.get()}) ::setsockopt(number, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return {std::move(one), std::move(other)};
}

key_t key_of(const std::string& name, int way) {
  return static_cast<key_t>(0x54520000 + std::stoi(name) % 16'384 * 2 + way);
}

transom::fd duplicate(const transom::fd& of) { return of.duplicate().or_throw(); }

}  // namespace

const std::vector<std::string>& mechanisms() {
  static const std::vector<std::string> all{"pipe", "unix", "unix+stream", "posix-mq", "sysv-mq", "tcp"};
  return all;
}

raw_pair make_raw(const std::string& mechanism, transom::command child) {
  const std::string name = std::to_string(::getpid());
  if (mechanism == "posix-mq")
    return {std::make_unique<posix_wire>("/transom-bench-a" + name, "/transom-bench-b" + name), std::move(child)};
  if (mechanism == "sysv-mq") return {std::make_unique<sysv_wire>(key_of(name, 0), key_of(name, 1)), std::move(child)};
  if (mechanism == "tcp") {
    auto [ours, theirs] = tcp_pair();
    transom::fd again = duplicate(ours);
    child.give("out", duplicate(theirs)).give("in", std::move(theirs));
    return {std::make_unique<stream_wire>(std::move(ours), std::move(again)), std::move(child)};
  }
  std::array<int, 2> there{}, back{};
  if (mechanism == "pipe") {
    must(::pipe2(there.data(), O_CLOEXEC) == 0 && ::pipe2(back.data(), O_CLOEXEC) == 0, "pipe2");
  } else {
    const int kind = (mechanism == "unix" ? SOCK_SEQPACKET : SOCK_STREAM) | SOCK_CLOEXEC;
    must(::socketpair(AF_UNIX, kind, 0, there.data()) == 0 && ::socketpair(AF_UNIX, kind, 0, back.data()) == 0,
         "socketpair");
  }
  child.give("in", transom::fd(there[0])).give("out", transom::fd(back[1]));
  transom::fd in(back[0]), out(there[1]);
  if (mechanism == "unix") return {std::make_unique<packet_wire>(std::move(in), std::move(out)), std::move(child)};
  return {std::make_unique<stream_wire>(std::move(in), std::move(out)), std::move(child)};
}

std::unique_ptr<wire> inherit_raw(const std::string& mechanism, const std::string& name) {
  if (mechanism == "posix-mq")
    return std::make_unique<posix_wire>("/transom-bench-b" + name, "/transom-bench-a" + name);
  if (mechanism == "sysv-mq") return std::make_unique<sysv_wire>(key_of(name, 1), key_of(name, 0));
  auto in = transom::inherited<transom::fd>("in");
  auto out = transom::inherited<transom::fd>("out");
  if (mechanism == "unix") return std::make_unique<packet_wire>(std::move(in), std::move(out));
  return std::make_unique<stream_wire>(std::move(in), std::move(out));
}

void remove_raw(const std::string& mechanism, const std::string& name) {
  if (mechanism == "posix-mq") {
    ::mq_unlink(("/transom-bench-a" + name).c_str());
    ::mq_unlink(("/transom-bench-b" + name).c_str());
  } else if (mechanism == "sysv-mq") {
    sysv_wire::remove(key_of(name, 0));
    sysv_wire::remove(key_of(name, 1));
  }
}

}  // namespace bench
