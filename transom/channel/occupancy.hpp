// transom/channel/occupancy.hpp - catches two threads inside one handle. Debug builds of the library only; in others
// every member does nothing, and the size of the object is the same.
#pragma once
#include <atomic>
#include <thread>

namespace transom::detail {

/// Who is inside a handle just now.
class occupancy {
 public:
  /// One call's stay. Aborts, naming both threads, if another thread is inside. The same thread may stay twice: a
  /// handler that select() runs uses the handle again.
  class stay {
   public:
    explicit stay(occupancy& where) noexcept : where_(where), outermost_(where.enter()) {}
    stay(const stay&) = delete;
    stay& operator=(const stay&) = delete;
    ~stay() {
      if (outermost_) where_.leave();
    }

   private:
    occupancy& where_;
    bool outermost_;
  };

 private:
  bool enter() noexcept;
  void leave() noexcept;
  std::atomic<std::thread::id> thread_{};
};

}  // namespace transom::detail
