// transom/os/posix_semaphore.cpp - see posix_semaphore.hpp.
#include "transom/os/posix_semaphore.hpp"

#include <fcntl.h>
#include <semaphore.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <ctime>

#include "transom/base/ensure.hpp"
#include "transom/os/syscall.hpp"

namespace transom::os {

static_assert(posix_semaphore::storage_size == sizeof(sem_t) && posix_semaphore::storage_align == alignof(sem_t));

namespace {

constexpr auto look_at_token = std::chrono::milliseconds(10);

sem_t* raw(void* semaphore) noexcept { return static_cast<sem_t*>(semaphore); }

result<void*> opened(const std::string& name, int flags, const posix_semaphore::options& how) {
  sem_t* semaphore = ::sem_open(name.c_str(), flags, how.mode, how.initial);
  while (semaphore == SEM_FAILED && errno == EINTR) semaphore = ::sem_open(name.c_str(), flags, how.mode, how.initial);
  if (semaphore != SEM_FAILED) return semaphore;
  const int number = errno;
  const error failed = error::system(number, "sem_open", place(name));
  if (number != EINVAL) return failed;
  return failed.with_detail(
      "a name is \"/\" followed by 1 to 250 characters other than \"/\", and a value at most 2147483647");
}

timespec moment(deadline when) noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const std::int64_t ns = when.left().count() + now.tv_nsec;
  return {.tv_sec = now.tv_sec + ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000};
}

}  // namespace

result<posix_semaphore> posix_semaphore::create(const std::string& name, options how) {
  auto semaphore = opened(name, O_CREAT | (how.exclusive ? O_EXCL : 0), how);
  if (!semaphore) return semaphore.error();
  return posix_semaphore(*semaphore, held::named, place(name));
}

result<posix_semaphore> posix_semaphore::open(const std::string& name) {
  auto semaphore = opened(name, 0, options{});
  if (!semaphore) return semaphore.error();
  return posix_semaphore(*semaphore, held::named, place(name));
}

result<void> posix_semaphore::unlink(const std::string& name) {
  return done("sem_unlink", [&] { return place(name); }, [&] { return ::sem_unlink(name.c_str()); });
}

result<posix_semaphore> posix_semaphore::make_in(void* memory, unsigned initial, bool between_processes) {
  transom::detail::ensure(reinterpret_cast<std::uintptr_t>(memory) % storage_align == 0,
                          "the memory of a semaphore is aligned");
  auto made = done(
      "sem_init", [] { return place(); }, [&] { return ::sem_init(raw(memory), between_processes ? 1 : 0, initial); });
  if (!made) return made.error();
  return posix_semaphore(memory, held::owned, place());
}

result<void> posix_semaphore::acquire(const patience& how) const {
  if (how.stop.stop_requested()) return error(errc::canceled, "sem_wait", where_);
  if (how.nonblocking) return try_acquire();
  if (how.until.is_never() && !how.stop.stop_possible()) {
    return done("sem_wait", [&] { return where_; }, [&] { return ::sem_wait(raw(semaphore_)); });
  }
  for (;;) {
    auto slice = how.until;
    if (how.stop.stop_possible()) slice = std::min(slice, deadline::after(look_at_token));
    const timespec until = moment(slice);
    if (retried([&] { return ::sem_clockwait(raw(semaphore_), CLOCK_MONOTONIC, &until); }) == 0) return {};
    const int number = errno;
    if (number != ETIMEDOUT) return error::system(number, "sem_clockwait", where_);
    if (how.stop.stop_requested()) return error(errc::canceled, "sem_clockwait", where_);
    if (how.until.expired()) return error(errc::timed_out, "sem_clockwait", where_);
  }
}

result<void> posix_semaphore::try_acquire() const {
  auto taken = attempted("sem_trywait", [&] { return where_; }, [&] { return ::sem_trywait(raw(semaphore_)); });
  if (!taken) return taken.error();
  return {};
}

result<void> posix_semaphore::release() const {
  auto posted = done("sem_post", [&] { return where_; }, [&] { return ::sem_post(raw(semaphore_)); });
  if (!posted.failed_with(std::errc::value_too_large)) return posted;
  return posted.error().with_detail("a value is at most SEM_VALUE_MAX, 2147483647");
}

result<int> posix_semaphore::value() const {
  int value = 0;
  auto read = done("sem_getvalue", [&] { return where_; }, [&] { return ::sem_getvalue(raw(semaphore_), &value); });
  if (!read) return read.error();
  return value;
}

void posix_semaphore::reset() noexcept {
  if (semaphore_ == nullptr) return;
  if (held_ == held::named) ::sem_close(raw(semaphore_));
  if (held_ == held::owned) ::sem_destroy(raw(semaphore_));
  semaphore_ = nullptr;
}

}  // namespace transom::os
