// transom/os/mapping.cpp - see mapping.hpp.
#include "transom/os/mapping.hpp"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <limits>
#include <string>

#include "transom/base/ensure.hpp"
#include "transom/os/probe.hpp"
#include "transom/os/syscall.hpp"

namespace transom::os {

namespace {

constexpr int advice_populate_write = 23;  // MADV_POPULATE_WRITE

int number_of(advice what) noexcept {
  switch (what) {
    case advice::normal: return MADV_NORMAL;
    case advice::sequential: return MADV_SEQUENTIAL;
    case advice::random: return MADV_RANDOM;
    case advice::will_need: return MADV_WILLNEED;
    case advice::dont_need: return MADV_DONTNEED;
    case advice::dont_fork: return MADV_DONTFORK;
    case advice::dont_dump: return MADV_DONTDUMP;
    case advice::wipe_on_fork: return MADV_WIPEONFORK;
    case advice::huge_pages: return MADV_HUGEPAGE;
    case advice::populate: return advice_populate_write;
  }
  return -1;
}

result<void*> mapped(std::size_t length, int protection, int flags, int fd, std::uint64_t offset, const place& where) {
  void* data = ::mmap(nullptr, length, protection, flags, fd, static_cast<off_t>(offset));
  if (data != MAP_FAILED) return data;
  const int number = errno;
  const error failed = error::system(number, "mmap", where);
  if (number != ENOMEM) return failed;
  return failed.with_detail(std::to_string(length) + " bytes; limits: RLIMIT_AS (ulimit -v), " +
                            described_sysctl("vm/max_map_count") + " mappings, " +
                            described_sysctl("vm/overcommit_memory"));
}

// Refuses a mapping whose pages the file does not have. Devices and the like answer for themselves.
result<void> check_end(int fd, std::uint64_t offset, std::size_t length, const place& where) {
  struct stat file{};
  if (auto seen = done("fstat", [&] { return where; }, [&] { return ::fstat(fd, &file); }); !seen) return seen;
  if (!S_ISREG(file.st_mode)) return {};
  const auto has = static_cast<std::uint64_t>(file.st_size);
  if (offset <= has && length <= has - offset) return {};
  return error::system(EINVAL, "mmap", where)
      .with_detail("bytes " + std::to_string(offset) + " to " + std::to_string(offset + length) + " of a file of " +
                   std::to_string(has) + " bytes");
}

}  // namespace

std::size_t page_size() noexcept {
  static const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

result<mapping> mapping::map(int fd, std::uint64_t offset, std::size_t length, access how, share with, place where) {
  transom::detail::ensure(offset % page_size() == 0, "the offset of a mapping is a multiple of the page size");
  if (where.url().empty()) where = fd_place(fd);
  if (auto fits = check_end(fd, offset, length, where); !fits) return fits.error();
  if (length == 0) return mapping();
  const int protection = how == access::read_write ? PROT_READ | PROT_WRITE : PROT_READ;
  auto data = mapped(length, protection, with == share::shared ? MAP_SHARED : MAP_PRIVATE, fd, offset, where);
  if (!data) return data.error();
  return mapping(*data, length, with);
}

result<mapping> mapping::anonymous(std::size_t length, share with) {
  if (length == 0) return mapping();
  const int flags = MAP_ANONYMOUS | (with == share::shared ? MAP_SHARED : MAP_PRIVATE);
  auto data = mapped(length, PROT_READ | PROT_WRITE, flags, -1, 0, place("anonymous memory"));
  if (!data) return data.error();
  return mapping(*data, length, with);
}

result<void> mapping::advise(advice what, std::size_t offset, std::size_t length) const {
  transom::detail::ensure(offset <= size_ && length <= size_ - offset, "what is advised on lies within the mapping");
  if (length == 0) return {};
  const std::size_t within = offset % page_size();
  return done(
      "madvise", [] { return place(); },
      [&] { return ::madvise(data() + offset - within, length + within, number_of(what)); });
}

result<void> mapping::flush() const { return flush(0, size_); }

result<void> mapping::flush(std::size_t offset, std::size_t length) const {
  transom::detail::ensure(offset <= size_ && length <= size_ - offset, "what is flushed lies within the mapping");
  if (with_ == share::copy) {
    return error::system(EINVAL, "msync").with_detail("a private copy: its changes go to no file");
  }
  if (length == 0) return {};
  const std::size_t within = offset % page_size();
  return done(
      "msync", [] { return place(); }, [&] { return ::msync(data() + offset - within, length + within, MS_SYNC); });
}

result<void> mapping::resize(std::size_t length) {
  transom::detail::ensure(data_ != nullptr && length > 0, "what is resized is mapped, and stays so");
  void* moved = ::mremap(data_, size_, length, MREMAP_MAYMOVE);
  if (moved == MAP_FAILED) {
    const int number = errno;
    return error::system(number, "mremap");
  }
  data_ = moved;
  size_ = length;
  return {};
}

void mapping::reset() noexcept {
  if (data_ != nullptr) ::munmap(std::exchange(data_, nullptr), std::exchange(size_, 0));
}

}  // namespace transom::os
