// transom/os/own_process.cpp - see own_process.hpp.
#include "transom/os/own_process.hpp"

#include <unistd.h>

namespace transom::os {

int own_pid() noexcept { return ::getpid(); }
unsigned own_uid() noexcept { return ::geteuid(); }

}  // namespace transom::os
