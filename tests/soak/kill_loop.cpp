// tests/soak/kill_loop.cpp - kills one side of a busy channel at a random moment, over every mechanism in turn, and
// holds the survivor to the matrix.
//
//     transom_kill_loop [--seconds N] [--seed S] [--json]
//
// A round starts a producer and a consumer on the same name as the round before, so each round also proves that what
// the last victim left behind is replaced. Then, at a moment that the seed decides, one of them gets SIGKILL:
//
//   flow   while messages pass. The survivor must be told what the matrix says within 1 s; nothing may be torn,
//          doubled or out of order; a surviving consumer must have everything that send() had accepted (and at most
//          one more: the message whose acceptance the dead one could not note down any more).
//   birth  at any moment from its start on, then the other one too. Nothing is judged but the next round.
//
// The second is that of the survivor's own clock reading. A machine that is busy can delay any process; a thread here
// measures how late wake-ups come during the round, and that much is allowed on top.
//
// Control: the same judge looks at a pair that uses a plain stream socket without an orderly end, which takes death for
// the end of the data. If the judge finds nothing wrong with it, it is worthless, and the program fails.
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <map>
#include <random>
#include <thread>

#include "tests/conformance/matrix.hpp"
#include "tests/soak/roles.hpp"
#include "transom/channel/channel_pair.hpp"
#include "transom/os/posix_queue.hpp"
#include "transom/os/sysv_queue.hpp"
#include "transom/os/testing.hpp"
#include "transom/os/timerfd.hpp"
#include "transom/shm/testing.hpp"

using namespace std::chrono_literals;
using namespace transom;
using conformance::meeting;
using conformance::row;
using soak::side;
using soak::tally;
using soak::verdict;

namespace {

struct score {
  int kills = 0, bad = 0;
  double slowest_ms = 0;
};

// The worst by which a wake-up came late, since reset().
class scheduling_noise {
 public:
  scheduling_noise()
      : thread_([this](std::stop_token stop) {
          const auto clock = os::timerfd::make().or_throw();
          while (!stop.stop_requested()) {
            const auto due = soak::now_ns() + 5'000'000;
            clock.once(5ms).or_throw();
            (void)clock.take().or_throw();
            const auto late = soak::now_ns() - due;
            if (late > worst_.load(std::memory_order_relaxed)) worst_.store(late, std::memory_order_relaxed);
          }
        }) {}
  void reset() { worst_.store(0, std::memory_order_relaxed); }
  std::int64_t worst_ns() const { return worst_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> worst_{0};
  std::jthread thread_;
};

// The memory in which both sides count, new for each round.
class counting_page {
 public:
  counting_page() : memory_(::memfd_create("tally", MFD_CLOEXEC)) {
    if (::ftruncate(memory_.get(), sizeof(tally)) != 0) throw std::runtime_error("ftruncate");
    page_ = ::mmap(nullptr, sizeof(tally), PROT_READ | PROT_WRITE, MAP_SHARED, memory_.get(), 0);
  }
  counting_page(const counting_page&) = delete;
  counting_page& operator=(const counting_page&) = delete;
  ~counting_page() { ::munmap(page_, sizeof(tally)); }
  int fd() const { return memory_.get(); }
  std::uint64_t accepted() const { return static_cast<tally*>(page_)->accepted.load(std::memory_order_acquire); }
  std::uint64_t received() const { return static_cast<tally*>(page_)->received.load(std::memory_order_acquire); }

 private:
  transom::fd memory_;
  void* page_;
};

class loop {
 public:
  explicit loop(std::uint64_t seed) : random_(seed) { std::ofstream(files_ / "key") << "for ftok"; }

  /// One round over `r`.
  void round(const row& r) {
    counting_page page;
    noise_.reset();
    auto [producer, consumer] = start(r, page);
    const bool kills_producer = random_() % 2 == 0;
    side& victim = kills_producer ? producer : consumer;
    side& survivor = kills_producer ? consumer : producer;
    ++total(r).kills;
    if (random_() % 5 == 0) {
      until_random_moment(15ms);
      victim.kill();
      victim.reap();
      until_random_moment(1ms);
      return;  // the survivor goes with its object
    }
    if (const auto why = obstacle(producer) + obstacle(consumer); !why.empty())
      return bad(r, "no message passes: " + why);
    until_random_moment(10ms);
    victim.kill();
    const auto killed = soak::now_ns();
    victim.reap();
    judge(r, kills_producer, killed, victim, survivor, page);
  }

