// bench/sync_bench.cpp - what the primitives of sync cost beside the plain thing they stand for, in the same run: a
// lock beside pthread_mutex, a semaphore and an event beside a bare futex, latest<T> beside a copy of T.
//
// Method: two processes on two processors, in one shared<T>; after a warm-up round the two sides of a row take turns,
// one right after the other, and the row is the median of the ratios of those pairs. Prints, asserts nothing.
#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "tools/machine.hpp"
#include "transom/os/futex.hpp"
#include "transom/transom.hpp"

// It keeps a pointer of glibc's own, good in the process alone that has just locked it.
template <>
inline constexpr bool transom::enable_shareable<pthread_mutex_t> = true;

namespace {

using transom::sync::atomic;

template <std::size_t Size>
using block = std::array<std::uint64_t, Size / 8>;

/// What both processes work on. Each thing on lines of its own.
struct workplace {
  alignas(256) transom::sync::mutex mutex;
  alignas(256) pthread_mutex_t plain, robust;
  alignas(256) std::uint64_t guarded = 0;
  alignas(256) atomic<std::uint32_t> ball{0};
  alignas(256) transom::sync::semaphore to{0};
  alignas(256) transom::sync::semaphore fro{0};
  alignas(256) transom::sync::event there, back;
  alignas(256) transom::sync::latest<block<16>> of16;
  alignas(256) transom::sync::latest<block<64>> of64;
  alignas(256) transom::sync::latest<block<256>> of256;
  alignas(256) transom::sync::latest<block<4096>> of4096;
  alignas(256) atomic<std::uint32_t> task{0}, done{0};  // the helper's orders
};

enum task : std::uint32_t { none, our_lock, robust_lock, futex_ball, our_semaphore, our_event, leave };

constexpr std::uint32_t locks = 200'000, trips = 5'000;

void pin(int cpu) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  ::sched_setaffinity(0, sizeof one, &one);
}

void must(int failed) {
  if (failed != 0) throw std::system_error(failed, std::system_category(), "pthread_mutex");
}

void initialise(pthread_mutex_t& lock, bool robust) {
  pthread_mutexattr_t how;
  must(::pthread_mutexattr_init(&how));
  must(::pthread_mutexattr_setpshared(&how, PTHREAD_PROCESS_SHARED));
  if (robust) must(::pthread_mutexattr_setrobust(&how, PTHREAD_MUTEX_ROBUST));
  must(::pthread_mutex_init(&lock, &how));
  ::pthread_mutexattr_destroy(&how);
}

// One side of a game of two. The ball goes to and fro: even values are the parent's.
void play_ball(atomic<std::uint32_t>& ball, std::uint32_t mine, std::uint32_t from) {
  for (std::uint32_t n = from + mine; n < from + 2 * trips; n += 2) {
    for (std::uint32_t seen = ball.load(transom::sync::acquire); seen != n; seen = ball.load(transom::sync::acquire))
      transom::os::futex_wait(&ball, seen, {std::chrono::seconds(10)});
    ball.store(n + 1, transom::sync::release);
    transom::os::futex_wake(&ball, 1);
  }
}

void half(workplace& at, std::uint32_t what, bool child, std::uint32_t round) {
  switch (what) {
    case our_lock:
      for (std::uint32_t i = 0; i < locks; ++i) {
        const auto held = at.mutex.lock().or_throw();
        ++at.guarded;
      }
      break;
    case robust_lock:
      for (std::uint32_t i = 0; i < locks; ++i) {
        must(::pthread_mutex_lock(&at.robust));
        ++at.guarded;
        must(::pthread_mutex_unlock(&at.robust));
      }
      break;
    case futex_ball: play_ball(at.ball, child ? 1 : 0, round * 2 * trips); break;
    case our_semaphore:
      for (std::uint32_t i = 0; i < trips; ++i) {
        if (!child) at.to.release();
        (child ? at.to : at.fro).acquire().or_throw();
        if (child) at.fro.release();
      }
      break;
    case our_event:
      for (std::uint32_t i = 0; i < trips; ++i) {
        const std::uint32_t seen = round * trips + i;
        if (!child) at.there.notify();
        (child ? at.there : at.back).wait(seen).or_throw();
        if (child) at.back.notify();
      }
      break;
    default: break;
  }
}

int help(const std::string& url) {
  pin(1);
  transom::shared<workplace> at{url};
  std::array<std::uint32_t, leave> rounds{};
  for (std::uint32_t orders = 0;;) {
    while (at->task.load(transom::sync::acquire) >> 8 == orders) ::sched_yield();
    const std::uint32_t order = at->task.load(transom::sync::acquire);
    orders = order >> 8;
    if ((order & 255) == leave) return 0;
    half(*at, order & 255, true, rounds.at(order & 255)++);
    at->done.store(orders, transom::sync::release);
  }
}

double seconds(const std::function<void()>& work) {
  const auto begun = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
}

/// The helper's employer.
class bench {
 public:
  bench(workplace& at, int rounds) : at_(at), rounds_(rounds) {}

  // Both processes at it; nanoseconds for one operation of one side.
  double together(task what, std::uint32_t count) {
    const std::uint32_t round = played_.at(what)++;
    at_.task.store(++orders_ << 8 | what, transom::sync::release);
    const double time = seconds([&] { half(at_, what, false, round); });
    while (at_.done.load(transom::sync::acquire) != orders_) ::sched_yield();
    return time / count * 1e9;
  }
  void dismiss() { at_.task.store(++orders_ << 8 | leave, transom::sync::release); }

