// transom/os/sysv_semaphore_test.cpp - steps happen together, waits end, and undo does what it says.
#include "transom/os/sysv_semaphore.hpp"

#include <gtest/gtest.h>
#include <sys/ipc.h>
#include <sys/sem.h>

#include <array>
#include <thread>

#include "transom/os/sysv_key.hpp"
#include "transom/os/testing.hpp"

using namespace std::chrono_literals;
using transom::deadline;
using transom::errc;
using transom::patience;
namespace os = transom::os;
using os::sem_op;
using os::sysv_semaphore;
namespace testing_os = transom::os::testing;

namespace {

using values = std::vector<std::uint16_t>;

// Removed with the object, unless somebody did before.
struct private_set {
  sysv_semaphore set;
  explicit private_set(const values& initial) : set(sysv_semaphore::make_private(initial).or_throw()) {}
  ~private_set() { set.remove().ignore(); }
};

}  // namespace

TEST(sysv_semaphore, all_steps_happen_together_or_none) {
  private_set s({1, 0});
  const std::array<sem_op, 2> both{sem_op{0, -1, 0}, sem_op{1, -1, 0}};
  EXPECT_TRUE(s.set.try_op(both).failed_with(errc::would_block));
  EXPECT_EQ(s.set.get_all().or_throw(), (values{1, 0}));
  s.set.release(1).or_throw();
  s.set.try_op(both).or_throw();
  EXPECT_EQ(s.set.get_all().or_throw(), (values{0, 0}));
  EXPECT_EQ(s.set.last_pid(1).or_throw(), ::getpid());
  EXPECT_EQ(s.set.count().or_throw(), 2u);
}

TEST(sysv_semaphore, a_wait_ends_at_the_deadline_and_at_a_stop_request) {
  private_set s({0});
  EXPECT_TRUE(s.set.acquire(0, 1, 0, patience::until_time(deadline::after(3ms))).failed_with(errc::timed_out));
  EXPECT_TRUE(s.set.acquire(0, 1, 0, patience::none()).failed_with(errc::would_block));
  std::stop_source source;
  std::jthread stopper([&] { source.request_stop(); });
  EXPECT_TRUE(s.set.acquire(0, 1, 0, patience::forever(source.get_token())).failed_with(errc::canceled));
}

// Oracle: the kernel's own count of waiters says that the children sleep before they are released.
TEST(sysv_semaphore, waiters_are_counted_and_woken) {
  private_set s({0, 1});
  testing_os::forked taker([&] { return s.set.acquire(0).has_value() ? 0 : 1; });
  testing_os::forked for_zero([&] {
    const sem_op zero{1, 0, 0};
    return s.set.op({&zero, 1}).has_value() ? 0 : 1;
  });
  while (s.set.waiters(0).or_throw() != 1 || s.set.waiters_for_zero(1).or_throw() != 1) std::this_thread::yield();
  s.set.release(0).or_throw();
  s.set.set(1, 0).or_throw();
  EXPECT_EQ(taker.wait(), 0);
  EXPECT_EQ(for_zero.wait(), 0);
}

TEST(sysv_semaphore, undo_takes_back_what_a_killed_process_did) {
  private_set s({1, 1});
  testing_os::forked holder([&] {
    s.set.acquire(0, 1, sem_op::undo).or_throw();
    s.set.acquire(1).or_throw();
    for (;;) ::pause();
    return 0;
  });
  while (s.set.get(1).or_throw() != 0) std::this_thread::yield();
  EXPECT_EQ(s.set.get(0).or_throw(), 0);
  holder.kill();
  holder.wait();
  EXPECT_EQ(s.set.get(0).or_throw(), 1);
  EXPECT_EQ(s.set.get(1).or_throw(), 0) << "without undo it stays done";
}

// What undo does not do, so that nobody takes such a set for a lock that survives: see the header.
TEST(sysv_semaphore, undo_on_one_side_alone_lets_two_in) {
  private_set s({1});
  testing_os::forked holder([&] {
    s.set.acquire(0, 1, sem_op::undo).or_throw();
    s.set.release(0).or_throw();  // as somebody else would, for it: without undo
    for (;;) ::pause();
    return 0;
  });
  while (s.set.last_pid(0).or_throw() != holder.pid() || s.set.get(0).or_throw() != 1) std::this_thread::yield();
  holder.kill();
  holder.wait();
  EXPECT_EQ(s.set.get(0).or_throw(), 2) << "given back by the holder, and once more by the kernel";
}

