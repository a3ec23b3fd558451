// bench/goals/ours_life.cpp - P18: what a channel costs before the first message and after the last breath. How long an
// end takes to open; what an idle default channel occupies; how soon a receiver knows that its sender was killed.
#include <sys/stat.h>
#include <time.h>

#include <array>
#include <filesystem>
#include <optional>
#include <stdexcept>

#include "bench/goals/contender.hpp"
#include "bench/goals/loops.hpp"
#include "bench/goals/ours.hpp"
#include "transom/transom.hpp"

namespace goals {
namespace {

using message = std::array<word, 7>;
using transom::errc;

template <typename Part>
void saying_what_is_unsupported(Part part) {
  try {
    part();
  } catch (const transom::exception& e) {
    if (e.reason() == errc::unsupported) throw refusal(e.reason().message());
    throw;
  }
}

// The owner opens, then the sender in the other process finds the name already there; each times its own call.
void open_and_close(side& s) {
  const task t = s.task();
  std::vector<std::uint64_t> samples;
  s.pin();
  const tick_ruler ruler;
  for (std::size_t i = 0; i < t.warm_up + t.count; ++i) {
    const std::string url = our_url(s, std::string(s.page().token) + "-" + std::to_string(i));
    std::optional<transom::receiver<message>> rx;
    std::optional<transom::sender<message>> tx;
    if (s.begins()) s.meet();
    const std::uint64_t begun = ticks();
    if (s.begins()) tx.emplace(url);
    else rx.emplace(url);
    if (i >= t.warm_up) samples.push_back(ticks() - begun);
    if (!s.begins()) s.meet();
    s.meet();
    tx.reset();
    s.meet();
  }
  describe(samples, ruler.ns_per_tick(), 1, s.result());
  s.meet();
}

void look_at_idle(side& s) {
  const std::string url = our_url(s, s.page().token);
  std::optional<transom::receiver<message>> rx;
  std::optional<transom::sender<message>> tx;
  if (!s.begins()) rx.emplace(url);
  s.meet();
  if (s.begins()) {
    tx.emplace(url);
    double all = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(s.directory())) {
      struct stat about{};
      if (::lstat(entry.path().c_str(), &about) == 0 && S_ISREG(about.st_mode))
        all += 512.0 * static_cast<double>(about.st_blocks);
    }
    s.result().bytes = all;
    s.result().samples = 1;
  }
  s.meet();
}

std::int64_t now() {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1'000'000'000 + t.tv_nsec;
}

// Step 2k + 1: the receiver of round k is open. Step 2k + 2: it has said that its sender died, or something wrong.
void survive(side& s) {
  s.pin();
  for (std::size_t k = 0; k < s.task().count; ++k) {
    const std::string url = our_url(s, std::string(s.page().token) + "-" + std::to_string(k));
    transom::receiver<message> rx(url.find("shm:") == std::string::npos ? url : url + "?watch=2ms");
    s.page().step.store(2 * k + 1, std::memory_order_release);
    for (;;) {
      auto got = rx.recv();
      if (got) continue;
      if (got.error() != errc::peer_died) throw std::runtime_error("after a kill: " + got.error().message());
      s.page().stamps[k] = now();
      break;
    }
    s.page().step.store(2 * k + 2, std::memory_order_release);
  }
}

// Sends until it is killed.
[[noreturn]] void be_killed(side& s) {
  s.pin();
  const std::uint64_t round = s.page().step.load(std::memory_order_acquire) / 2;
  transom::sender<message> tx(our_url(s, std::string(s.page().token) + "-" + std::to_string(round)));
  const message nothing{};
  for (;;) {
    tx.send(nothing).or_throw();
    s.page().beat.fetch_add(1, std::memory_order_relaxed);
  }
}

void play_opening(side& s) {
  saying_what_is_unsupported([&] { open_and_close(s); });
}
void play_idle(side& s) {
  saying_what_is_unsupported([&] { look_at_idle(s); });
}
void play_recovery(side& s) {
  saying_what_is_unsupported([&] {
    if (s.begins()) be_killed(s);
    survive(s);
  });
}

}  // namespace

const contender& transom_opening() {
  static const contender it{.name = "transom",
                            .mechanism = "shm",
                            .expert = "default options; the receiver's open and the sender's, added",
                            .play = play_opening};
  return it;
}
const contender& transom_idle() {
  static const contender it{.name = "transom",
                            .mechanism = "shm",
                            .expert = "default options; allocated blocks of all files of the run's own TRANSOM_DIR",
                            .play = play_idle};
  return it;
}
const contender& transom_recovery() {
  static const contender it{
      .name = "transom",
      .mechanism = "shm",
      .expert = "watch=2ms; SIGKILL while it sends; from the pidfd saying so to peer_died out of recv()",
      .play = play_recovery};
  return it;
}

}  // namespace goals
