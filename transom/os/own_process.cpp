// transom/os/own_process.cpp - see own_process.hpp.
#include "transom/os/own_process.hpp"

#include <fcntl.h>
#include <unistd.h>

namespace transom::os {

int own_pid() noexcept { return ::getpid(); }
unsigned own_uid() noexcept { return ::geteuid(); }

void set_close_on_exec(int number) noexcept { ::fcntl(number, F_SETFD, FD_CLOEXEC); }

std::vector<std::string> own_environment() {
  std::vector<std::string> copy;
  for (char** variable = ::environ; variable != nullptr && *variable != nullptr; ++variable)
    copy.emplace_back(*variable);
  return copy;
}

}  // namespace transom::os
