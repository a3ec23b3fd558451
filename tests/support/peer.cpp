// tests/support/peer.cpp - see peer.hpp.
#include "tests/support/peer.hpp"

#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <thread>
#include <vector>

#include "transom/base/ensure.hpp"
#include "transom/process/command.hpp"
#include "transom/process/inherited.hpp"

namespace transom::testing {
namespace {

constexpr const char* peer_variable = "TRANSOM_TEST_PEER";

template <std::size_t N>
void put(char (&into)[N], std::string_view text) {
  const std::size_t size = std::min(text.size(), N - 1);
  text.copy(into, size);
  into[size] = '\0';
}

// The kernel keeps the boundaries (SOCK_SEQPACKET). False: the other side has gone.
template <typename T>
bool say(int to, const T& what) {
  ssize_t n;
  do n = ::send(to, &what, sizeof what, MSG_NOSIGNAL);
  while (n == -1 && errno == EINTR);
  return n == static_cast<ssize_t>(sizeof what);
}
template <typename T>
bool hear(int from, T& what) {
  ssize_t n;
  do n = ::recv(from, &what, sizeof what, 0);
  while (n == -1 && errno == EINTR);
  return n == static_cast<ssize_t>(sizeof what);
}

// Whoever it is that acts: the thread, or the process.
class actor {
 public:
  actor(int orders, endowment with, std::stop_token stop)
      : orders_(orders), with_(std::move(with)), stop_(std::move(stop)) {}

  void act() {
    for (order o; hear(orders_, o);) {
      answer a;
      if (o.what == verb::leave) return;
      try {
        obey(o, a);
      } catch (const std::exception& e) {
        put(a.outcome, "exception");
        put(a.text, e.what());
      }
      if (!say(orders_, a)) return;
    }
  }

 private:
  template <typename End>
  void opened(result<End> end, std::optional<End>& into, answer& a) {
    if (!end) {
      put(a.outcome, word_for(end.error()));
      put(a.text, end.error().message());
      return;
    }
    put(a.text, end->url());
    into.emplace(std::move(*end));
  }
  static void report(const run_report& run, answer& a) {
    a.count = run.count;
    put(a.outcome, run.outcome);
    put(a.text, run.complaint);
  }
  static options options_for(const order& o) { return {.on_full = o.loses ? overflow::drop_newest : overflow::block}; }

  void obey(const order& o, answer& a) {
    switch (o.what) {
      case verb::open_sender: return opened(sender<std::string>::open(o.url, options_for(o)), tx_, a);
      case verb::open_receiver: return opened(receiver<std::string>::open(o.url, options_for(o)), rx_, a);
      case verb::adopt_sender:
        if (with_.tx) tx_ = std::move(with_.tx);
        else if (with_.descriptor) opened(sender<std::string>::open(descriptor_url(o), options_for(o)), tx_, a);
        else opened(open_inherited<sender<std::string>>("end"), tx_, a);
        return;
      case verb::adopt_receiver:
        if (with_.rx) rx_ = std::move(with_.rx);
        else if (with_.descriptor) opened(receiver<std::string>::open(descriptor_url(o), options_for(o)), rx_, a);
        else opened(open_inherited<receiver<std::string>>("end"), rx_, a);
        return;
      case verb::send:
        return report(send_run(o.run, [&](const std::string& text) { return tx_.value().send_for(text, soon, stop_); }),
                      a);
      case verb::try_send: return report(try_send_all_of(tx_.value(), o.run), a);
      case verb::recv:
        if (o.loses) books_ = ledger(true);
        return report(recv_run(books_, o.is_stream, o.run.count, [&] { return rx_.value().recv_for(soon, stop_); }), a);
      case verb::close:
        tx_.reset();
        rx_.reset();
        with_ = {};
        return;
      case verb::use_up_descriptors: return use_up_descriptors();
      case verb::free_descriptors: return used_up_.clear();
      case verb::become_nobody:
        if (::setgroups(0, nullptr) != 0 || ::setresgid(65534, 65534, 65534) != 0 ||
            ::setresuid(65534, 65534, 65534) != 0)
          put(a.outcome, "failed");
        return;
      case verb::catch_signals: return catch_signals();
      case verb::leave: return;
    }
  }
  std::string descriptor_url(const order& o) { return "fd:" + std::to_string(with_.descriptor.release()) + o.url; }
  void use_up_descriptors() {
    rlimit few{};
    ::getrlimit(RLIMIT_NOFILE, &few);
    few.rlim_cur = 64;
    ::setrlimit(RLIMIT_NOFILE, &few);
    for (int d; (d = ::open("/dev/null", O_RDONLY | O_CLOEXEC)) != -1;) used_up_.emplace_back(d);
  }
  static void catch_signals() {
    struct sigaction action = {};
    action.sa_handler = [](int) {};
    action.sa_flags = 0;  // without SA_RESTART, so that calls are interrupted
    ::sigaction(SIGUSR1, &action, nullptr);
  }

