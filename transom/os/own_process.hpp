// transom/os/own_process.hpp - who we are, asked afresh each time, so that the answer holds after a fork.
#pragma once

namespace transom::os {

int own_pid() noexcept;       ///< getpid(2): in our pid namespace
unsigned own_uid() noexcept;  ///< geteuid(2)

}  // namespace transom::os
