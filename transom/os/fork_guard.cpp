// transom/os/fork_guard.cpp - see fork_guard.hpp.
#include "transom/os/fork_guard.hpp"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

namespace transom::os::detail {

namespace {

// `fallback` stands in for the page: zero until the first call, and for ever where the kernel cannot wipe pages.
constinit std::atomic<std::uint32_t> fallback{0};

// The last epoch given out, copied into children as it is. Never behind the word, so that a child, which finds the
// word 0, goes on with a number that its parent has not used before the fork.
constinit std::atomic<std::uint32_t> last_epoch{0};

const std::atomic<std::uint32_t>* wiped_page() noexcept {
  const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  void* page = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page != MAP_FAILED && ::madvise(page, size, MADV_WIPEONFORK) == 0) {
    const std::atomic<std::uint32_t>* expected = &fallback;
    auto* made = static_cast<const std::atomic<std::uint32_t>*>(page);
    if (epoch_word.compare_exchange_strong(expected, made, std::memory_order_acq_rel)) return made;
    ::munmap(page, size);  // another thread was faster
    return expected;
  }
  if (page != MAP_FAILED) ::munmap(page, size);
  // Registered again in each generation, which does no harm.
  ::pthread_atfork(nullptr, nullptr, [] { fallback.store(0, std::memory_order_relaxed); });
  return &fallback;
}

}  // namespace

constinit std::atomic<const std::atomic<std::uint32_t>*> epoch_word{&fallback};

std::uint32_t begin_epoch() noexcept {
  const auto* seen = epoch_word.load(std::memory_order_acquire);
  if (seen == &fallback) seen = wiped_page();
  auto* word = const_cast<std::atomic<std::uint32_t>*>(seen);
  std::uint32_t next = last_epoch.fetch_add(1, std::memory_order_relaxed) + 1;
  if (next == 0) next = last_epoch.fetch_add(1, std::memory_order_relaxed) + 1;  // 2^32 generations later
  std::uint32_t expected = 0;
  // Threads that come here together agree on the number of whoever is first.
  return word->compare_exchange_strong(expected, next, std::memory_order_relaxed) ? next : expected;
}

}  // namespace transom::os::detail
