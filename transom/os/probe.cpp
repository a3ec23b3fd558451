// transom/os/probe.cpp - see probe.hpp.
#include "transom/os/probe.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "transom/os/fd.hpp"
#include "transom/os/syscall.hpp"

namespace transom::os {

result<long> read_sysctl(std::string_view name) {
  const std::string path = "/proc/sys/" + std::string(name);
  auto where = [&] { return place(path); };
  auto opened = checked("open", where, [&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); });
  if (!opened) return opened.error();
  const transom::fd file(*opened);
  std::array<char, 256> text{};
  auto n = checked("read", where, [&] { return ::read(file.get(), text.data(), text.size()); });
  if (!n) return n.error();
  long value = 0;
  const auto [stop, problem] = std::from_chars(text.data(), text.data() + *n, value);
  if (problem == std::errc::result_out_of_range) return std::numeric_limits<long>::max();
  if (problem != std::errc()) return error::system(EINVAL, "read", where());
  return value;
}

std::string described_sysctl(std::string_view name) {
  std::string text(name);
  std::ranges::replace(text, '/', '.');
  if (auto value = read_sysctl(name)) text.append(" is ").append(std::to_string(*value));
  return text;
}

}  // namespace transom::os
