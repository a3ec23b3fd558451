// transom/os/own_process.hpp - who we are, asked afresh each time, so that the answer holds after a fork.
#pragma once
#include <string>
#include <vector>

namespace transom::os {

int own_pid() noexcept;       ///< getpid(2): in our pid namespace
unsigned own_uid() noexcept;  ///< geteuid(2)
/// For a descriptor that came by number, from outside. fcntl(2).
void set_close_on_exec(int number) noexcept;
/// A copy of the environment, "NAME=value" each. environ(7).
std::vector<std::string> own_environment();

}  // namespace transom::os
