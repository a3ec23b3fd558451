// transom/os/membarrier_test.cpp - a compiler fence here and fence_others() there forbid what two compiler fences
// allow.
//
// Oracle: the store-buffering litmus test between two processes, many rounds. The control runs the same rounds with a
// compiler fence on both sides and finds the forbidden outcome, at once where both processes run at the same time; if
// it does not, it says so, and the zero above means little.
#include "transom/os/membarrier.hpp"

#include <gtest/gtest.h>
#include <sys/syscall.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <thread>

#include "transom/base/clock.hpp"
#include "transom/os/mapping.hpp"
#include "transom/os/old_kernel.hpp"
#include "transom/os/testing.hpp"

using namespace std::chrono_literals;
namespace os = transom::os;
using os::testing::in_child;

namespace {

using word = std::atomic<std::uint32_t>;

// The two words of a round are on lines of their own, and new for each round of a lap.
struct litmus {
  static constexpr std::uint32_t lap = 64;
  // Not std::atomic: without optimization GCC makes each of its stores a sequentially consistent one.
  struct alignas(64) line {
    std::uint32_t value = 0;
    void store(std::uint32_t to) { __atomic_store_n(&value, to, __ATOMIC_RELAXED); }
    std::uint32_t load() const { return __atomic_load_n(&value, __ATOMIC_RELAXED); }
  };
  line x[lap], y[lap];
  alignas(64) word frequent_round{0};
  alignas(64) word rare_round{0};
  alignas(64) word stop{0};
  line frequent_read[lap];  // what it read in a round: written before frequent_round grows
};

void await(const word& round, std::uint32_t value, const word& stop) {
  for (int spins = 0; round.load(std::memory_order_acquire) < value && stop.load() == 0; ++spins)
    if (spins > 2000) std::this_thread::yield();
}

// How many rounds, as many as there is time for, ended with both reads missing the other's store. Stops at the first
// if `enough`.
template <typename Fence>
int forbidden_outcomes(std::chrono::milliseconds time, bool enough, Fence fence) {
  constexpr std::uint32_t rounds = 20'000'000;
  const auto until = transom::deadline::after(time);
  auto memory = os::mapping::anonymous(sizeof(litmus), os::share::shared).or_throw();
  auto& all = *new (memory.data()) litmus;
  EXPECT_TRUE(os::can_fence_others());
  os::testing::forked frequent([&] {
    if (!os::can_fence_others()) return 1;
    for (std::uint32_t n = 0; n < rounds && all.stop.load() == 0; ++n) {
      const std::uint32_t at = n % litmus::lap;
      await(all.rare_round, n, all.stop);
      all.x[at].store(n + 1);
      std::atomic_signal_fence(std::memory_order_seq_cst);
      const std::uint32_t seen = all.y[at].load();
      all.frequent_read[at].store(seen);
      all.frequent_round.store(n + 1, std::memory_order_release);
    }
    return 0;
  });
  int found = 0;
  for (std::uint32_t n = 0; n < rounds && (n % 64 != 0 || !until.expired()); ++n) {
    const std::uint32_t at = n % litmus::lap;
    await(all.frequent_round, n, all.stop);
    all.rare_round.store(n, std::memory_order_release);
    // The other side needs a moment to see that; both stores are to come at the same time.
    for (std::uint32_t pause = 0; pause < n % 256; ++pause) std::atomic_signal_fence(std::memory_order_seq_cst);
    all.y[at].store(n + 1);
    fence();
    const std::uint32_t seen = all.x[at].load();
    await(all.frequent_round, n + 1, all.stop);
    if (seen != n + 1 && all.frequent_read[at].load() != n + 1) ++found;
    if (found != 0 && enough) break;
  }
  all.stop.store(1);
  all.rare_round.store(rounds);
  EXPECT_EQ(frequent.wait(), 0);
  return found;
}

}  // namespace

TEST(membarrier, a_compiler_fence_is_enough_for_the_side_whose_peer_fences_others) {
  if (!os::can_fence_others()) GTEST_SKIP() << "this kernel does not offer it";
  EXPECT_EQ(forbidden_outcomes(300ms, false, [] { EXPECT_TRUE(os::fence_others()); }), 0);
}

TEST(membarrier, two_compiler_fences_are_not_enough) {
  if (!os::can_fence_others()) GTEST_SKIP() << "this kernel does not offer it";
  if (std::thread::hardware_concurrency() < 2) GTEST_SKIP() << "one CPU sees its own stores in order";
  const auto fence = [] { std::atomic_signal_fence(std::memory_order_seq_cst); };
  if (forbidden_outcomes(10s, true, fence) == 0)
    GTEST_SKIP() << "nothing found: on a machine this busy the two sides never ran at once, and the test above is weak";
}

TEST(membarrier, a_child_of_fork_registers_anew) {
  const bool here = os::can_fence_others();
  EXPECT_TRUE(in_child([&] { return os::can_fence_others() == here; }));
}

TEST(membarrier, where_the_kernel_refuses_it_says_so_and_fencing_is_harmless) {
  os::can_fence_others();
  for (const int number : {ENOSYS, EPERM, EINVAL}) {
    EXPECT_TRUE(in_child([&] {
      return os::testing::refuse_call(SYS_membarrier, number) && !os::can_fence_others() && !os::fence_others() &&
             !os::can_fence_others();
    })) << number;
  }
}

TEST(membarrier, a_refusal_that_begins_later_is_reported_by_the_fence_itself) {
  if (!os::can_fence_others()) GTEST_SKIP() << "this kernel does not offer it";
  EXPECT_TRUE(in_child([] {
    return os::can_fence_others() && os::testing::refuse_call(SYS_membarrier, EPERM) && os::can_fence_others() &&
           !os::fence_others();
  }));
}
