// bench/goals/idle_polling.hpp - asks the kernel to poll instead of halting while a core is idle, as long as this
// lives.
//
// /dev/cpu_dma_latency (Documentation/admin-guide/pm/cpuidle.rst): 0 microseconds leave only the polling state. The
// kernel takes the request back when the descriptor closes, so no death of ours leaves the machine hot.
#pragma once
#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <string>

#include "transom/os/fd.hpp"

namespace goals {

class idle_polling {
 public:
  explicit idle_polling(bool wanted) {
    if (!wanted) return;
    std::string state;
    std::ifstream("/sys/devices/system/cpu/cpu0/cpuidle/state0/name") >> state;
    if (state != "POLL") {
      words_ = "this machine has no idle state that polls";
      return;
    }
    request_.reset(::open("/dev/cpu_dma_latency", O_WRONLY | O_CLOEXEC));
    const std::int32_t microseconds = 0;
    if (!request_ || ::write(request_.get(), &microseconds, sizeof microseconds) != sizeof microseconds)
      words_ = "idle polling needs root (/dev/cpu_dma_latency)";
  }
  const std::string& words() const { return words_; }  ///< why it cannot be had; empty: it is on, or not wanted

 private:
  transom::fd request_;
  std::string words_;
};

}  // namespace goals