  void row(const std::string& name, const std::string& beside, double goal, const std::function<double()>& reference,
           const std::function<double()>& ours) {
    std::vector<double> ratios, bare, ns;
    for (int round = 0; round <= rounds_; ++round) {
      const double r = reference(), o = ours();
      if (round == 0) continue;  // warm-up
      ratios.push_back(o / r);
      bare.push_back(r);
      ns.push_back(o);
    }
    for (auto* all : {&ratios, &bare, &ns}) std::ranges::sort(*all);
    const double ratio = ratios[ratios.size() / 2];
    fmt::print("{:<40} {:>10.1f} {:>10.1f} {:>7.2f}x  <= {:.2f} {:<6}  {}\n", name, bare[bare.size() / 2],
               ns[ns.size() / 2], ratio, goal, ratio <= goal ? "met" : "missed", beside);
    rows_.push_back({{"name", name},
                     {"reference", beside},
                     {"reference_ns", bare[bare.size() / 2]},
                     {"ns", ns[ns.size() / 2]},
                     {"ratio", ratio},
                     {"spread", ratios.back() - ratios.front()},
                     {"goal", goal}});
  }
  const nlohmann::json& rows() const { return rows_; }

 private:
  workplace& at_;
  int rounds_;
  std::uint32_t orders_ = 0;
  std::array<std::uint32_t, leave> played_{};
  nlohmann::json rows_ = nlohmann::json::array();
};

template <typename T>
void copies(bench& b, transom::sync::latest<T>& shown, std::uint32_t count) {
  T plain{}, into{};
  shown.store(plain);
  const auto keep = [&] { asm volatile("" : : "r"(&into), "r"(&plain) : "memory"); };
  b.row(
      fmt::format("latest<T>::load, {} B, nobody writes", sizeof(T)), "a copy of T", 1.2,
      [&] {
        return seconds([&] {
                 for (std::uint32_t i = 0; i < count; ++i) {
                   into = plain;
                   keep();
                 }
               }) /
               count * 1e9;
      },
      [&] {
        return seconds([&] {
                 for (std::uint32_t i = 0; i < count; ++i) {
                   shown.load(into);
                   keep();
                 }
               }) /
               count * 1e9;
      });
}

int run(int rounds, const std::string& json_file) {
  transom::shared<workplace> at{"shm://transom-sync-bench-" + std::to_string(::getpid())};
  initialise(at->plain, false);
  initialise(at->robust, true);
  auto helper = transom::command{"/proc/self/exe"}.arg("--help-at").arg(at.url()).spawn().or_throw();
  pin(0);
  const auto machine = tools::this_machine();
  fmt::print("{}\nnanoseconds for one operation; medians of {} pairs\n", machine.sentence(), rounds);
  fmt::print("{:<40} {:>10} {:>10} {:>8}  {:<14} {}\n", "", "reference", "transom", "ratio", "goal", "reference");
  bench b(*at, rounds);
  const auto alone = [&](auto step) {
    return seconds([&] {
             for (std::uint32_t i = 0; i < locks; ++i) step();
           }) /
           locks * 1e9;
  };
  b.row(
      "lock and unlock, nobody else", "pthread_mutex, process-shared", 1.1,
      [&] {
        return alone([&] {
          ::pthread_mutex_lock(&at->plain);
          ::pthread_mutex_unlock(&at->plain);
        });
      },
      [&] { return alone([&] { const auto held = at->mutex.lock().or_throw(); }); });
  b.row(
      "lock and unlock, two processes", "pthread_mutex, robust", 1.0, [&] { return b.together(robust_lock, locks); },
      [&] { return b.together(our_lock, locks); });
  b.row(
      "semaphore, there and back", "bare futex", 1.05, [&] { return b.together(futex_ball, trips); },
      [&] { return b.together(our_semaphore, trips); });
  b.row(
      "event, there and back", "bare futex", 1.05, [&] { return b.together(futex_ball, trips); },
      [&] { return b.together(our_event, trips); });
  copies(b, at->of16, 2'000'000);
  copies(b, at->of64, 2'000'000);
  copies(b, at->of256, 1'000'000);
  copies(b, at->of4096, 100'000);
  b.dismiss();
  if (!helper.wait().or_throw().success()) throw std::runtime_error("the helper failed");
  if (json_file.empty()) return 0;
  std::ofstream file(json_file);
  file << nlohmann::json{{"format", "transom.bench/1"}, {"machine", machine.json()}, {"rows", b.rows()}}.dump(2)
       << '\n';
  return file.good() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  int rounds = 9;
  std::string json_file;
  try {
    for (int i = 1; i < argc; ++i) {
      const std::string argument = argv[i];
      const bool more = i + 1 < argc;
      if (argument == "--help-at" && more) return help(argv[++i]);
      if (argument == "--rounds" && more) rounds = std::max(1, std::atoi(argv[++i]));
      else if (argument == "--json" && more) json_file = argv[++i];
      else {
        fmt::print(
            argument == "--help" ? stdout : stderr,
            "sync_bench [--rounds N] [--json FILE]\nThe primitives of sync beside what they stand for, as ratios.\n");
        return argument == "--help" ? 0 : 2;
      }
    }
    return run(rounds, json_file);
  } catch (const std::exception& e) {
    fmt::print(stderr, "sync_bench: {}\n", e.what());
    return 1;
  }
}
