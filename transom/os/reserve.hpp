// transom/os/reserve.hpp - allocate the bytes of a file now, so that touching them later cannot be SIGBUS.
// Private to os.
#pragma once
#include <cstdint>

#include "transom/base/error.hpp"

namespace transom::os {

/// Makes sure that the bytes [0, size) of `fd` exist and are allocated. Fails with ENOSPC, the detail says what is
/// needed, what is free and in which file system; EFBIG beyond `ulimit -f`, without raising SIGXFSZ. Leaves the
/// file's size as it was when it fails for want of space. posix_fallocate(3).
result<void> reserve(int fd, std::uint64_t size, const char* operation, const place& where);

/// The same for the bytes [offset, offset + length): the file grows if it must, and what it says stays.
result<void> reserve_range(int fd, std::uint64_t offset, std::uint64_t length, const char* operation,
                           const place& where);

/// Fails with EFBIG if a file may not have `size` bytes: asked before the kernel is, because beyond `ulimit -f` it also
/// sends a SIGXFSZ that would end us.
result<void> check_file_limit(std::uint64_t size, const char* operation, const place& where);

/// Gives the object that `fd` has open exactly the permissions `mode`, which the umask may have narrowed at creation.
result<void> set_mode(int fd, unsigned mode, const char* operation, const place& where);

}  // namespace transom::os
