// transom/os/mapped_file.cpp - see mapped_file.hpp.
#include "transom/os/mapped_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "transom/base/ensure.hpp"
#include "transom/os/guarded_copy.hpp"
#include "transom/os/reserve.hpp"
#include "transom/os/syscall.hpp"

namespace transom::os {

result<mapped_file> mapped_file::open_with(const std::string& path, options how, int flags) {
  place where(path);
  const bool writes = (how.how == access::read_write && how.with == share::shared) || (flags & O_CREAT) != 0;
  // O_NONBLOCK has no effect on regular files; a FIFO in its place is then refused rather than waited for.
  flags |= (writes ? O_RDWR : O_RDONLY) | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
  auto opened = checked("open", [&] { return where; }, [&] { return ::open(path.c_str(), flags, how.mode); });
  if (!opened) return opened.error();
  mapped_file file(transom::fd(*opened), how, where);
  const bool made = (flags & O_EXCL) != 0;
  if (auto complete = file.complete(made, writes); !complete) {
    if (made) ::unlink(path.c_str());
    return complete.error();
  }
  return file;
}

result<void> mapped_file::complete(bool made, bool writes) {
  if (made) {
    if (auto exact = set_mode(fd_.get(), how_.mode, "fchmod", where_); !exact) return exact;
  }
  auto has = length();
  if (!has) return has.error();
  const std::size_t size = std::max(*has, how_.size);
  if (writes) {
    if (auto allocated = reserve(fd_.get(), size, "posix_fallocate", where_); !allocated) return allocated;
  }
  auto memory = mapping::map(fd_.get(), 0, size, how_.how, how_.with, where_);
  if (!memory) return memory.error();
  memory_ = std::move(*memory);
  return {};
}

result<mapped_file> mapped_file::open(const std::string& path, options how) { return open_with(path, how, 0); }

result<mapped_file> mapped_file::create(const std::string& path, options how) {
  for (;;) {
    // Exclusively first, because only a new file gets the mode; between the two calls it may be removed, hence the
    // loop.
    auto made = open_with(path, how, O_CREAT | O_EXCL);
    if (how.exclusive || !made.failed_with(std::errc::file_exists)) return made;
    auto there = open_with(path, how, 0);
    if (!there.failed_with(std::errc::no_such_file_or_directory)) return there;
  }
}

result<std::size_t> mapped_file::length() const {
  struct stat file{};
  auto seen = done("fstat", [&] { return where_; }, [&] { return ::fstat(fd_.get(), &file); });
  if (!seen) return seen.error();
  if (!S_ISREG(file.st_mode)) return error::system(EINVAL, "open", where_).with_detail("not a regular file");
  return static_cast<std::size_t>(file.st_size);
}

// The length is asked afterwards: a page that was lost before is noticed then, one that is lost later was there.
result<void> mapped_file::still_has(std::size_t offset, std::size_t size, const char* operation) const {
  auto has = length();
  if (!has) return has.error();
  if (offset + size <= *has) return {};
  return error::system(ENXIO, operation, where_)
      .with_detail("the file was shortened: bytes " + std::to_string(offset) + " to " + std::to_string(offset + size) +
                   " of a file of " + std::to_string(*has) + " bytes");
}

result<void> mapped_file::read(std::size_t offset, std::span<std::byte> into) const {
  transom::detail::ensure(offset <= size() && into.size() <= size() - offset, "what is read lies within the mapping");
  if (into.empty()) return {};
  auto copied = guarded_copy(into, memory_.data() + offset);
  if (auto there = still_has(offset, into.size(), "read"); !there) return there;
  if (!copied) return copied.error().at(where_);
  return {};
}

result<void> mapped_file::flush(std::size_t offset, std::size_t length) const {
  auto flushed = memory_.flush(offset, length);
  if (!flushed) return flushed.error().at(place(where_.url(), flushed.error().detail()));
  return still_has(offset, length, "msync");
}

result<void> mapped_file::advise(advice what, std::size_t offset, std::size_t length) const {
  auto advised = memory_.advise(what, offset, length);
  if (!advised) return advised.error().at(where_);
  return {};
}

result<void> mapped_file::grow(std::size_t size) {
  if (size < memory_.size()) {
    return error::system(EINVAL, "mremap", where_).with_detail("a mapped file does not become smaller");
  }
  if (size == memory_.size()) return {};
  if (owns_length()) {
    if (auto allocated = reserve(fd_.get(), size, "posix_fallocate", where_); !allocated) return allocated;
  }
  auto has = length();
  if (!has) return has.error();
  if (*has < size) {
    return error::system(EINVAL, "mremap", where_)
        .with_detail("the file has " + std::to_string(*has) + " bytes, and this mapping cannot lengthen it");
  }
  if (memory_) {
    auto resized = memory_.resize(size);
    if (!resized) return resized.error().at(where_);
    return {};
  }
  auto memory = mapping::map(fd_.get(), 0, size, how_.how, how_.with, where_);
  if (!memory) return memory.error();
  memory_ = std::move(*memory);
  return {};
}

}  // namespace transom::os
