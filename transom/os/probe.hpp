// transom/os/probe.hpp - what this machine allows: limits as the kernel states them.
#pragma once
#include <string>
#include <string_view>

#include "transom/base/error.hpp"

namespace transom::os {

/// The number in /proc/sys/`name`, for example "fs/mqueue/msg_max". Of several ("kernel/sem") the first; what is
/// above LONG_MAX ("kernel/shmmax") is LONG_MAX. Fails as open(2) and read(2), or with EINVAL if it is no number.
result<long> read_sysctl(std::string_view name);

/// "fs.mqueue.msg_max is 10", for the detail of an error; the bare name where /proc cannot be read.
std::string described_sysctl(std::string_view name);

}  // namespace transom::os
