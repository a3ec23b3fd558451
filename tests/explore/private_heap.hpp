// tests/explore/private_heap.hpp - operator new during an execution: memory that is forgotten as a whole at its end. A
// killed thread runs no destructors, so it would leak; and every execution gets the same addresses.
#pragma once

namespace transom::explore::private_heap {

void begin() noexcept;
void finish() noexcept;

/// Within its life, memory comes from the ordinary heap, and outlives the execution.
class pause {
 public:
  pause() noexcept;
  ~pause();
  pause(const pause&) = delete;
  pause& operator=(const pause&) = delete;

 private:
  bool was_on_;
};

}  // namespace transom::explore::private_heap
