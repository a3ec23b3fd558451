// transom/os/mapped_file.hpp - a file as memory.
//
// Invariants
//   I1  Every byte that is mapped is allocated in the file system when the mapping is for writing and shared: a full
//       disk is an error of open() and grow(), not SIGBUS at some store later.
//
// Death: stores into a shared mapping survive the process that made them, not a power cut; flush() survives that too.
// If somebody truncates the file, touching the lost pages is SIGBUS: map only what nobody else shortens, or take what
// you need with read(), which makes an error of it.
#pragma once
#include <cstddef>
#include <span>
#include <string>

#include "transom/base/error.hpp"
#include "transom/os/fd.hpp"
#include "transom/os/mapping.hpp"

namespace transom::os {

/// Owns one open regular file and a mapping of all of it. An empty file is an empty span. Thread safety: as a pointer
/// and a size; grow() moves them. mmap(2).
class mapped_file {
 public:
  struct options {
    access how = access::read_write;
    share with = share::shared;  ///< share::copy: writes stay private, and the file may be one that cannot be written
    std::size_t size = 0;        ///< grown to that if it is shorter; never made shorter
    unsigned mode = 0600;        ///< of a new file, whatever the umask
    bool exclusive = false;      ///< create: EEXIST rather than opening one that exists
  };
  /// Maps the file at `path`, which exists. Fails as open(2) does, with EINVAL if it is not a regular file, with
  /// no_space_on_device if it cannot be allocated in full: the detail says what is needed and what is free.
  static result<mapped_file> open(const std::string& path, options how);
  static result<mapped_file> open(const std::string& path) { return open(path, options{}); }
  /// The same, making the file if there is none; one that cannot be made whole is removed again.
  static result<mapped_file> create(const std::string& path, options how);

  std::span<std::byte> bytes() const noexcept { return memory_.bytes(); }
  std::size_t size() const noexcept { return memory_.size(); }
  /// Copies what is mapped from `offset` on, private changes included. Fails with ENXIO if the file was shortened so
  /// that it is not all there any more, where touching it would be SIGBUS. Any thread; a system call or two.
  result<void> read(std::size_t offset, std::span<std::byte> into) const;
  /// Writes all changes to the device and waits. Fails with EIO when the device does, EINVAL for share::copy, whose
  /// changes go nowhere, and ENXIO if the file was shortened, because what was stored beyond its end is lost. msync(2).
  result<void> flush() const { return flush(0, size()); }
  /// The same for the pages that contain `length` bytes from `offset`.
  result<void> flush(std::size_t offset, std::size_t length) const;
  /// What the kernel should know about all of it, or about the pages that contain `length` bytes from `offset`.
  result<void> advise(advice what) const { return advise(what, 0, size()); }
  result<void> advise(advice what, std::size_t offset, std::size_t length) const;
  /// Makes the file (share::shared) `size` bytes long, allocated, and maps all of it; a smaller size than now is
  /// EINVAL. The address may change: pointers into bytes() end here. On failure all is as before, but for the file's
  /// length. With share::copy the file must have grown already, and private changes are kept.
  result<void> grow(std::size_t size);

  int fd() const noexcept { return fd_.get(); }
  const place& where() const noexcept { return where_; }

 private:
  mapped_file(transom::fd owned, options how, place where) noexcept
      : fd_(std::move(owned)), how_(how), where_(std::move(where)) {}
  static result<mapped_file> open_with(const std::string& path, options how, int flags);
  result<void> complete(bool made, bool writes);
  bool owns_length() const noexcept { return how_.how == access::read_write && how_.with == share::shared; }
  result<std::size_t> length() const;
  result<void> still_has(std::size_t offset, std::size_t length, const char* operation) const;
  transom::fd fd_;
  mapping memory_;
  options how_;
  place where_;
};

}  // namespace transom::os