  int orders_;
  endowment with_;
  std::stop_token stop_;
  std::optional<sender<std::string>> tx_;
  std::optional<receiver<std::string>> rx_;
  ledger books_;
  std::vector<fd> used_up_;
};

}  // namespace

struct peer::parts {
  fd orders;
  std::stop_source stop;
  std::thread thread;
  std::optional<child> process;
  int unanswered = 0;
};

peer::peer(sides as, endowment with) : parts_(std::make_unique<parts>()) {
  int both[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, both) != 0) throw std::runtime_error("socketpair");
  parts_->orders = fd(both[0]);
  fd theirs(both[1]);
  if (as == sides::threads) {
    parts_->thread =
        std::thread([theirs = std::move(theirs), with = std::move(with), stop = parts_->stop.get_token()]() mutable {
          actor(theirs.get(), std::move(with), stop).act();
        });
    return;
  }
  auto program = command("/proc/self/exe").env(peer_variable, "1").give("orders", std::move(theirs));
  if (with.tx) program.give("end", std::move(*with.tx));
  if (with.rx) program.give("end", std::move(*with.rx));
  if (with.descriptor) program.give("descriptor", std::move(with.descriptor)).env("TRANSOM_TEST_DESCRIPTOR", "1");
  parts_->process.emplace(program.spawn().or_throw());
}

peer::peer(peer&&) noexcept = default;
peer& peer::operator=(peer&&) noexcept = default;

peer::~peer() {
  if (!parts_) return;
  parts_->stop.request_stop();
  if (parts_->unanswered == 0) say(parts_->orders.get(), order{.what = verb::leave});
  parts_->orders.reset();
  // In good order if it is not busy; its destructor kills it if it is.
  if (parts_->process && parts_->unanswered == 0) parts_->process->wait_for(soon).ignore();
  if (parts_->thread.joinable()) parts_->thread.join();
}

peer& peer::begin(const order& what) {
  ++parts_->unanswered;
  say(parts_->orders.get(), what);
  return *this;
}

run_report peer::finish(peer& from) {
  answer a;
  --from.parts_->unanswered;
  if (!hear(from.parts_->orders.get(), a)) return {0, "gone", "the peer did not answer"};
  return a.report();
}

namespace {
order opening(verb what, const std::string& url, bool loses) {
  order o{.what = what, .loses = loses};
  detail::ensure(url.size() < sizeof o.url, "a test's URL is too long for an order");
  put(o.url, url);
  return o;
}
}  // namespace

run_report peer::open_sender(const std::string& url, bool loses) {
  return finish(begin(opening(verb::open_sender, url, loses)));
}
run_report peer::open_receiver(const std::string& url, bool loses) {
  return finish(begin(opening(verb::open_receiver, url, loses)));
}
run_report peer::adopt_sender(const std::string& url) { return finish(begin(opening(verb::adopt_sender, url, false))); }
run_report peer::adopt_receiver(const std::string& url) {
  return finish(begin(opening(verb::adopt_receiver, url, false)));
}
run_report peer::recv(std::int64_t count, bool is_stream, bool loses) {
  return finish(begin({.what = verb::recv, .loses = loses, .is_stream = is_stream, .run = {.count = count}}));
}

void peer::kill() {
  detail::ensure(parts_->process.has_value(), "only a process can be killed");
  parts_->process->kill(SIGKILL).ignore();
  parts_->process->wait().ignore();
  parts_->unanswered = 0;
}
void peer::signal(int number) { parts_->process->kill(number).ignore(); }
int peer::pid() const { return parts_->process ? parts_->process->pid() : ::getpid(); }
bool peer::is_process() const { return parts_->process.has_value(); }
void peer::pester(int number) {
  if (parts_->process) parts_->process->kill(number).ignore();
  else ::pthread_kill(parts_->thread.native_handle(), number);
}

void play_the_peer_if_told() {
  if (std::getenv(peer_variable) == nullptr) return;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::alarm(100);  // whatever happens, it does not stay
  const bool has_descriptor = std::getenv("TRANSOM_TEST_DESCRIPTOR") != nullptr;
  {
    const fd orders = inherited<fd>("orders");
    endowment with;
    if (has_descriptor) with.descriptor = inherited<fd>("descriptor");
    actor(orders.get(), std::move(with), {}).act();
  }
  std::exit(0);
}

}  // namespace transom::testing
