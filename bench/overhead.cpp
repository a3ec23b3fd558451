// bench/overhead.cpp - what does Transom cost on top of the system calls? For each kernel mechanism, 64 bytes and
// 64 KiB (8176 bytes where the kernel takes no more), round trip and stream, the same loop raw and through
// sender<bytes>/receiver<bytes>; and many small messages with send_all against one write and one read each.
//
// Method: two processes pinned to two cores, blocking on both sides of a comparison; a warm-up; raw and ours in turn,
// round by round; the payload is written by the sender and read by the receiver. Prints ratios, asserts nothing.
#include "bench/overhead.hpp"

#include <sched.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <optional>

#include <fmt/core.h>

#include "bench/raw_wire.hpp"

namespace bench {
namespace {

using transom::bytes;
using clock = std::chrono::steady_clock;

struct amount {
  int rounds = 7, trips = 2'000;
  std::size_t stream_bytes = 256u << 20, stream_messages = 300'000;
};

void pin_to(int cpu) {
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET(cpu % static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN)), &only);
  ::sched_setaffinity(0, sizeof only, &only);
}

void touch(std::span<std::byte> message, std::size_t n) {
  for (std::size_t i = 0; i < message.size(); i += 64) message[i] = static_cast<std::byte>(n + i);
}
unsigned look_at(std::span<const std::byte> message) {
  unsigned sum = 0;
  for (std::size_t i = 0; i < message.size(); i += 64) sum += std::to_integer<unsigned>(message[i]);
  return sum;
}

class transom_wire final : public wire {
 public:
  transom_wire(transom::sender<bytes> tx, transom::receiver<bytes> rx) : tx_(std::move(tx)), rx_(std::move(rx)) {}
  void send(std::span<const std::byte> message) override { tx_.send(message).or_throw(); }
  void recv(std::span<std::byte> into) override { rx_.recv_into(into).or_throw(); }
  transom::sender<bytes>& tx() { return tx_; }

 private:
  transom::sender<bytes> tx_;
  transom::receiver<bytes> rx_;
};

std::string url_of(const std::string& mechanism, const std::string& id, bool back) {
  if (mechanism == "posix-mq") return "posix-mq:///transom-bench-" + id + (back ? "-back" : "");
  if (mechanism == "sysv-mq")
    return "sysv-mq:///proc/self/exe?id=" + std::to_string(1 + std::stoi(id) % 120 + (back ? 128 : 0));
  if (mechanism == "tcp")
    return "tcp://127.0.0.1:" + std::to_string(20'000 + std::stoi(id) % 5'000 * 2 + back) + "?senders=1";
  return mechanism + ":";
}
bool is_named(const std::string& mechanism) {
  return mechanism == "posix-mq" || mechanism == "sysv-mq" || mechanism == "tcp";
}

// ---- the child's part

int play(wire& w, const std::string& role, std::size_t size, std::size_t count, std::size_t warm_up) {
  bytes message(size);
  const bytes word(64);
  unsigned seen = 0;
  if (role == "echo") {
    for (std::size_t i = 0; i < count + warm_up; ++i) {
      w.recv(message);
      seen += look_at(message);
      w.send(message);
    }
  } else {
    for (std::size_t i = 0; i < warm_up; ++i) w.recv(message);
    w.send(word);
    for (std::size_t i = 0; i < count; ++i) {
      w.recv(message);
      seen += look_at(message);
    }
    w.send(word);
  }
  return seen == 1 ? 1 : 0;  // so that the looking cannot be optimised away
}

int child(char** a) {  // --child raw|transom mechanism name role size count warm_up
  pin_to(1);
  const std::string system = a[0], mechanism = a[1], name = a[2], role = a[3];
  const std::size_t size = std::stoul(a[4]), count = std::stoul(a[5]), warm_up = std::stoul(a[6]);
  if (system == "raw") return play(*inherit_raw(mechanism, name), role, size, count, warm_up);
  if (is_named(mechanism)) {
    transom::receiver<bytes> rx(url_of(mechanism, name, false));
    transom_wire w(transom::sender<bytes>(url_of(mechanism, name, true)), std::move(rx));
    return play(w, role, size, count, warm_up);
  }
  transom_wire w(transom::inherited<transom::sender<bytes>>("out"), transom::inherited<transom::receiver<bytes>>("in"));
  return play(w, role, size, count, warm_up);
}

// ---- the parent's part

double trips(wire& w, std::size_t size, std::size_t count, std::size_t warm_up) {
  bytes message(size), answer(size);
  std::vector<double> times;
  for (std::size_t i = 0; i < count + warm_up; ++i) {
    touch(message, i);
    const auto begun = clock::now();
    w.send(message);
    w.recv(answer);
    if (i >= warm_up) times.push_back(std::chrono::duration<double>(clock::now() - begun).count());
  }
  std::ranges::nth_element(times, times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2));
  return times[times.size() / 2];
}

double stream(wire& w, std::size_t size, std::size_t count, std::size_t warm_up) {
  bytes message(size), word(64);
  for (std::size_t i = 0; i < warm_up; ++i) w.send(message);
  w.recv(word);
  const auto begun = clock::now();
  for (std::size_t i = 0; i < count; ++i) {
    touch(message, i);
    w.send(message);
  }
  w.recv(word);
  return std::chrono::duration<double>(clock::now() - begun).count() / static_cast<double>(count);
}

