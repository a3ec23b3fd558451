// transom/os/memfd.hpp - memory with a descriptor and no name, which can be sealed against its own writers.
//
// Trust: whoever holds a writable descriptor can resize the memory and write what it likes at any time. Seals are
// checked by the kernel and never come off: once seal::shrink is set nobody can turn a mapping into SIGBUS, once
// seal::write is set nobody can change a byte. adopt() verifies them before anything is mapped.
//
// Death: the memory lives as long as any descriptor or mapping of it; a killed creator leaves nothing else behind.
#pragma once
#include <cstddef>
#include <string>

#include "transom/base/error.hpp"
#include "transom/os/fd.hpp"
#include "transom/os/mapping.hpp"

namespace transom::os {

/// What can no longer be done to a memfd. Combine with |. fcntl(2), F_ADD_SEALS.
enum class seal : unsigned {
  none = 0,
  seal = 0x01,          ///< adding seals
  shrink = 0x02,        ///< becoming smaller
  grow = 0x04,          ///< becoming larger
  write = 0x08,         ///< changing; fails with EBUSY while a shared writable mapping exists
  future_write = 0x10,  ///< changing through new mappings or write(); existing mappings keep writing
  exec = 0x20           ///< becoming executable
};
constexpr seal operator|(seal a, seal b) noexcept {
  return static_cast<seal>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}
/// Are all of `wanted` among `have`?
constexpr bool contains(seal have, seal wanted) noexcept {
  return (static_cast<unsigned>(have) & static_cast<unsigned>(wanted)) == static_cast<unsigned>(wanted);
}
/// "shrink, grow"; "none".
std::string names_of(seal seals);

/// Owns one memfd; close-on-exec from birth, and not executable where the kernel can say so (6.3). Thread safety: as
/// a descriptor. memfd_create(2).
class memfd {
 public:
  struct options {
    std::size_t size = 0;  ///< bytes, allocated now
    bool sealable = true;  ///< seals may be added
  };
  /// `name` (at most 249 bytes) shows in /proc/PID/maps and need not be unique. Fails with no_space_on_device when
  /// the machine has no such memory, EMFILE or ENFILE when descriptors run out.
  static result<memfd> make(const std::string& name, options how);
  static result<memfd> make(const std::string& name) { return make(name, options{}); }
  /// Takes over a descriptor that somebody else made, and verifies that it carries all seals of `required` and has
  /// at least `min_size` bytes; otherwise protocol_error, the detail says what is missing. Nothing is mapped.
  static result<memfd> adopt(transom::fd owned, seal required, std::size_t min_size = 0);

  /// Bytes, asked from the kernel.
  result<std::size_t> size() const;
  /// Grows to `size` bytes, allocated now. Fails with EPERM if sealed, no_space_on_device.
  result<void> grow(std::size_t size) const;
  /// Makes it `size` bytes long without allocating any; then allocates some of them, before anybody touches those.
  result<void> set_size(std::size_t size) const;
  result<void> allocate(std::size_t offset, std::size_t length) const;
  /// Fails with EPERM if seal::seal is set or the descriptor is read-only, EBUSY as described at seal::write.
  result<void> add_seals(seal more) const;
  result<seal> seals() const;
  /// A second, read-only descriptor for the same memory: what a peer may have that must not write. Needs /proc.
  result<transom::fd> reopen_read_only() const;
  /// A second descriptor, with the same rights.
  result<transom::fd> duplicate() const { return fd_.duplicate(); }
  /// Maps all of it.
  result<mapping> map(access how, share with = share::shared) const;

  int fd() const noexcept { return fd_.get(); }
  transom::fd release() && noexcept { return std::move(fd_); }

 private:
  memfd(transom::fd owned, place where) noexcept : fd_(std::move(owned)), where_(std::move(where)) {}
  transom::fd fd_;
  place where_;
};

}  // namespace transom::os
