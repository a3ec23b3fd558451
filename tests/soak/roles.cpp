// tests/soak/roles.cpp - see roles.hpp.
#include "tests/soak/roles.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include "tests/support/certified.hpp"
#include "tests/support/outcome.hpp"
#include "transom/channel/receiver.hpp"
#include "transom/channel/sender.hpp"
#include "transom/process/inherited.hpp"

namespace transom::soak {
namespace {

using testing::ledger;
using testing::message_of;
using testing::outcome_of;

constexpr const char* role_variable = "TRANSOM_KILL_ROLE";
constexpr std::size_t largest = 6000;

template <std::size_t N>
void put(char (&into)[N], std::string_view text) {
  into[text.copy(into, N - 1)] = '\0';
}

// What a role has, wherever it came from.
struct stage {
  std::string url;
  bool loses;
  tally& counts;
  int report;
};

void say(const stage& at, verdict v) {
  while (::send(at.report, &v, sizeof v, MSG_NOSIGNAL) == -1 && errno == EINTR) {}
}

template <typename End>
result<End> end_of(const stage& at) {
  if (at.url.empty()) return open_inherited<End>("end");
  return End::open(at.url, {.on_full = at.loses ? overflow::drop_newest : overflow::block,
                            .connect_timeout = std::chrono::seconds(10)});
}

void say_it_flows(const stage& at) {
  verdict v;
  put(v.outcome, "flows");
  say(at, v);
}

void produce(const stage& at) {
  verdict v;
  auto tx = end_of<sender<std::string>>(at);
  if (!tx) {
    put(v.outcome, "no start");
    put(v.text, tx.error().message());
    return say(at, v);
  }
  for (std::uint64_t n = 0;; ++n) {
    const auto sent = tx->send(message_of({.sequence = n, .size = testing::varied_size(n, at.loses ? 1000 : largest)}));
    if (sent) {
      at.counts.accepted.store(n + 1, std::memory_order_release);
      if (n == 0) say_it_flows(at);
      continue;
    }
    v.when_ns = now_ns();
    v.count = n;
    put(v.outcome, outcome_of(sent));
    put(v.text, sent.error().message());
    put(v.afterwards, outcome_of(tx->try_send("x")));
    return say(at, v);
  }
}

void consume(const stage& at) {
  verdict v;
  auto rx = end_of<receiver<std::string>>(at);
  if (!rx) {
    put(v.outcome, "no start");
    put(v.text, rx.error().message());
    return say(at, v);
  }
  ledger books(at.loses);
  for (;;) {
    const auto got = rx->recv();
    if (got && books.accept(*got)) {
      at.counts.received.store(books.count(), std::memory_order_release);
      if (books.count() == 1) say_it_flows(at);
      continue;
    }
    v.when_ns = now_ns();
    v.count = books.count();
    put(v.outcome, got ? "bad" : outcome_of(got));
    put(v.text, got ? books.complaint() : got.error().message());
    if (!got) put(v.afterwards, outcome_of(rx->try_recv()));
    return say(at, v);
  }
}

// ---- the control: what programs do that write to a socket and never say that they are done

bool move_all(int fd, char* data, std::size_t size, bool writes) {
  for (std::size_t done = 0; done < size;) {
    const ssize_t n =
        writes ? ::send(fd, data + done, size - done, MSG_NOSIGNAL) : ::recv(fd, data + done, size - done, 0);
    if (n == -1 && errno == EINTR) continue;
    if (n <= 0) return false;
    done += static_cast<std::size_t>(n);
  }
  return true;
}

void naive_produce(const stage& at) {
  const fd socket = inherited<fd>("end");
  for (std::uint64_t n = 0;; ++n) {
    std::string text = message_of({.sequence = n, .size = testing::varied_size(n, largest)});
    auto size = static_cast<std::uint32_t>(text.size());
    if (!move_all(socket.get(), reinterpret_cast<char*>(&size), sizeof size, true) ||
        !move_all(socket.get(), text.data(), text.size(), true))
      break;
    at.counts.accepted.store(n + 1, std::memory_order_release);
    if (n == 0) say_it_flows(at);
  }
  verdict v;
  v.when_ns = now_ns();
  put(v.outcome, "closed");  // broken pipe: the reader has gone, that is all it knows
  put(v.afterwards, "closed");
  say(at, v);
}

void naive_consume(const stage& at) {
  const fd socket = inherited<fd>("end");
  ledger books;
  verdict v;
  put(v.outcome, "closed");  // the end of the stream: the writer is done, it thinks
  put(v.afterwards, "closed");
  for (std::uint32_t size = 0; move_all(socket.get(), reinterpret_cast<char*>(&size), sizeof size, false);) {
    std::string text(size, '\0');
    if (!move_all(socket.get(), text.data(), text.size(), false)) break;
    if (!books.accept(text)) {
      put(v.outcome, "bad");
      put(v.text, books.complaint());
      break;
    }
    at.counts.received.store(books.count(), std::memory_order_release);
    if (books.count() == 1) say_it_flows(at);
  }
  v.when_ns = now_ns();
  v.count = books.count();
  say(at, v);
}

fd take_report_end(fd& theirs) {
  int both[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, both) != 0) throw std::runtime_error("socketpair");
  theirs = fd(both[1]);
  return fd(both[0]);
}

child start(const std::string& role, const std::string& url, bool loses, int tally_fd, command program, fd theirs) {
  program.env(role_variable, role).env("TRANSOM_KILL_URL", url).env("TRANSOM_KILL_LOSES", loses ? "1" : "0");
  program.give("report", std::move(theirs));
  program.give("tally", fd(::fcntl(tally_fd, F_DUPFD_CLOEXEC, 0)));
  return program.spawn().or_throw();
}

}  // namespace

std::int64_t now_ns() {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1'000'000'000LL + t.tv_nsec;
}

side::side(const std::string& role, const std::string& url, bool loses, int tally_fd, command program)
    : process_([&] {
        fd theirs;
        report_ = take_report_end(theirs);
        return start(role, url, loses, tally_fd, std::move(program), std::move(theirs));
      }()) {}

std::optional<verdict> side::hear(std::chrono::milliseconds time) {
  pollfd one{report_.get(), POLLIN, 0};
  if (::poll(&one, 1, static_cast<int>(time.count())) != 1) return std::nullopt;
  verdict v;
  if (::recv(report_.get(), &v, sizeof v, 0) != sizeof v) return std::nullopt;
  return v;
}

command self() { return command("/proc/self/exe"); }

void play_the_role_if_told() {
  const char* role = std::getenv(role_variable);
  if (role == nullptr) return;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::alarm(100);  // whatever happens, it does not stay
  {
    const fd report = inherited<fd>("report"), memory = inherited<fd>("tally");
    void* page = ::mmap(nullptr, sizeof(tally), PROT_READ | PROT_WRITE, MAP_SHARED, memory.get(), 0);
    const stage at{std::getenv("TRANSOM_KILL_URL"), *std::getenv("TRANSOM_KILL_LOSES") == '1',
                   *static_cast<tally*>(page), report.get()};
    const std::string_view name = role;
    if (name == "producer") produce(at);
    else if (name == "consumer") consume(at);
    else if (name == "naive_producer") naive_produce(at);
    else if (name == "naive_consumer") naive_consume(at);
  }
  std::exit(0);
}

}  // namespace transom::soak
