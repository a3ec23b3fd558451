// transom/os/paging.cpp - see paging.hpp.
#include "transom/os/paging.hpp"

#include <sys/mman.h>
#include <sys/resource.h>

#include <cstdint>
#include <string>

#include "transom/os/mapping.hpp"
#include "transom/os/syscall.hpp"

namespace transom::os {

namespace {

constexpr int advice_populate_write = 23;  // MADV_POPULATE_WRITE

// The whole pages around `memory`.
std::span<std::byte> pages_of(std::span<std::byte> memory) noexcept {
  const std::size_t page = page_size();
  const std::size_t before = reinterpret_cast<std::uintptr_t>(memory.data()) % page;
  const std::size_t length = (before + memory.size() + page - 1) / page * page;
  return {memory.data() - before, length};
}

std::string described_lock_limit(std::size_t needed) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_MEMLOCK, &limit) != 0) return "RLIMIT_MEMLOCK (ulimit -l)";
  const std::string most = limit.rlim_cur == RLIM_INFINITY ? "unlimited" : std::to_string(limit.rlim_cur) + " bytes";
  return std::to_string(needed) + " bytes needed; RLIMIT_MEMLOCK (ulimit -l, in kilobytes) is " + most +
         " for all that this process locks";
}

}  // namespace

result<void> populate(std::span<std::byte> memory, const place& where) {
  if (memory.empty()) return {};
  const auto pages = pages_of(memory);
  auto touched = done(
      "madvise(MADV_POPULATE_WRITE)", [&] { return where; },
      [&] { return ::madvise(pages.data(), pages.size(), advice_populate_write); });
  if (touched.failed_with(std::errc::bad_address)) {  // a page that could not be had: SIGBUS, had we touched it
    return error::system(ENOMEM, "madvise(MADV_POPULATE_WRITE)", where)
        .with_detail("not all of " + std::to_string(memory.size()) + " bytes can be had");
  }
  if (!touched.failed_with(std::errc::invalid_argument)) return touched;
  for (std::size_t at = 0; at < pages.size(); at += page_size()) {
    [[maybe_unused]] const auto seen =
        __atomic_load_n(reinterpret_cast<const unsigned char*>(pages.data() + at), __ATOMIC_RELAXED);
  }
  return {};
}

result<void> prefer_huge_pages(std::span<std::byte> memory, const place& where) {
  if (memory.empty()) return {};
  const auto pages = pages_of(memory);
  auto asked = done(
      "madvise(MADV_HUGEPAGE)", [&] { return where; },
      [&] { return ::madvise(pages.data(), pages.size(), MADV_HUGEPAGE); });
  if (!asked.failed_with(std::errc::invalid_argument)) return asked;
  return asked.error().with_detail("this kernel has no transparent huge pages");
}

result<void> lock_pages(std::span<std::byte> memory, const place& where) {
  if (memory.empty()) return {};
  const auto pages = pages_of(memory);
  auto locked = done("mlock", [&] { return where; }, [&] { return ::mlock(pages.data(), pages.size()); });
  if (locked) return locked;
  return locked.error().with_detail(described_lock_limit(pages.size()));
}

}  // namespace transom::os
