// transom/sync/patient_sleep.hpp - a thread's wait for a word in shared memory under a caller's patience: in sleeps
// that are bounded, so that after each of them it can be asked who has died, and that a stop request ends at once.
//
// Death: whoever changed the word and was killed before the wake wakes nobody; a sleep of at most `longest_sleep` later
// the sleeper looks for itself.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>

#include "transom/base/clock.hpp"
#include "transom/base/error.hpp"
#include "transom/os/futex.hpp"
#include "transom/sync/atomic.hpp"

namespace transom::sync {

/// The bound B: nobody who could go on sleeps longer, whoever dies.
inline constexpr std::chrono::nanoseconds longest_sleep = std::chrono::milliseconds(100);

/// One wait, of as many sleeps as it takes. Lives on the stack of the thread that waits.
class patient_sleep {
 public:
  explicit patient_sleep(const patience& how) noexcept : how_(&how) {}
  patient_sleep(const patient_sleep&) = delete;
  patient_sleep& operator=(const patient_sleep&) = delete;

  /// Why the wait must end now: canceled, would_block, timed_out; nothing: it goes on.
  std::optional<errc> is_over() const noexcept {
    if (how_->stop.stop_requested()) return errc::canceled;
    if (how_->nonblocking) return errc::would_block;
    if (!how_->until.is_never() && how_->until.expired()) return errc::timed_out;
    return {};
  }
  /// Sleeps while the u32 at `word` is `seen`: until it is woken, the deadline has passed, a stop is requested, or
  /// longest_sleep is over. False: the bound was met, and it is time to ask for the dead. May return early.
  bool sleep(const void* word, std::uint32_t seen) noexcept;

 private:
  struct raise_flag {
    atomic<std::uint32_t>* flag;
    void operator()() const noexcept {
      flag->store(1, relaxed);
      os::futex_wake_all(flag);
    }
  };
  const patience* how_;
  atomic<std::uint32_t> stopped_{0};
  std::optional<std::stop_callback<raise_flag>> on_stop_;  // from the first sleep on, if there can be a stop
};

}  // namespace transom::sync