// The same, many messages to a call.
double batches(transom_wire& w, std::size_t size, std::size_t count, std::size_t warm_up) {
  constexpr std::size_t batch = 512;
  std::vector<bytes> messages(batch, bytes(size));
  bytes word(64);
  for (std::size_t i = 0; i < warm_up; ++i) w.send(messages[0]);
  w.recv(word);
  const auto begun = clock::now();
  for (std::size_t sent = 0; sent < count;) {
    for (bytes& m : messages) touch(m, sent);
    const auto rest = std::span(messages).first(std::min(batch, count - sent));
    sent += w.tx().send_all(rest).or_throw();
  }
  w.recv(word);
  return std::chrono::duration<double>(clock::now() - begun).count() / static_cast<double>(count);
}

transom::command self(const char* system, const comparison& c, const std::string& name, std::size_t count,
                      std::size_t warm_up) {
  return transom::command{"/proc/self/exe"}
      .arg("--child")
      .arg(system)
      .arg(c.mechanism)
      .arg(name)
      .arg(c.pattern == "round_trip" ? "echo" : "sink")
      .arg(std::to_string(c.size))
      .arg(std::to_string(count))
      .arg(std::to_string(warm_up));
}

double run_raw(const comparison& c, std::size_t count, std::size_t warm_up) {
  const std::string name = std::to_string(::getpid());
  auto pair = make_raw(c.mechanism, self("raw", c, name, count, warm_up));
  auto other = pair.child.spawn().or_throw();
  const double each = c.pattern == "round_trip" ? trips(*pair.here, c.size, count, warm_up)
                                                : stream(*pair.here, c.size, count, warm_up);
  other.wait().or_throw();
  remove_raw(c.mechanism, name);
  return each;
}

double run_ours(const comparison& c, std::size_t count, std::size_t warm_up) {
  const std::string name = std::to_string(::getpid());
  auto child = self("transom", c, name, count, warm_up);
  std::optional<transom_wire> w;
  std::optional<transom::child> other;
  if (is_named(c.mechanism)) {
    transom::receiver<bytes> back(url_of(c.mechanism, name, true));
    other.emplace(child.spawn().or_throw());
    w.emplace(transom::sender<bytes>(url_of(c.mechanism, name, false)), std::move(back));
  } else {
    const std::string url = url_of(c.mechanism, name, false);
    transom::channel<bytes> there(url), back(url);
    child.give("in", std::move(there.rx)).give("out", std::move(back.tx));
    other.emplace(child.spawn().or_throw());
    w.emplace(std::move(there.tx), std::move(back.rx));
  }
  double each = 0;
  if (c.pattern == "round_trip") each = trips(*w, c.size, count, warm_up);
  else if (c.pattern == "batch") each = batches(*w, c.size, count, warm_up);
  else each = stream(*w, c.size, count, warm_up);
  other->wait().or_throw();
  return each;
}

std::vector<comparison> questions() {
  std::vector<comparison> all;
  for (const std::string& m : mechanisms()) {
    const bool queue = m.ends_with("-mq");
    for (std::size_t size : {std::size_t{64}, queue ? std::size_t{8'176} : std::size_t{65'536}}) {
      all.push_back({m, "round_trip", size, {}, {}, 1.05});
      all.push_back({m, "stream", size, {}, {}, 0.95});
    }
    if (m == "pipe" || m == "unix+stream" || m == "tcp") all.push_back({m, "batch", 64, {}, {}, 5});
  }
  return all;
}

int measure(const amount& how, const std::string& only, const std::string& json_file) {
  pin_to(0);
  auto all = questions();
  std::erase_if(all, [&](const comparison& c) { return !c.is_in(only); });
  for (int round = 0; round < how.rounds; ++round) {
    if (::isatty(2) == 1) fmt::print(stderr, "\rround {} of {}", round + 1, how.rounds);
    for (comparison& c : all) {
      const bool trip = c.pattern == "round_trip";
      const std::size_t count =
          trip ? static_cast<std::size_t>(how.trips) : std::min(how.stream_messages, how.stream_bytes / c.size);
      const std::size_t warm_up = count / 10;
      c.raw.push_back(run_raw(c, count, warm_up));
      c.ours.push_back(run_ours(c, count, warm_up));
    }
  }
  if (::isatty(2) == 1) fmt::print(stderr, "\r\033[K");
  report(all, json_file, how.rounds);
  return 0;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  if (argc == 9 && std::strcmp(argv[1], "--child") == 0) return bench::child(argv + 2);
  bench::amount how;
  std::string json_file, only;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--once") {
      how = {.rounds = 1, .trips = 20, .stream_bytes = 1u << 20, .stream_messages = 1'000};
    } else if (argument == "--rounds" && i + 1 < argc) {
      how.rounds = std::max(1, std::atoi(argv[++i]));
    } else if (argument == "--only" && i + 1 < argc) {
      only = argv[++i];
    } else if (argument == "--json" && i + 1 < argc) {
      json_file = argv[++i];
    } else {
      const bool asked = argument == "--help";
      fmt::print(asked ? stdout : stderr,
                 "overhead_bench [--rounds N] [--only MECHANISM[/PATTERN[/SIZE]]] [--json FILE] [--once]\n"
                 "What Transom costs on top of raw system calls, as ratios measured in one run.\n");
      return asked ? 0 : 2;
    }
  }
  try {
    return bench::measure(how, only, json_file);
  } catch (const std::exception& e) {
    fmt::print(stderr, "overhead_bench: {}\n", e.what());
    return 1;
  }
}
