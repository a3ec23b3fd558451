// transom/channel/shared_lock_test.cpp - locks in a shared<T>, whose holders are real processes with real deaths.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <functional>
#include <string>

#include "transom/channel/shared.hpp"
#include "transom/sync/mutex.hpp"

namespace transom {
namespace {

using namespace std::chrono_literals;

struct bank {
  sync::mutex lock;
  std::array<long, 2> account{60, 40};
  sync::atomic<std::uint32_t> step;
};
static_assert(shareable<bank>);

std::string fresh_name() {
  static int count = 0;
  return "shm://transom-shared-lock-" + std::to_string(::getpid()) + "-" + std::to_string(++count);
}

pid_t run(const std::function<int()>& body) {
  const pid_t pid = ::fork();
  if (pid == 0) std::_Exit(body());
  return pid;
}
int state_of(pid_t pid) {
  int state = 0;
  ::waitpid(pid, &state, 0);
  return state;
}
void wait_for_step(bank& at, std::uint32_t step) {
  while (at.step.load(sync::acquire) < step) os::futex_wait(&at.step, at.step.load(sync::relaxed), {1ms});
}
[[noreturn]] void take_and_hang(const std::string& url) {
  const shared<bank> mine{url};
  auto held = mine->lock.lock().or_throw();
  mine->account[0] -= 25;
  mine->step.store(1, sync::release);
  os::futex_wake_all(&mine->step);
  for (;;) ::pause();
}

TEST(shared_lock, a_process_that_dies_with_it_leaves_it_dirty) {
  const shared<bank> mine{fresh_name()};
  const pid_t robber = run([&]() -> int { take_and_hang(mine.url()); });
  wait_for_step(*mine, 1);
  EXPECT_TRUE(mine->lock.try_lock().failed_with(errc::would_block));
  ::kill(robber, SIGKILL);
  state_of(robber);
  EXPECT_TRUE(mine->lock.try_lock().failed_with(errc::owner_died));
  EXPECT_TRUE(mine->lock.lock_or_recover([&] { mine->account[1] = 100 - mine->account[0]; }));
  EXPECT_EQ(mine->account[1], 65);
}

TEST(shared_lock, the_kernel_alone_says_who_died) {
  const shared<bank> mine{fresh_name()};
  const pid_t owner = run([&]() -> int { take_and_hang(mine.url()); });
  wait_for_step(*mine, 1);
  ::kill(owner, SIGSTOP);
  EXPECT_TRUE(mine->lock.lock_for(250ms).failed_with(errc::timed_out));
  ::kill(owner, SIGKILL);  // nobody has asked how it ended: it is a zombie, and holds nothing
  EXPECT_TRUE(mine->lock.lock_for(30s).failed_with(errc::owner_died));
  state_of(owner);
}

TEST(shared_lock, a_holder_that_exits_has_not_let_go) {
  const shared<bank> mine{fresh_name()};
  EXPECT_EQ(state_of(run([&] {
              const shared<bank> here{mine.url()};
              auto* leaked = new sync::guard(here->lock.lock().or_throw());
              return leaked == nullptr ? 1 : 0;
            })),
            0);
  EXPECT_TRUE(mine->lock.lock().failed_with(errc::owner_died));
}

TEST(shared_lock, its_row_is_used_again_and_the_lock_still_knows) {
  const shared<bank> mine{fresh_name()};
  const pid_t robber = run([&]() -> int { take_and_hang(mine.url()); });
  wait_for_step(*mine, 1);
  ::kill(robber, SIGKILL);
  state_of(robber);
  const shared<bank> successor{mine.url()};  // in the dead one's row
  EXPECT_TRUE(successor->lock.lock().failed_with(errc::owner_died));
  EXPECT_TRUE(successor->lock.lock_or_recover([] {}));
  EXPECT_TRUE(mine->lock.lock());
}

struct dinner {
  std::array<sync::mutex, 5> forks{
      sync::mutex(sync::report_deadlocks{"fork 0"}), sync::mutex(sync::report_deadlocks{"fork 1"}),
      sync::mutex(sync::report_deadlocks{"fork 2"}), sync::mutex(sync::report_deadlocks{"fork 3"}),
      sync::mutex(sync::report_deadlocks{"fork 4"})};
  std::atomic<int> seated{0};
};

// 0: had both forks; 1: was told of a cycle with all five in it.
int dine(const std::string& url, std::size_t seat) {
  const shared<dinner> table{url};
  auto left = table->forks[seat].lock().or_throw();
  for (++table->seated; table->seated < 5;) ::sched_yield();
  auto right = table->forks[(seat + 1) % 5].lock();
  if (right) return 0;
  const std::string cycle(right.error().detail());
  std::size_t holders = 0;
  for (std::size_t at = cycle.find("held by pid "); at != cycle.npos; at = cycle.find("held by pid ", at + 1))
    ++holders;
  return right.failed_with(errc::would_deadlock) && holders == 5 ? 1 : 2;
}

TEST(shared_lock, five_philosophers_in_five_processes_are_told) {
  const shared<dinner> table{fresh_name()};
  std::array<pid_t, 5> philosophers{};
  for (std::size_t seat = 0; seat < 5; ++seat) philosophers[seat] = run([&] { return dine(table.url(), seat); });
  int told = 0;
  for (const pid_t one : philosophers) {
    const int code = WEXITSTATUS(state_of(one));
    EXPECT_LT(code, 2);
    told += code;
  }
  EXPECT_GE(told, 1);
}

// In a pid namespace of its own, as its process 1 with thread 1; goes when the process between us goes.
pid_t run_alone(const std::function<int()>& body) {
  return run([&] {
    if (::unshare(CLONE_NEWPID) != 0) return 77;
    const pid_t inner = run([&] {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      return ::gettid() == 1 ? body() : 78;
    });
    return WEXITSTATUS(state_of(inner));
  });
}

TEST(shared_lock, two_threads_of_the_same_number_in_two_pid_namespaces_are_two) {
  if (const int state = WEXITSTATUS(state_of(run_alone([] { return 0; }))); state != 0)
    GTEST_SKIP() << "this process may not make pid namespaces: " << state;
  const shared<bank> mine{fresh_name()};
  const pid_t owner = run_alone([&]() -> int { take_and_hang(mine.url()); });
  wait_for_step(*mine, 1);
  const pid_t other = run_alone([&] {
    const shared<bank> here{mine.url()};
    const auto tried = here->lock.try_lock();  // a thread id would say: it is mine
    return tried.failed_with(errc::would_block) ? 0 : 1;
  });
  EXPECT_EQ(WEXITSTATUS(state_of(other)), 0);
  EXPECT_TRUE(mine->lock.try_lock().failed_with(errc::would_block)) << "the end of the other 1 says nothing about it";
  ::kill(owner, SIGKILL);
  state_of(owner);
  EXPECT_TRUE(mine->lock.lock_for(30s).failed_with(errc::owner_died));
}

}  // namespace
}  // namespace transom
