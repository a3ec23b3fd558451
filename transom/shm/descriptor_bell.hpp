// transom/shm/descriptor_bell.hpp - how a ringer reaches a sleeper that waits in poll(2) instead of on a bell.
#pragma once

namespace transom::shm {

/// Makes a descriptor of the sleeper's readable. Any thread.
struct descriptor_bell {
  virtual void ring() noexcept = 0;

 protected:
  ~descriptor_bell() = default;
};

}  // namespace transom::shm
