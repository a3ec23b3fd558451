// transom/os/sysv_semaphore.cpp - see sysv_semaphore.hpp.
#include "transom/os/sysv_semaphore.hpp"

#include <sys/ipc.h>
#include <sys/sem.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>

#include "transom/base/ensure.hpp"
#include "transom/os/pacing.hpp"
#include "transom/os/probe.hpp"
#include "transom/os/syscall.hpp"
#include "transom/os/sysv_key.hpp"

namespace transom::os {

static_assert(sizeof(sem_op) == sizeof(sembuf) && offsetof(sem_op, index) == offsetof(sembuf, sem_num) &&
              offsetof(sem_op, change) == offsetof(sembuf, sem_op) &&
              offsetof(sem_op, flags) == offsetof(sembuf, sem_flg) && sem_op::undo == SEM_UNDO);

namespace {

constexpr auto look_at_token = std::chrono::milliseconds(10);

// The fourth argument of semctl(2), which every program has to declare for itself.
union semun {
  int value;
  semid_ds* status;
  std::uint16_t* array;
};

place place_of(const std::string& path, int id) { return place(path + "?id=" + std::to_string(id)); }
place place_of(int number) { return place("System V semaphores " + std::to_string(number)); }

std::string limits_of_kernel_sem() {
  return "limits: the four numbers of kernel.sem, per set, in all, per call, sets (" + described_sysctl("kernel/sem") +
         " and so on)";
}

error explained(const error& failed) {
  if (failed == std::errc::result_out_of_range) {
    return failed.with_detail("a value is 0 to 32767 (SEMVMX), and what a process has to undo is at most that");
  }
  const bool limit = failed == std::errc::no_space_on_device || failed == std::errc::invalid_argument ||
                     failed == std::errc::argument_list_too_long;
  return limit ? failed.with_detail(limits_of_kernel_sem()) : failed;
}

}  // namespace

// The kernel has no way to make a set with its values. What it has is a time of the last semop(), 0 in a new set and
// left alone by SETALL: so the maker ends with a semop() that changes nothing, and everybody else waits for the time.
result<sysv_semaphore> sysv_semaphore::make(int key, std::span<const std::uint16_t> initial, int flags, place where) {
  const auto at = [&] { return where; };
  transom::detail::ensure(!initial.empty(), "a set has at least one semaphore");
  const int count = static_cast<int>(initial.size());
  auto number = checked("semget", at, [&] { return ::semget(key, count, flags | IPC_CREAT | IPC_EXCL); });
  if (!number) return explained(number.error());
  sysv_semaphore set(*number, where, true);
  std::vector<std::uint16_t> values(initial.begin(), initial.end());
  semun argument{};
  argument.array = values.data();
  auto ready = done("semctl(SETALL)", at, [&] { return ::semctl(*number, 0, SETALL, argument); });
  const std::array<sem_op, 2> nothing{sem_op{0, -1, 0}, sem_op{0, 1, 0}};
  const std::array<sem_op, 1> nothing_at_zero{sem_op{0, 0, 0}};
  if (ready) ready = initial[0] == 0 ? set.try_op(nothing_at_zero) : set.try_op(nothing);
  if (ready) return set;
  set.remove().ignore();
  return explained(ready.error());
}

result<sysv_semaphore> sysv_semaphore::create(const std::string& path, int id, std::span<const std::uint16_t> initial,
                                              options with, const patience& how) {
  auto key = sysv_key(path, id);
  if (!key) return key.error();
  const place where = place_of(path, id);
  for (;;) {
    auto made = make(*key, initial, static_cast<int>(with.mode), where);
    if (with.exclusive || !made.failed_with(std::errc::file_exists)) return made;
    auto there =
        checked("semget", [&] { return where; }, [&] { return ::semget(*key, static_cast<int>(initial.size()), 0); });
    if (there.failed_with(std::errc::no_such_file_or_directory)) continue;
    if (there.failed_with(std::errc::invalid_argument)) {
      return there.error().with_detail("the set has fewer than " + std::to_string(initial.size()) + " semaphores");
    }
    if (!there) return there.error();
    sysv_semaphore set(*there, where, false);
    if (auto ready = set.await_ready(how); !ready) return ready.error();
    return set;
  }
}

result<sysv_semaphore> sysv_semaphore::open(const std::string& path, int id) {
  auto key = sysv_key(path, id);
  if (!key) return key.error();
  auto number = checked("semget", [&] { return place_of(path, id); }, [&] { return ::semget(*key, 0, 0); });
  if (!number) return number.error();
  return sysv_semaphore(*number, place_of(path, id), false);
}

result<sysv_semaphore> sysv_semaphore::make_private(std::span<const std::uint16_t> initial, unsigned mode) {
  auto made = make(IPC_PRIVATE, initial, static_cast<int>(mode), place("System V semaphores"));
  if (made) made->where_ = place_of(made->number_);
  return made;
}

result<sysv_semaphore> sysv_semaphore::from_number(int number) {
  sysv_semaphore set(number, place_of(number), false);
  if (auto there = set.count(); !there) return there.error();
  return set;
}

result<void> sysv_semaphore::op(std::span<const sem_op> steps, const patience& how) const {
  transom::detail::ensure(!steps.empty(), "there is at least one step");
  if (how.stop.stop_requested()) return error(errc::canceled, "semtimedop", where_);
  std::vector<sembuf> kernel_steps;  // only more than a few steps allocate
  std::array<sembuf, 8> few;
  sembuf* first = few.data();
  if (steps.size() > few.size()) {
    kernel_steps.resize(steps.size());
    first = kernel_steps.data();
  }
  const std::int16_t now = how.nonblocking ? IPC_NOWAIT : 0;
  std::ranges::transform(steps, first, [now](const sem_op& s) {
    return sembuf{s.index, s.change, static_cast<std::int16_t>(s.flags | now)};
  });
  for (;;) {
    auto slice = how.until;
    if (how.stop.stop_possible()) slice = std::min(slice, deadline::after(look_at_token));
    timespec left{};
    if (!slice.is_never()) {
      const auto ns = slice.left().count();
      left = {.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000};
    }
    if (::semtimedop(number_, first, steps.size(), slice.is_never() ? nullptr : &left) == 0) return {};
    const int number = errno;
    if (number != EAGAIN && number != EINTR) {
      // EINVAL: the number is good and the steps are there, so it is the set that is gone.
      return explained(error::system(number == EINVAL ? EIDRM : number, "semtimedop", where_));
    }
    if (how.stop.stop_requested()) return error(errc::canceled, "semtimedop", where_);
    if (how.nonblocking) return error(errc::would_block, "semtimedop", where_);
    if (how.until.expired()) return error(errc::timed_out, "semtimedop", where_);
  }
}

result<void> sysv_semaphore::acquire(std::uint16_t index, std::int16_t count, std::int16_t flags,
                                     const patience& how) const {
  transom::detail::ensure(count > 0, "at least one is acquired");
  const sem_op step{index, static_cast<std::int16_t>(-count), flags};
  return op({&step, 1}, how);
}

result<void> sysv_semaphore::release(std::uint16_t index, std::int16_t count, std::int16_t flags) const {
  transom::detail::ensure(count > 0, "at least one is released");
  const sem_op step{index, count, flags};
  return op({&step, 1}, patience::none());
}

result<int> sysv_semaphore::ask(int command, const char* operation, std::uint16_t index) const {
  return checked(operation, [&] { return where_; }, [&] { return ::semctl(number_, index, command); });
}

result<int> sysv_semaphore::get(std::uint16_t index) const { return ask(GETVAL, "semctl(GETVAL)", index); }
result<int> sysv_semaphore::last_pid(std::uint16_t index) const { return ask(GETPID, "semctl(GETPID)", index); }
result<int> sysv_semaphore::waiters(std::uint16_t index) const { return ask(GETNCNT, "semctl(GETNCNT)", index); }
result<int> sysv_semaphore::waiters_for_zero(std::uint16_t index) const {
  return ask(GETZCNT, "semctl(GETZCNT)", index);
}

result<std::size_t> sysv_semaphore::count() const {
  semid_ds now{};
  semun argument{};
  argument.status = &now;
  auto seen =
      done("semctl(IPC_STAT)", [&] { return where_; }, [&] { return ::semctl(number_, 0, IPC_STAT, argument); });
  if (!seen) return seen.error();
  return static_cast<std::size_t>(now.sem_nsems);
}

result<std::vector<std::uint16_t>> sysv_semaphore::get_all() const {
  auto size = count();
  if (!size) return size.error();
  std::vector<std::uint16_t> values(*size);
  semun argument{};
  argument.array = values.data();
  auto read = done("semctl(GETALL)", [&] { return where_; }, [&] { return ::semctl(number_, 0, GETALL, argument); });
  if (!read) return read.error();
  return values;
}

result<void> sysv_semaphore::set(std::uint16_t index, int value) const {
  semun argument{};
  argument.value = value;
  auto changed =
      done("semctl(SETVAL)", [&] { return where_; }, [&] { return ::semctl(number_, index, SETVAL, argument); });
  if (!changed) return explained(changed.error());
  return {};
}

result<void> sysv_semaphore::await_ready(const patience& how) const {
  return paced(how, "semctl(IPC_STAT)", where_, [&]() -> result<void> {
    semid_ds now{};
    semun argument{};
    argument.status = &now;
    auto seen =
        done("semctl(IPC_STAT)", [&] { return where_; }, [&] { return ::semctl(number_, 0, IPC_STAT, argument); });
    if (!seen) return seen;
    if (now.sem_otime != 0) return {};
    return error(errc::would_block, "semctl(IPC_STAT)", place(where_.url(), "nobody has set its values yet"));
  });
}

result<void> sysv_semaphore::remove() const {
  return done("semctl(IPC_RMID)", [&] { return where_; }, [&] { return ::semctl(number_, 0, IPC_RMID); });
}

}  // namespace transom::os
