// transom/sync/patient_sleep.cpp - see patient_sleep.hpp.
#include "transom/sync/patient_sleep.hpp"

#include <algorithm>
#include <array>

namespace transom::sync {

bool patient_sleep::sleep(const void* word, std::uint32_t seen) noexcept {
  const os::bound limit{how_->until.is_never() ? longest_sleep
                                               : std::min<std::chrono::nanoseconds>(longest_sleep, how_->until.left())};
  if (!how_->stop.stop_possible()) return os::futex_wait(word, seen, limit);
  if (!on_stop_) on_stop_.emplace(how_->stop, raise_flag{&stopped_});
  const std::array<os::futex_word, 2> words{os::futex_word{word, seen}, os::futex_word{&stopped_, 0}};
  return os::futex_wait_any(words, limit);
}

}  // namespace transom::sync
