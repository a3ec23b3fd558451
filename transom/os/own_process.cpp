// transom/os/own_process.cpp - see own_process.hpp.
#include "transom/os/own_process.hpp"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>

namespace transom::os {

int own_thread() noexcept { return ::gettid(); }
int own_pid() noexcept { return ::getpid(); }
unsigned own_uid() noexcept { return ::geteuid(); }
unsigned own_cpu() noexcept {
  const int cpu = ::sched_getcpu();
  return cpu < 0 ? 0 : static_cast<unsigned>(cpu);
}
unsigned online_cpus() noexcept {
  static const auto count = static_cast<unsigned>(std::max(::sysconf(_SC_NPROCESSORS_ONLN), 1L));
  return count;
}

void set_close_on_exec(int number) noexcept { ::fcntl(number, F_SETFD, FD_CLOEXEC); }

std::vector<std::string> own_environment() {
  std::vector<std::string> copy;
  for (char** variable = ::environ; variable != nullptr && *variable != nullptr; ++variable)
    copy.emplace_back(*variable);
  return copy;
}

}  // namespace transom::os
