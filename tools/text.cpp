// tools/text.cpp - see text.hpp.
#include "tools/text.hpp"

#include <unistd.h>

#include <array>
#include <cstdlib>

#include <fmt/core.h>

namespace tools {

std::string human_bytes(double bytes) {
  static constexpr std::array units{"B", "kB", "MB", "GB", "TB"};
  std::size_t unit = 0;
  while (bytes >= 1000 && unit + 1 < units.size()) {
    bytes /= 1000;
    ++unit;
  }
  return unit == 0 ? fmt::format("{:.0f} B", bytes) : fmt::format("{:.2f} {}", bytes, units[unit]);
}

std::string human_time(std::chrono::nanoseconds time) {
  const auto ns = static_cast<double>(time.count());
  if (ns < 1e3) return fmt::format("{:.0f} ns", ns);
  if (ns < 1e6) return fmt::format("{:.1f} us", ns / 1e3);
  if (ns < 1e9) return fmt::format("{:.1f} ms", ns / 1e6);
  return fmt::format("{:.2f} s", ns / 1e9);
}

progress::progress(std::string_view what, std::uint64_t total, bool quiet)
    : what_(what), total_(total), on_(!quiet && ::isatty(2) == 1) {}

progress::~progress() {
  if (written_) fmt::print(stderr, "\r\033[K");
}

void progress::advance(std::uint64_t bytes) {
  done_ += bytes;
  if (!on_) return;
  const auto now = clock::now();
  if (now - begun_ < std::chrono::seconds(1) || now - shown_ < std::chrono::milliseconds(200)) return;
  shown_ = now;
  written_ = true;
  const double seconds = std::chrono::duration<double>(now - begun_).count();
  const std::string rate = human_bytes(static_cast<double>(done_) / seconds);
  if (total_ != 0) {
    fmt::print(stderr, "\r\033[K{}: {} of {} ({:.0f} %), {}/s", what_, human_bytes(static_cast<double>(done_)),
               human_bytes(static_cast<double>(total_)),
               100.0 * static_cast<double>(done_) / static_cast<double>(total_), rate);
  } else {
    fmt::print(stderr, "\r\033[K{}: {}, {}/s", what_, human_bytes(static_cast<double>(done_)), rate);
  }
}

bool may_colour(int descriptor) { return ::isatty(descriptor) == 1 && std::getenv("NO_COLOR") == nullptr; }

}  // namespace tools
