// bench/goals/conditions.cpp - see conditions.hpp.
#include "bench/goals/conditions.hpp"

#include <fstream>

namespace goals {
namespace {

constexpr const char* settings[] = {
    "/sys/devices/system/cpu/cpuidle/current_governor",
    "/sys/module/haltpoll/parameters/guest_halt_poll_ns",
    "/sys/devices/system/clocksource/clocksource0/current_clocksource",
    "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor",
    "/sys/kernel/mm/transparent_hugepage/shmem_enabled",
    "/proc/sys/kernel/sched_autogroup_enabled",
    "/proc/sys/net/core/wmem_max",
    "/proc/sys/net/unix/max_dgram_qlen",
};

}  // namespace

conditions conditions_now() {
  conditions now;
  for (const char* path : settings) {
    std::string value;
    if (std::ifstream file(path); std::getline(file, value)) now[path] = value;
  }
  return now;
}

std::vector<std::string> remarks_on(const conditions& before, const conditions& after) {
  std::vector<std::string> remarks;
  for (const auto& [path, value] : before) {
    const auto found = after.find(path);
    if (found == after.end() || found->second != value)
      remarks.push_back("CHANGED during the run: " + path + " was '" + value +
                        "'; the numbers do not belong together.");
  }
  double load = 0;
  std::ifstream("/proc/loadavg") >> load;
  if (load > 3) remarks.push_back("The machine was busy with something else (load " + std::to_string(load) + ").");
#ifndef __OPTIMIZE__
  remarks.emplace_back("Built without optimisation: the numbers mean nothing.");
#endif
  return remarks;
}

}  // namespace goals
