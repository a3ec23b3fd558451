// transom/os/posix_shm.hpp - named shared memory.
//
// Between create() and the moment its maker has filled it, others can open the object and see zeros: who needs it
// complete from the first moment makes it with tmpfile.hpp and names it last.
//
// Death: the object and its contents outlive everyone until unlink(); a killed peer leaves what it had stored.
#pragma once
#include <cstddef>
#include <string>

#include "transom/base/error.hpp"
#include "transom/os/fd.hpp"
#include "transom/os/mapping.hpp"

namespace transom::os {

/// Owns one open POSIX shared memory object; close-on-exec from birth. Thread safety: as a descriptor. shm_overview(7).
class posix_shm {
 public:
  struct options {
    unsigned mode = 0600;    ///< whatever the umask
    bool exclusive = false;  ///< EEXIST rather than opening one that exists
  };
  /// Makes the object `name` ("/" and then no other) with `size` bytes of zeros that are truly allocated, or opens the
  /// one there is and grows it to `size` if it is smaller. Fails with no_space_on_device, the detail says what is
  /// needed and what is free; then a new object is removed again. shm_open(3).
  static result<posix_shm> create(const std::string& name, std::size_t size, options how);
  static result<posix_shm> create(const std::string& name, std::size_t size) { return create(name, size, options{}); }
  /// Opens the object `name`. Fails with ENOENT, EACCES.
  static result<posix_shm> open(const std::string& name, access how = access::read_write);
  /// Removes the name; those who have it open or mapped keep it. Fails with ENOENT. shm_unlink(3).
  static result<void> unlink(const std::string& name);

  /// Bytes, asked from the kernel.
  result<std::size_t> size() const;
  /// Grows to `size` bytes, allocated now; never shrinks.
  result<void> grow(std::size_t size) const;
  /// Maps all of it. The mapping needs this object no longer.
  result<mapping> map(access how, share with = share::shared) const;
  bool created() const noexcept { return created_; }  ///< this call of create() made it

  int fd() const noexcept { return fd_.get(); }
  transom::fd release() && noexcept { return std::move(fd_); }
  const place& where() const noexcept { return where_; }

 private:
  posix_shm(transom::fd owned, place where, bool created) noexcept
      : fd_(std::move(owned)), where_(std::move(where)), created_(created) {}
  static result<posix_shm> open_with(const std::string& name, int flags, unsigned mode);
  transom::fd fd_;
  place where_;
  bool created_ = false;
};

}  // namespace transom::os
