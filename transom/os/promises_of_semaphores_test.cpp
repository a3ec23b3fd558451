// transom/os/promises_of_semaphores_test.cpp - what sem_*(3), semget(2), semop(2) and semctl(2) promise, row by row.
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <array>
#include <filesystem>

#include "transom/os/mapping.hpp"
#include "transom/os/posix_semaphore.hpp"
#include "transom/os/promises_testing.hpp"
#include "transom/os/sysv_semaphore.hpp"

using namespace std::chrono_literals;
using namespace transom::os::testing;
using std::errc;
using transom::deadline;
using transom::patience;
using transom::os::posix_semaphore;
using transom::os::sem_op;
using transom::os::sysv_semaphore;

namespace {

const patience soon = patience::until_time(deadline::after(2ms));
const patience late = patience::until_time(deadline::passed());

struct named {
  std::string name = "/" + unique_name();
  ~named() { posix_semaphore::unlink(name).ignore(); }
  posix_semaphore make(posix_semaphore::options how = {}) const {
    return posix_semaphore::create(name, how).or_throw();
  }
  posix_semaphore open() const { return posix_semaphore::open(name).or_throw(); }
};

// An unnamed one between processes.
struct unnamed {
  transom::os::mapping memory =
      transom::os::mapping::anonymous(posix_semaphore::storage_size, transom::os::share::shared).or_throw();
  posix_semaphore semaphore;
  explicit unnamed(unsigned initial) : semaphore(posix_semaphore::make_in(memory.data(), initial, true).or_throw()) {}
};

const promise of_posix[] = {
    {"sem_open", "O_CREAT opens one that exists and ignores the value",
     [] {
       named s;
       s.make({.initial = 3});
       return s.make({.initial = 9}).value().or_throw() == 3;
     }},
    {"sem_open", "O_EXCL and it exists is EEXIST",
     [] {
       named s;
       s.make();
       return posix_semaphore::create(s.name, {.exclusive = true}).failed_with(errc::file_exists);
     }},
    {"sem_open", "without O_CREAT and none there is ENOENT",
     [] { return posix_semaphore::open("/" + unique_name()).failed_with(errc::no_such_file_or_directory); }},
    {"sem_open", "the mode is narrowed by the umask",
     [] {
       return in_own_process([] {
         named s;
         ::umask(022);
         s.make({.mode = 0666});
         const auto mode = std::filesystem::status("/dev/shm/sem." + s.name.substr(1)).permissions();
         return mode == std::filesystem::perms(0644);
       });
     }},
    {"sem_open", "no permission is EACCES",
     [] {
       named s;
       s.make();
       return as_nobody([&] { return posix_semaphore::open(s.name).failed_with(errc::permission_denied); });
     }},
    {"sem_open", "a value beyond SEM_VALUE_MAX is EINVAL",
     [] {
       return posix_semaphore::create("/" + unique_name(), {.initial = 1u << 31}).failed_with(errc::invalid_argument);
     }},
    {"sem_open", "a name that is just a slash is EINVAL",
     [] { return posix_semaphore::open("/").failed_with(errc::invalid_argument); }},
    {"sem_open", "a name that is too long is ENAMETOOLONG, or glibc's EINVAL",
     [] {
       auto refused = posix_semaphore::open("/" + std::string(300, 'x'));
       return refused.failed_with(errc::filename_too_long) || refused.failed_with(errc::invalid_argument);
     }},
    {"sem_open", "no descriptor left is EMFILE",
     [] {
       named s;
       s.make();
       return with_limit(RLIMIT_NOFILE, 3,
                         [&] { return posix_semaphore::open(s.name).failed_with(errc::too_many_files_open); });
     }},
    {"sem_close", "closing leaves name and value",
     [] {
       named s;
       { s.make().release().or_throw(); }
       return s.open().value().or_throw() == 1;
     }},
    {"sem_unlink", "the name is gone at once and who has it open keeps it",
     [] {
       named s;
       auto mine = s.make();
       auto other = s.open();
       posix_semaphore::unlink(s.name).or_throw();
       mine.release().or_throw();
       return other.try_acquire() && posix_semaphore::open(s.name).failed_with(errc::no_such_file_or_directory);
     }},
    {"sem_unlink", "none of that name is ENOENT",
     [] { return posix_semaphore::unlink("/" + unique_name()).failed_with(errc::no_such_file_or_directory); }},
    {"sem_unlink", "somebody else's is EACCES",
     [] {
       named s;
       s.make({.mode = 0666});
       return as_nobody([&] { return posix_semaphore::unlink(s.name).failed_with(errc::permission_denied); });
     }},
    {"sem_init", "a value beyond SEM_VALUE_MAX is EINVAL",
     [] {
       alignas(posix_semaphore::storage_align) std::byte memory[posix_semaphore::storage_size];
       return posix_semaphore::make_in(memory, 1u << 31, false).failed_with(errc::invalid_argument);
     }},
    {"sem_init", "a shared one works between processes",
     [] {
       unnamed s(0);
       forked peer([&] { return posix_semaphore::use_in(s.memory.data()).release() ? 0 : 1; });
       return s.semaphore.acquire() && peer.wait() == 0;
     }},
    {"sem_post", "beyond SEM_VALUE_MAX is EOVERFLOW and changes nothing",
     [] {
       unnamed s((1u << 31) - 1);
       auto full = s.semaphore.release();
       return full.failed_with(errc::value_too_large) &&
              full.error().detail().find("SEM_VALUE_MAX") != std::string::npos &&
              s.semaphore.value().or_throw() == 0x7fffffff;
     }},
    {"sem_post", "is safe in a signal handler",
     [] {
       return in_own_process([] {
         static unnamed* in_handler;
         unnamed s(0);
         in_handler = &s;
         ::signal(SIGUSR1, [](int) { in_handler->semaphore.release().ignore(); });
         ::raise(SIGUSR1);
         return s.semaphore.try_acquire().has_value();
       });
     }},
    {"sem_wait", "a value above zero is taken at once, even when the time is over",
     [] {
       unnamed s(2);
       return s.semaphore.acquire() && s.semaphore.acquire(late) && s.semaphore.value().or_throw() == 0;
     }},
    {"sem_wait", "a handler in between is not seen, where the page says EINTR",
     [] {
       return in_own_process([] {
         unnamed s(0);
         struct sigaction interrupts{};
         interrupts.sa_handler = [](int) {};
         ::sigaction(SIGUSR1, &interrupts, nullptr);  // without SA_RESTART
         forked peer([&] {
           for (int i = 0; i < 20; ++i) ::kill(::getppid(), SIGUSR1);
           return s.semaphore.release() ? 0 : 1;
         });
         return s.semaphore.acquire() && peer.wait() == 0;
       });
     }},
    {"sem_trywait", "zero is EAGAIN",
     [] { return unnamed(0).semaphore.try_acquire().failed_with(transom::errc::would_block); }},
    {"sem_timedwait", "zero until the time is over is ETIMEDOUT",
     [] { return unnamed(0).semaphore.acquire(soon).failed_with(transom::errc::timed_out); }},
    {"sem_getvalue", "is the value, and zero when nobody can take one",
     [] { return unnamed(7).semaphore.value().or_throw() == 7 && unnamed(0).semaphore.value().or_throw() == 0; }},
    {"sem_overview", "a named one has kernel persistence: it outlives its makers",
     [] {
       named s;
       return in_child([&] { return s.make({.initial = 5}).release().has_value(); }) &&
              s.open().value().or_throw() == 6;
     }},
};

using values = std::vector<std::uint16_t>;

struct set {
  sysv_semaphore of;
  explicit set(const values& initial, unsigned mode = 0600)
      : of(sysv_semaphore::make_private(initial, mode).or_throw()) {}
  ~set() { of.remove().ignore(); }
  auto op(std::initializer_list<sem_op> steps) const { return of.try_op({steps.begin(), steps.size()}); }
};

struct keyed {
  temporary_directory dir;
  sysv_semaphore of = sysv_semaphore::create(dir.path(), 1, values{1}).or_throw();
  ~keyed() { of.remove().ignore(); }
};

const promise of_semget[] = {
    {"semget", "IPC_PRIVATE is a new set every time", [] { return set({1}).of.number() != set({1}).of.number(); }},
    {"semget", "the same key is the same set",
     [] {
       keyed k;
       return sysv_semaphore::open(k.dir.path(), 1).or_throw().number() == k.of.number();
     }},
    {"semget", "IPC_EXCL and it exists is EEXIST",
     [] {
       keyed k;
       return sysv_semaphore::create(k.dir.path(), 1, values{1}, {.exclusive = true}).failed_with(errc::file_exists);
     }},
    {"semget", "none for the key is ENOENT",
     [] {
       temporary_directory dir;
       return sysv_semaphore::open(dir.path(), 1).failed_with(errc::no_such_file_or_directory);
     }},
    {"semget", "no permission is EACCES",
     [] {
       keyed k;
       return as_nobody([&] { return k.of.get(0).failed_with(errc::permission_denied); });
     }},
    {"semget", "more than an existing set has is EINVAL",
     [] {
       keyed k;
       return sysv_semaphore::create(k.dir.path(), 1, values{1, 1}).failed_with(errc::invalid_argument);
     }},
    {"semget", "beyond SEMMSL per set is EINVAL, and kernel.sem is named",
     [] {
       return in_ipc_namespace({{"kernel/sem", "4 100 10 10"}}, [] {
         auto refused = sysv_semaphore::make_private(values(5));
         return sysv_semaphore::make_private(values(4)) && refused.failed_with(errc::invalid_argument) &&
                refused.error().detail().find("kernel.sem is 4") != std::string::npos;
       });
     }},
    {"semget", "beyond SEMMNS in all is ENOSPC",
     [] {
       return in_ipc_namespace({{"kernel/sem", "4 6 10 10"}}, [] {
         return sysv_semaphore::make_private(values(4)) &&
                sysv_semaphore::make_private(values(4)).failed_with(errc::no_space_on_device);
       });
     }},
    {"semget", "beyond SEMMNI sets is ENOSPC, and kernel.sem is named",
     [] {
       return in_ipc_namespace({{"kernel/sem", "4 100 10 2"}}, [] {
         for (int i = 0; i < 2; ++i) sysv_semaphore::make_private(values(1)).or_throw();
         auto refused = sysv_semaphore::make_private(values(1));
         return refused.failed_with(errc::no_space_on_device) &&
                refused.error().detail().find("kernel.sem") != std::string::npos;
       });
     }},
};

const promise of_semop[] = {
    {"semop", "all steps happen or none",
     [] {
       set s({1, 0});
       return s.op({{0, -1}, {1, -1}}).failed_with(transom::errc::would_block) &&
              s.of.get_all().or_throw() == values{1, 0};
     }},
    {"semop", "steps are done in the order of the array",
     [] { return set({0}).op({{0, 2}, {0, -2}, {0, 0}}).has_value(); }},
    {"semop", "zero waits for zero",
     [] {
       set s({1});
       return s.op({{0, 0}}).failed_with(transom::errc::would_block) && s.op({{0, -1}}) && s.op({{0, 0}});
     }},
    {"semop", "no such semaphore is EFBIG", [] { return set({1}).op({{1, 1}}).failed_with(errc::file_too_large); }},
    {"semop", "beyond SEMOPM steps is E2BIG, and kernel.sem is named",
     [] {
       return in_ipc_namespace({{"kernel/sem", "4 100 3 10"}}, [] {
         set s({0});
         auto refused = s.op({{0, 1}, {0, 1}, {0, 1}, {0, 1}});
         return s.op({{0, 1}, {0, 1}, {0, 1}}) && refused.failed_with(errc::argument_list_too_long) &&
                refused.error().detail().find("kernel.sem") != std::string::npos;
       });
     }},
    {"semop", "beyond SEMVMX is ERANGE and changes nothing",
     [] {
       set s({32767});
       auto refused = s.op({{0, 1}});
       return refused.failed_with(errc::result_out_of_range) && s.of.get(0).or_throw() == 32767 &&
              refused.error().detail().find("SEMVMX") != std::string::npos;
     }},
    {"semop", "undo without room is ERANGE",
     [] {
       return in_own_process([] {
         set s({0});
         const sem_op up{0, 32767, sem_op::undo}, down{0, -32767, 0};
         s.op({up}).or_throw();
         s.op({down}).or_throw();
         return s.op({up}).failed_with(errc::result_out_of_range);
       });
     }},
    {"semop", "undo is taken back when the process ends, however it ends",
     [] {
       set s({5});
       forked([&] {
         const sem_op take{0, -3, sem_op::undo};
         s.op({take}).or_throw();
         ::raise(SIGKILL);
         return 0;
       }).wait();
       return s.of.get(0).or_throw() == 5;
     }},
    {"semop", "no permission to alter is EACCES",
     [] {
       set s({1}, 0644);
       return as_nobody([&] { return s.of.get(0) && s.op({{0, 1}}).failed_with(errc::permission_denied); });
     }},
    {"semop", "a set that is removed while one waits is EIDRM",
     [] {
       set s({0});
       forked waiter([&] { return s.of.acquire(0).failed_with(errc::identifier_removed) ? 0 : 1; });
       while (s.of.waiters(0).or_throw() == 0) {}
       s.of.remove().or_throw();
       return waiter.wait() == 0;
     }},
    {"semop", "sempid is who did the last one",
     [] {
       set s({1});
       int pid = 0;
       {
         forked peer([&] { return s.op({{0, 1}}) ? 0 : 1; });
         pid = peer.pid();
         peer.wait();
       }
       return s.of.last_pid(0).or_throw() == pid;
     }},
    {"semtimedop", "the time is over without it is EAGAIN, which we call timed out",
     [] { return set({0}).of.acquire(0, 1, 0, soon).failed_with(transom::errc::timed_out); }},
    {"semctl", "SETVAL beyond SEMVMX is ERANGE, and says so",
     [] {
       auto refused = set({0}).of.set(0, 32768);
       return refused.failed_with(errc::result_out_of_range) &&
              refused.error().detail().find("SEMVMX") != std::string::npos;
     }},
    {"semctl", "SETALL beyond SEMVMX is ERANGE and leaves no set",
     [] { return sysv_semaphore::make_private(values{32768}).failed_with(errc::result_out_of_range); }},
    {"semctl", "SETVAL drops what others would undo",
     [] {
       set s({5});
       return in_child([&] {
                const sem_op take{0, -3, sem_op::undo};
                return s.op({take}) && s.of.set(0, 2);
              }) &&
              s.of.get(0).or_throw() == 2;
     }},
    {"semctl", "GETALL is all values, GETNCNT and GETZCNT are who wait",
     [] {
       set s({0, 1});
       forked more([&] { return s.of.acquire(0).failed_with(errc::identifier_removed) ? 0 : 1; });
       forked zero([&] {
         const sem_op wait{1, 0};
         return s.of.op({&wait, 1}).failed_with(errc::identifier_removed) ? 0 : 1;
       });
       while (s.of.waiters(0).or_throw() != 1 || s.of.waiters_for_zero(1).or_throw() != 1) {}
       const bool all = s.of.get_all().or_throw() == values{0, 1};
       s.of.remove().or_throw();
       return all && more.wait() == 0 && zero.wait() == 0;
     }},
    {"semctl", "an index beyond the set is EINVAL",
     [] { return set({1}).of.get(1).failed_with(errc::invalid_argument); }},
    {"semctl", "IPC_RMID by a stranger is EPERM",
     [] {
       set s({1}, 0666);
       return as_nobody([&] { return s.of.remove().failed_with(errc::operation_not_permitted); });
     }},
    {"semctl", "a set that is gone is EINVAL",
     [] {
       set s({1});
       s.of.remove().or_throw();
       return sysv_semaphore::from_number(s.of.number()).failed_with(errc::invalid_argument);
     }},
};

class semaphores : public promises {};

}  // namespace

TEST_P(semaphores, keep_what_the_manual_promises) { ask(); }
INSTANTIATE_TEST_SUITE_P(posix, semaphores, testing::ValuesIn(of_posix), name_of_row);
INSTANTIATE_TEST_SUITE_P(sysv_sets, semaphores, testing::ValuesIn(of_semget), name_of_row);
INSTANTIATE_TEST_SUITE_P(sysv_steps, semaphores, testing::ValuesIn(of_semop), name_of_row);
