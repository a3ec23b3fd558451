// transom/os/own_process.hpp - who we are, asked afresh each time, so that the answer holds after a fork.
#pragma once
#include <string>
#include <vector>

namespace transom::os {

int own_pid() noexcept;       ///< getpid(2): in our pid namespace
int own_thread() noexcept;    ///< gettid(2): the same of this thread; unlike any other of this process, never 0
unsigned own_uid() noexcept;  ///< geteuid(2)
/// The processor this thread runs on just now; a hint. sched_getcpu(3).
unsigned own_cpu() noexcept;
/// How many processors the machine runs on, as of the first question. sysconf(3).
unsigned online_cpus() noexcept;
/// For a descriptor that came by number, from outside. fcntl(2).
void set_close_on_exec(int number) noexcept;
/// A copy of the environment, "NAME=value" each. environ(7).
std::vector<std::string> own_environment();

}  // namespace transom::os
