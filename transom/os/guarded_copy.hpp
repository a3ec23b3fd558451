// transom/os/guarded_copy.hpp - memcpy out of memory that may not be there.
//
// A page of a mapped file that somebody else truncates away is SIGBUS when it is touched. A handler for that is one
// per process, cannot know which library it serves, and would have to jump out of whatever was interrupted. Here the
// kernel does the reading instead, process_vm_readv(2) on ourselves: it answers EFAULT where a load would have been a
// signal. No handler, no state, nothing to undo: any thread, and handlers too. It costs a system call.
#pragma once
#include <cstddef>
#include <span>

#include "transom/base/error.hpp"

namespace transom::os {

/// Copies `into.size()` bytes from `from`. Fails with EFAULT where there is no memory that can be read; some bytes may
/// have been copied then. Where a filter refuses the call the bytes go through a pipe, which costs two copies and can
/// fail with EMFILE.
result<void> guarded_copy(std::span<std::byte> into, const void* from);

}  // namespace transom::os
