// bench/goals/conductor_killing.cpp - the part of the conductor that kills: P18's recovery.
//
// The clock starts when the kernel says that the sender is dead (its pidfd is readable), because until then its locks
// are held and nobody can know; it stops when recv() of the receiver has returned with peer_died. Both read
// CLOCK_MONOTONIC. A receiver that knew before the conductor was awake counts as 0.
#include <poll.h>
#include <signal.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <thread>
#include <vector>

#include "bench/goals/conductor.hpp"
#include "bench/goals/statistics.hpp"

namespace goals {
namespace {

using namespace std::chrono_literals;
constexpr auto longest_step = 10s;

std::int64_t now() {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1'000'000'000 + t.tv_nsec;
}

// Waits, asleep, until `holds` or the survivor has ended or too much time has passed.
template <typename Condition>
bool comes(Condition holds, const transom::child& survivor) {
  for (const auto until = std::chrono::steady_clock::now() + longest_step;;) {
    if (holds()) return true;
    pollfd item{survivor.fd(), POLLIN, 0};
    if (::poll(&item, 1, 0) == 1 || std::chrono::steady_clock::now() > until) return holds();
    std::this_thread::sleep_for(50us);
  }
}

}  // namespace

answer conductor::kill_again_and_again(const meeting& met) {
  page& p = met.page();
  const std::size_t rounds = std::min(p.task.count, most_stamps);
  std::minstd_rand random(static_cast<unsigned>(measured_));
  std::vector<std::uint64_t> taken;
  transom::child survivor = start(met, false);
  bool well = true;
  for (std::size_t k = 0; k < rounds && well; ++k) {
    if (stop_.stop_requested()) throw transom::exception(transom::error(transom::errc::canceled, "measure"));
    const auto step = [&] { return p.step.load(std::memory_order_acquire); };
    well = comes([&] { return step() >= 2 * k + 1; }, survivor);
    if (!well) break;
    p.beat.store(0, std::memory_order_relaxed);
    transom::child victim = start(met, true);
    const std::uint64_t enough = 100 + random() % 1'000;
    well = comes([&] { return p.beat.load(std::memory_order_relaxed) >= enough || p.refused != 0; }, survivor);
    victim.kill(SIGKILL).ignore();
    pollfd item{victim.fd(), POLLIN, 0};
    ::poll(&item, 1, -1);
    const std::int64_t dead = now();
    well = well && comes([&] { return step() >= 2 * k + 2; }, survivor);
    if (well) taken.push_back(static_cast<std::uint64_t>(std::max<std::int64_t>(0, p.stamps[k] - dead)));
  }
  std::string words = well ? "" : "a receiver did not learn of the death within 10 s";
  if (well) well = survivor.wait_for(longest_step).or_throw().success();
  else survivor.wait_for(300ms).ignore();
  describe(taken, 1, 1, p.results[0]);
  return judge(met, well, p.words[0][0] != '\0' || p.words[1][0] != '\0' ? "" : words);
}

}  // namespace goals