TEST(sysv_semaphore, setting_a_value_drops_the_undo_of_everybody) {
  private_set s({1});
  testing_os::forked holder([&] {
    s.set.acquire(0, 1, sem_op::undo).or_throw();
    for (;;) ::pause();
    return 0;
  });
  while (s.set.get(0).or_throw() != 0) std::this_thread::yield();
  s.set.set(0, 0).or_throw();
  holder.kill();
  holder.wait();
  EXPECT_EQ(s.set.get(0).or_throw(), 0) << "what the dead one had is lost";
}

TEST(sysv_semaphore, one_who_waits_and_is_killed_leaves_nothing) {
  private_set s({0});
  testing_os::forked waiter([&] { return s.set.acquire(0, 1, sem_op::undo).has_value() ? 0 : 1; });
  while (s.set.waiters(0).or_throw() != 1) std::this_thread::yield();
  waiter.kill();
  waiter.wait();
  EXPECT_EQ(s.set.waiters(0).or_throw(), 0);
  s.set.release(0).or_throw();
  EXPECT_EQ(s.set.get(0).or_throw(), 1);
}

TEST(sysv_semaphore, removal_ends_every_wait_with_a_code_of_its_own) {
  private_set s({0});
  testing_os::forked waiting([&] { return s.set.acquire(0).failed_with(std::errc::identifier_removed) ? 0 : 1; });
  while (s.set.waiters(0).or_throw() != 1) std::this_thread::yield();
  s.set.remove().or_throw();
  EXPECT_EQ(waiting.wait(), 0);
  EXPECT_TRUE(s.set.release(0).failed_with(std::errc::identifier_removed));
  EXPECT_TRUE(sysv_semaphore::from_number(s.set.number()).failed_with(std::errc::invalid_argument));
}

TEST(sysv_semaphore, mistakes_and_limits_are_errors) {
  private_set s({32767});
  EXPECT_TRUE(s.set.release(0).failed_with(std::errc::result_out_of_range));
  EXPECT_TRUE(s.set.set(0, 40'000).failed_with(std::errc::result_out_of_range));
  EXPECT_TRUE(s.set.release(1).failed_with(std::errc::file_too_large));
  EXPECT_TRUE(s.set.get(1).failed_with(std::errc::invalid_argument));
  const std::vector<sem_op> many(10'000);
  auto refused = s.set.try_op(many);
  ASSERT_TRUE(refused.failed_with(std::errc::argument_list_too_long));
  EXPECT_NE(refused.error().detail().find("kernel.sem"), std::string_view::npos);
  const values huge(65'000);
  EXPECT_TRUE(sysv_semaphore::make_private(huge).failed_with(std::errc::invalid_argument));
}

TEST(sysv_semaphore, path_and_id_lead_to_the_same_set_which_is_ready) {
  testing_os::temporary_directory dir;
  const values initial{3, 0}, more{1, 1, 1};
  EXPECT_TRUE(sysv_semaphore::open(dir.path(), 7).failed_with(std::errc::no_such_file_or_directory));
  auto mine = sysv_semaphore::create(dir.path(), 7, initial).or_throw();
  auto theirs = sysv_semaphore::create(dir.path(), 7, values{9}).or_throw();
  EXPECT_TRUE(mine.created());
  EXPECT_FALSE(theirs.created());
  EXPECT_EQ(theirs.get_all().or_throw(), initial) << "the values of the first count";
  EXPECT_EQ(sysv_semaphore::open(dir.path(), 7).or_throw().number(), mine.number());
  EXPECT_TRUE(sysv_semaphore::create(dir.path(), 7, more).failed_with(std::errc::invalid_argument));
  EXPECT_TRUE(sysv_semaphore::create(dir.path(), 7, initial, {.exclusive = true}).failed_with(std::errc::file_exists));
  EXPECT_TRUE(testing_os::as_nobody([&] { return mine.get(0).failed_with(std::errc::permission_denied); }));
  mine.remove().or_throw();
}

// Oracle: a set made by the bare system call is what a maker that died half way leaves.
TEST(sysv_semaphore, one_whose_maker_died_half_way_is_never_taken_for_ready) {
  testing_os::temporary_directory dir;
  const int number = ::semget(os::sysv_key(dir.path(), 7).or_throw(), 1, IPC_CREAT | IPC_EXCL | 0600);
  ASSERT_NE(number, -1);
  const auto soon = patience::until_time(deadline::after(3ms));
  auto refused = sysv_semaphore::create(dir.path(), 7, values{1}, {}, soon);
  EXPECT_TRUE(refused.failed_with(errc::timed_out));
  EXPECT_EQ(refused.error().detail(), "nobody has set its values yet");
  sysv_semaphore::open(dir.path(), 7).or_throw().remove().or_throw();
}
