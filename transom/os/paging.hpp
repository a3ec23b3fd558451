// transom/os/paging.hpp - which pages of mapped memory are there, how large they are, and which of them stay. Each call
// takes in the whole pages around the bytes it is given.
//
// Allocated is not mapped: the first touch of a page that a file has is a minor fault of some 0.1 to 1 us, and a fault
// may sleep when memory is short. populate() takes these faults at once, lock_pages() also forbids the kernel to take
// the pages back.
#pragma once
#include <cstddef>
#include <span>

#include "transom/base/error.hpp"

namespace transom::os {

/// Touches every page now, without changing a byte; for memory that is mapped for writing and may be in use. Before
/// Linux 5.14 the pages are read instead. Fails with not_enough_memory when there is nothing to be had for a page.
/// madvise(2): MADV_POPULATE_WRITE.
result<void> populate(std::span<std::byte> memory, const place& where);

/// Asks for huge pages: a wish. It comes true where the file system has them
/// (/sys/kernel/mm/transparent_hugepage/shmem_enabled for shared memory) and enough lies together. Fails with EINVAL
/// where the kernel was built without them. madvise(2): MADV_HUGEPAGE.
result<void> prefer_huge_pages(std::span<std::byte> memory, const place& where);

/// Keeps the pages in memory until they are unmapped; all are touched first. Does not reach children of fork(). Fails
/// with EPERM or ENOMEM beyond what an unprivileged user may lock: the detail names the limit. mlock(2).
result<void> lock_pages(std::span<std::byte> memory, const place& where);

}  // namespace transom::os
