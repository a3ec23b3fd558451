// transom/os/sysv_shm.hpp - System V shared memory.
//
// Memory is found by a number, not by a descriptor: there is nothing to poll, to pass or to close. The kernel counts
// who is attached, which is all it tells about peers.
//
// Death: the kernel detaches a killed process; the segment and its contents outlive everyone until remove(). A
// segment that was removed while attached lives on, nameless, until the last one detaches.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

#include "transom/base/error.hpp"
#include "transom/os/mapping.hpp"

namespace transom::os {

/// One System V segment, by its number. It moves; the destructor removes nothing, because the object belongs to the
/// system. Any thread may call any member at any time. sysvipc(7).
class sysv_shm {
 public:
  sysv_shm(sysv_shm&&) noexcept = default;
  sysv_shm& operator=(sysv_shm&&) noexcept = default;

  struct options {
    unsigned mode = 0600;
    bool exclusive = false;  ///< EEXIST rather than opening one that exists
  };
  /// shmctl(2), IPC_STAT. Times are seconds since 1970, 0: never.
  struct status {
    std::size_t size, attached;
    int creator, last_user;
    std::int64_t last_attach, last_detach, last_change;
    unsigned mode, owner;
    bool removed;  ///< nameless, until the last one detaches
  };

  /// Makes a segment of `size` bytes of zeros for the key of `path` and `id` (sysv_key.hpp), or opens the one there is,
  /// which has at least that size (EINVAL otherwise). Fails with ENOSPC beyond kernel.shmmni segments or kernel.shmall
  /// pages, EINVAL beyond kernel.shmmax bytes, ENOMEM beyond the machine's memory; the detail names the limit. EACCES
  /// if the mode of an existing one refuses. shmget(2).
  static result<sysv_shm> create(const std::string& path, int id, std::size_t size, options how);
  static result<sysv_shm> create(const std::string& path, int id, std::size_t size) {
    return create(path, id, size, options{});
  }
  /// Opens the segment of that key. Fails with ENOENT, EACCES.
  static result<sysv_shm> open(const std::string& path, int id);
  /// A segment without a key, for children and for those who are told its number.
  static result<sysv_shm> make_private(std::size_t size, unsigned mode = 0600);
  /// The segment with that number. Fails with EINVAL if there is none.
  static result<sysv_shm> from_number(int number);

  /// Maps all of it; detached when the mapping goes. Every page is touched first when `how` writes, so that a lack of
  /// memory is ENOMEM here and not SIGBUS later; without `touch`, that is the caller's to do. Fails with EIDRM when the
  /// segment is gone. shmat(2).
  result<mapping> attach(access how = access::read_write, bool touch = true) const;
  result<status> stat() const;
  /// Removes the name now, and the memory when the last one detaches.
  result<void> remove() const;

  int number() const noexcept { return number_; }
  bool created() const noexcept { return created_; }  ///< this call of create() made it
  const place& where() const noexcept { return where_; }

 private:
  sysv_shm(int number, place where, bool created) noexcept
      : number_(number), created_(created), where_(std::move(where)) {}
  static result<sysv_shm> get(int key, std::size_t size, int flags, place where);
  int number_;
  bool created_ = false;
  place where_;
};

}  // namespace transom::os