  /// The same judge over a pair that must not pass; how many rounds it found bad.
  int control(int rounds) {
    static constexpr row naive{.name = "naive (control)", .meets = meeting::descriptor, .url = "", .features = {}};
    quiet_ = true;
    for (int i = 0; i < rounds; ++i) round(naive);
    quiet_ = false;
    const int found = scores_[naive.name].bad;
    scores_.erase(naive.name);
    return found;
  }

  /// What is left when every name has been taken and given back once more.
  void bury_and_look(std::span<const row* const> rows) {
    for (const row* r : rows) {
      if (!r->named()) continue;
      auto rx = receiver<std::string>::open(url_of(*r), how(*r));
      if (!rx) bad(*r, "the name cannot be had again: " + rx.error().message());
    }
    for (const auto& file : records_.files()) leak("record " + file);
    for (const auto& file : std::filesystem::directory_iterator(files_.path()))
      if (file.path().filename() != "key") leak("file " + file.path().string());
    if (os::posix_queue::open("/" + name_)) leak("POSIX queue " + name_);
    if (os::sysv_queue::open(files_ / "key", 1)) leak("System V queue");
    if (::waitpid(-1, nullptr, WNOHANG) != -1) leak("process");
  }
  void leak(const std::string& what) {
    ++leaks_;
    std::cout << "left behind: " << what << "\n";
  }

  const std::map<std::string, score>& scores() const { return scores_; }
  int leaks() const { return leaks_; }

 private:
  score& total(const row& r) { return scores_[r.name]; }
  static options how(const row& r) { return {.on_full = r.loses() ? overflow::drop_newest : overflow::block}; }
  // Until a moment that the seed decides.
  void until_random_moment(std::chrono::microseconds most) {
    moment_.once(std::chrono::microseconds(random_() % static_cast<std::uint64_t>(most.count()))).or_throw();
    (void)moment_.take().or_throw();
  }

  // The same name in every round; a network port is asked for once.
  std::string url_of(const row& r) {
    std::string& url = urls_[r.name];
    if (url.empty()) {
      url = r.url_at(files_ / r.name, name_, files_ / "key");
      if (url.ends_with(":0")) url = receiver<std::string>::open(url, how(r)).or_throw().url();
    }
    return url;
  }

  std::pair<side, side> start(const row& r, const counting_page& page) {
    command for_producer = soak::self(), for_consumer = soak::self();
    std::string url, naive;
    if (r.named()) {
      url = url_of(r);
    } else if (r.meets == meeting::anonymous) {
      channel<std::string> both(r.url);
      for_producer.give("end", std::move(both.tx));
      for_consumer.give("end", std::move(both.rx));
    } else {
      int both[2];
      if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, both) != 0) throw std::runtime_error("socketpair");
      for_producer.give("end", fd(both[0]));
      for_consumer.give("end", fd(both[1]));
      naive = "naive_";
    }
    side first(naive + "consumer", url, r.loses(), page.fd(), std::move(for_consumer));
    side second(naive + "producer", url, r.loses(), page.fd(), std::move(for_producer));
    return {std::move(second), std::move(first)};
  }

  // Why no message passes; empty: they do.
  static std::string obstacle(side& one) {
    const auto said = one.hear(10s);
    if (!said) return "nothing within 10 s ";
    return std::string_view(said->outcome) == "flows" ? "" : words(*said) + " ";
  }

  void judge(const row& r, bool killed_producer, std::int64_t killed, side& victim, side& survivor,
             const counting_page& page) {
    if (const auto before = victim.hear(0ms)) return bad(r, "before its death the victim said " + words(*before));
    const std::string expected = killed_producer ? r.sees.sender_dies : r.sees.receiver_dies;
    if (expected == "never") {
      if (const auto said = survivor.hear(50ms)) bad(r, "a survivor that cannot know said " + words(*said));
      return;
    }
    const auto said = survivor.hear(10s);
    if (!said) return bad(r, "no verdict within 10 s");
    if (said->outcome != expected) return bad(r, "expected " + expected + ", said " + words(*said));
    if (std::string_view(said->afterwards) != "closed")
      return bad(r, "after " + expected + " came " + said->afterwards + " and not closed");
    const std::uint64_t accepted = page.accepted();
    if (killed_producer && (said->count < accepted || said->count > accepted + 1)) {
      return bad(r, "received " + std::to_string(said->count) + " of " + std::to_string(accepted) + " accepted");
    }
    if (!killed_producer && page.received() > said->count) return bad(r, "received more than was accepted");
    const double took_ms = static_cast<double>(std::max<std::int64_t>(0, said->when_ns - killed)) / 1e6;
    total(r).slowest_ms = std::max(total(r).slowest_ms, took_ms);
    if (took_ms > 1000 + static_cast<double>(noise_.worst_ns()) / 1e6)
      bad(r, "told after " + std::to_string(took_ms) + " ms");
  }

