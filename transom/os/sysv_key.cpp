// transom/os/sysv_key.cpp - see sysv_key.hpp.
#include "transom/os/sysv_key.hpp"

#include <sys/ipc.h>

#include "transom/os/syscall.hpp"

namespace transom::os {

result<int> sysv_key(const std::string& path, int id) {
  const auto where = [&] { return place(path); };
  // Of 0 ftok(3) may make IPC_PRIVATE; beyond 255 it would drop bits and meet a stranger.
  if (id < 1 || id > 255) return error::system(EINVAL, "ftok", where()).with_detail("an id is a number from 1 to 255");
  return checked("ftok", where, [&] { return ::ftok(path.c_str(), id); });
}

}  // namespace transom::os
