// transom/shm/memory_policy.hpp - what a user may say about the memory of a channel: where it stands, that it is there
// before the first message, that it stays, how large its pages are.
//
//     prefault=yes     every page is touched when the channel is opened: no fault on the way of a message
//     lock=yes         the same, and the kernel may not take them back; bounded by RLIMIT_MEMLOCK
//     huge_pages=yes   a wish: fewer translations to remember, where the system has huge pages for shared memory
//     arena=SIZE       bytes for payloads beyond 56, for each sender; k, M, G as in capacity
//     dir=/absolute    shm: alone: the directory of the channel's file instead of the user's
#pragma once
#include <cstddef>
#include <span>
#include <string>

#include "transom/base/error.hpp"
#include "transom/base/url.hpp"

namespace transom::shm {

/// The keys of a URL of shm:, posix-shm:, sysv-shm: or memfd:.
struct memory_policy {
  bool prefault = false, huge_pages = false, lock = false;
  std::string dir{};      ///< empty: the user's directory
  std::size_t arena = 0;  ///< bytes; 0: whatever the mechanism chooses
};

/// Fails with bad_url, naming the key and what it takes.
result<memory_policy> policy_of(const url& where);

/// Makes `memory`, which is mapped for writing and allocated, what the policy wants. Each end applies it to what it
/// maps. Fails with not_enough_memory; with EPERM or ENOMEM beyond RLIMIT_MEMLOCK, which the detail names; with EINVAL
/// where the kernel knows no huge pages.
result<void> apply(const memory_policy& policy, std::span<std::byte> memory, const place& where);

}  // namespace transom::shm
