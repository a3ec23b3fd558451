// transom/channel/occupancy.cpp - see occupancy.hpp.
#include "transom/channel/occupancy.hpp"

#ifndef NDEBUG
#include <sstream>
#include <string>

#include "transom/base/ensure.hpp"
#endif

namespace transom::detail {

#ifndef NDEBUG

// Relaxed throughout: this finds the mistake, it does not make the use correct.
bool occupancy::enter() noexcept {
  const std::thread::id self = std::this_thread::get_id();
  std::thread::id inside{};
  if (thread_.compare_exchange_strong(inside, self, std::memory_order_relaxed)) return true;
  if (inside == self) return false;
  std::ostringstream sentence;
  sentence << "one handle is used by two threads at the same time: thread " << inside << " is inside, and thread "
           << self << " comes";
  ensure(false, sentence.str().c_str());
  return false;
}

void occupancy::leave() noexcept { thread_.store({}, std::memory_order_relaxed); }

#else

bool occupancy::enter() noexcept { return false; }
void occupancy::leave() noexcept {}

#endif

}  // namespace transom::detail
