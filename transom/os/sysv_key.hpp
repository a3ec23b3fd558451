// transom/os/sysv_key.hpp - the number by which unrelated processes find a System V object.
#pragma once
#include <string>

#include "transom/base/error.hpp"

namespace transom::os {

/// The key that ftok(3) makes of the file at `path`, which must exist, and `id`, 1 to 255: 8 bits of the id, 8 of the
/// device and 16 of the inode. Two files can therefore share a key, and a file that is replaced has another.
/// Fails as stat(2) does, with EINVAL for an id out of range.
result<int> sysv_key(const std::string& path, int id);

}  // namespace transom::os
