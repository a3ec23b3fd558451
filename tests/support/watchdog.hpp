// tests/support/watchdog.hpp - a hang is a failure that names its test, not a job that somebody has to look into.
#pragma once
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>

namespace transom::testing {

/// Ends the process with a message if it is still there after `limit`.
class watchdog {
 public:
  explicit watchdog(std::string name, std::chrono::seconds limit = std::chrono::seconds(50))
      : thread_([this, name = std::move(name), limit](std::stop_token stop) {
          std::unique_lock lock(mutex_);
          if (over_.wait_for(lock, stop, limit, [&] { return stop.stop_requested(); })) return;
          if (stop.stop_requested()) return;
          std::fprintf(stderr, "watchdog: %s hangs\n", name.c_str());
          std::fflush(nullptr);
          std::_Exit(86);
        }) {}

 private:
  std::mutex mutex_;
  std::condition_variable_any over_;
  std::jthread thread_;
};

}  // namespace transom::testing