  void bad(const row& r, const std::string& why) {
    ++total(r).bad;
    if (!quiet_) std::cout << "bad: " << r.name << ": " << why << "\n";
  }
  static std::string words(const verdict& v) { return std::string(v.outcome) + " (" + v.text + ")"; }

  std::mt19937_64 random_;
  os::timerfd moment_ = os::timerfd::make().or_throw();
  shm::testing::scratch records_;
  os::testing::temporary_directory files_;
  std::string name_ = os::testing::unique_name();
  scheduling_noise noise_;
  std::map<std::string, std::string> urls_;
  std::map<std::string, score> scores_;
  bool quiet_ = false;
  int leaks_ = 0;
};

struct arguments {
  int seconds = 5;
  std::uint64_t seed = std::random_device{}();
  bool json = false;
};

arguments parse(int count, char** values) {
  arguments a;
  if (const char* said = std::getenv("TRANSOM_SOAK_SECONDS")) a.seconds = std::atoi(said);
  for (int i = 1; i < count; ++i) {
    const std::string_view word = values[i];
    const auto number = [&](auto& into) {
      const std::string_view text = ++i < count ? values[i] : "";
      if (std::from_chars(text.begin(), text.end(), into).ec == std::errc{}) return;
      std::cerr << word << " takes a number\n";
      std::exit(64);
    };
    if (word == "--seconds") number(a.seconds);
    else if (word == "--seed") number(a.seed);
    else if (word == "--json") a.json = true;
    else {
      std::cerr << "usage: transom_kill_loop [--seconds N] [--seed S] [--json]\n";
      std::exit(64);
    }
  }
  return a;
}

std::string machine() {
  utsname name{};
  ::uname(&name);
  return std::string(name.sysname) + " " + name.release + " " + name.machine + ", " +
         std::to_string(std::thread::hardware_concurrency()) + " processors";
}

}  // namespace

int main(int count, char** values) {
  soak::play_the_role_if_told();
  const arguments wanted = parse(count, values);
  std::vector<const row*> rows;
  for (const row& r : conformance::matrix())
    if (!r.foreign && !r.one_process && r.meets != meeting::descriptor) rows.push_back(&r);

  const auto descriptors = os::testing::open_descriptors();
  const auto begin = soak::now_ns();
  int total = 0, bad = 0, leaks = 0, control_bad = 0;
  constexpr int control_rounds = 10;
  std::map<std::string, score> scores;
  {
    loop run(wanted.seed);
    for (bool first = true; first || soak::now_ns() - begin < wanted.seconds * 1'000'000'000LL; first = false)
      for (const row* r : rows) run.round(*r);
    run.bury_and_look(rows);
    scores = run.scores();
    control_bad = run.control(control_rounds);
    leaks = run.leaks();
  }
  if (os::testing::open_descriptors() > descriptors) {
    ++leaks;
    std::cout << "left behind: " << os::testing::open_descriptors() - descriptors << " descriptors\n";
  }
  const double seconds = static_cast<double>(soak::now_ns() - begin) / 1e9;
  for (const auto& [name, s] : scores) total += s.kills, bad += s.bad;
  const bool proved = bad == 0 && leaks == 0 && control_bad > 0;

  if (wanted.json) {
    std::cout << "{\"format\": \"transom.proof/1\", \"what\": \"kill loop\", \"n\": " << total << ", \"bad\": " << bad
              << ", \"leaks\": " << leaks << ", \"seed\": " << wanted.seed << ", \"seconds\": " << seconds
              << ", \"machine\": \"" << machine() << "\", \"control\": {\"n\": " << control_rounds
              << ", \"bad\": " << control_bad << "}, \"schemes\": {";
    const char* comma = "";
    for (const auto& [name, s] : scores) {
      std::cout << comma << "\"" << name << "\": {\"n\": " << s.kills << ", \"bad\": " << s.bad
                << ", \"slowest_ms\": " << s.slowest_ms << "}";
      comma = ", ";
    }
    std::cout << "}}\n";
  } else {
    for (const auto& [name, s] : scores)
      std::printf("%-18s %5d kills  %d bad  told after at most %.1f ms\n", name.c_str(), s.kills, s.bad, s.slowest_ms);
    std::printf("kill loop: %d kills, %d bad, %d left behind, seed %llu, %.1f s, %s\n", total, bad, leaks,
                static_cast<unsigned long long>(wanted.seed), seconds, machine().c_str());
    std::printf("control: a pair without an orderly end, %d kills, %d bad%s\n", control_rounds, control_bad,
                control_bad > 0 ? "" : ": the judge sees nothing");
  }
  return proved ? 0 : 1;
}
