// transom/os/allocation.hpp - a file that is larger than what it takes: its size is set at once, and its bytes become
// real where and when somebody needs them.
//
// Touching, through a mapping, a byte that has a size but no allocation allocates it then; when nothing is left, that
// is SIGBUS. So: allocate first, touch afterwards.
#pragma once
#include <cstdint>

#include "transom/base/error.hpp"

namespace transom::os {

/// Makes `fd` `size` bytes long without allocating any. Fails with EFBIG beyond `ulimit -f`, without raising SIGXFSZ,
/// EPERM if a seal forbids it. ftruncate(2).
result<void> set_size(int fd, std::uint64_t size, const place& where);

/// Makes sure that `length` bytes from `offset` exist and are allocated, in a file open for writing; what they say
/// stays. Fails with no_space_on_device, the detail says what is needed, what is free and in which file system; EFBIG
/// beyond `ulimit -f`. Then part of them may be allocated. posix_fallocate(3).
result<void> allocate(int fd, std::uint64_t offset, std::uint64_t length, const place& where);

}  // namespace transom::os
