// transom/os/tmpfile.hpp - files that get their name last: complete when they can first be seen.
//
// Death: a creator that is killed before give_name() leaves nothing behind; afterwards, the whole file.
#pragma once
#include <cstddef>
#include <optional>
#include <string>

#include "transom/base/error.hpp"
#include "transom/os/fd.hpp"

namespace transom::os {

/// A new file without a name in the file system of `directory`, open for reading and writing, close-on-exec, with
/// permissions `mode` whatever the umask, and `size` bytes of zeros that are truly allocated: touching them through
/// a mapping cannot fail later. With `allocated`, only so many of them are; the others wait for allocation.hpp. Fails
/// with no_space_on_device (ENOSPC), detail: what is needed and what is free; EOPNOTSUPP where the file system has no
/// O_TMPFILE; EFBIG beyond `ulimit -f`. open(2): O_TMPFILE.
result<transom::fd> make_unnamed(const std::string& directory, unsigned mode = 0600, std::size_t size = 0,
                                 std::optional<std::size_t> allocated = {});

/// Links the file that `fd` has open under `path`, in the same file system. Never overwrites: fails with
/// file_exists (EEXIST). Needs /proc, or CAP_DAC_READ_SEARCH. linkat(2).
result<void> give_name(int fd, const std::string& path);

}  // namespace transom::os
