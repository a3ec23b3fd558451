// transom/os/mapping.hpp - a piece of memory from mmap(2), owned.
//
// Death: stores into a shared mapping survive the process that made them, complete up to the instruction at which it
// was killed. If somebody truncates the file beneath a mapping, touching the lost pages is SIGBUS: map what is
// sealed (memfd.hpp), or what only friends can write.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "transom/base/error.hpp"

namespace transom::os {

enum class access { read_only, read_write };
enum class share {
  shared,  ///< writes reach the object and everybody who maps it
  copy     ///< writes stay private to this process; what others write may or may not be seen
};

/// What the kernel should know about a mapping. madvise(2).
enum class advice {
  normal,
  sequential,
  random,
  will_need,
  dont_need,     ///< shared: drop from this process only; private: the contents are lost
  dont_fork,     ///< a child of fork() does not have it
  dont_dump,     ///< not in core dumps
  wipe_on_fork,  ///< private anonymous only: zeros in a child of fork()
  huge_pages,
  populate  ///< touch every page now, for writing; Linux 5.14
};

/// Owns one mapping, or none. Moves, does not copy; the destructor unmaps. The address stays the same for the life of
/// the mapping unless resize() moves it. Thread safety: as a pointer and a size.
class mapping {
 public:
  mapping() noexcept = default;
  /// Maps `length` bytes of `fd` from `offset`, a multiple of the page size. The descriptor may be closed
  /// afterwards. Refuses (EINVAL) what lies beyond the end of a file, because touching it would be SIGBUS. EACCES: the
  /// descriptor is not open for what `how` needs; EPERM: a seal or the mount forbids it; ENOMEM: the detail says of
  /// what. A `length` of 0 is an empty mapping.
  static result<mapping> map(int fd, std::uint64_t offset, std::size_t length, access how, share with = share::shared,
                             place where = {});
  /// `length` bytes of zeros without a file, for this process (copy) or for it and its future children (shared).
  static result<mapping> anonymous(std::size_t length, share with = share::copy);
  /// Takes over what somebody else mapped, shmat(2) included; it will be unmapped with munmap(2).
  static mapping adopt(void* data, std::size_t length) noexcept { return mapping(data, length, share::shared); }

  mapping(mapping&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)), with_(other.with_) {}
  mapping& operator=(mapping&& other) noexcept {
    mapping old = std::move(*this);
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
    with_ = other.with_;
    return *this;
  }
  ~mapping() { reset(); }

  std::byte* data() const noexcept { return static_cast<std::byte*>(data_); }
  std::size_t size() const noexcept { return size_; }
  /// All of it. Writing through a read-only mapping is SIGSEGV.
  std::span<std::byte> bytes() const noexcept { return {data(), size_}; }
  explicit operator bool() const noexcept { return data_ != nullptr; }

  /// Fails with EINVAL where the kernel does not know the advice or it does not fit the kind of mapping.
  result<void> advise(advice what) const { return advise(what, 0, size_); }
  /// The same for the pages that contain `length` bytes from `offset`.
  result<void> advise(advice what, std::size_t offset, std::size_t length) const;
  /// Writes changed pages to the file and waits for the device. EINVAL for share::copy: a private change has no file to
  /// go to, and a success would say that it had. msync(2).
  result<void> flush() const;
  /// The same for the pages that contain `length` bytes from `offset`.
  result<void> flush(std::size_t offset, std::size_t length) const;
  /// Maps `length` bytes of the same object instead; the object must have them. The address may change: pointers into
  /// the mapping end here. mremap(2).
  result<void> resize(std::size_t length);
  /// Unmaps now. Pointers into the mapping end here.
  void reset() noexcept;

 private:
  mapping(void* data, std::size_t size, share with) noexcept : data_(data), size_(size), with_(with) {}
  void* data_ = nullptr;
  std::size_t size_ = 0;
  share with_ = share::shared;
};

/// What offsets of mappings are multiples of: sysconf(_SC_PAGESIZE).
std::size_t page_size() noexcept;

}  // namespace transom::os
