// tools/machine.cpp - read from /proc, /etc/os-release and uname(2).
#include "tools/machine.hpp"

#include <sys/utsname.h>

#include <fstream>
#include <thread>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

namespace tools {
namespace {

// The value of the first line "KEY <separator> VALUE" of a file.
std::string value_in(const char* path, const std::string& key, char separator) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const std::size_t at = line.find(separator);
    if (!line.starts_with(key) || at == line.npos) continue;
    std::string value = line.substr(at + 1);
    value.erase(0, value.find_first_not_of(" \t\""));
    value.erase(value.find_last_not_of(" \t\"") + 1);
    return value;
  }
  return "unknown";
}

}  // namespace

machine this_machine() {
  utsname name{};
  ::uname(&name);
  machine m;
  m.cpu = value_in("/proc/cpuinfo", "model name", ':');
  m.kernel = std::string(name.sysname) + ' ' + name.release + ' ' + name.machine;
  m.system = value_in("/etc/os-release", "PRETTY_NAME", '=');
  m.cores = std::thread::hardware_concurrency();
  m.memory_gib = std::strtod(value_in("/proc/meminfo", "MemTotal", ':').c_str(), nullptr) / (1024.0 * 1024.0);
  return m;
}

std::string machine::sentence() const {
  return fmt::format("{} ({} cores, {:.0f} GiB), {}, {}", cpu, cores, memory_gib, kernel, system);
}

nlohmann::json machine::json() const {
  return {{"cpu", cpu}, {"cores", cores}, {"memory_gib", memory_gib}, {"kernel", kernel}, {"system", system}};
}

}  // namespace tools
