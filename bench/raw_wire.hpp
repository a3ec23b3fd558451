// bench/raw_wire.hpp - the reference: what one writes by hand against the system calls, blocking, without checks of
// anything but success. The same loop as the one through Transom.
#pragma once
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "transom/transom.hpp"

namespace bench {

/// One process's half of a two-way connection.
class wire {
 public:
  virtual ~wire() = default;
  virtual void send(std::span<const std::byte> message) = 0;
  /// One whole message of exactly into.size() bytes.
  virtual void recv(std::span<std::byte> into) = 0;
};

/// The mechanisms compared. "pipe" is two pipes and "unix" two pairs of sockets, one for each direction as with
/// channels. (One Unix socket for both directions answers up to a third sooner: the kernel wakes the asker when its
/// question is read, for the room that this makes, and so the answer finds its processor awake. Channels have one
/// direction.)
const std::vector<std::string>& mechanisms();

/// A connection made by hand: this process's half, and how to give the other to a child.
struct raw_pair {
  std::unique_ptr<wire> here;
  transom::command child;
};
raw_pair make_raw(const std::string& mechanism, transom::command child);
/// In the child: the half that was given.
std::unique_ptr<wire> inherit_raw(const std::string& mechanism, const std::string& name);
/// The name of queues, which are found rather than given.
void remove_raw(const std::string& mechanism, const std::string& name);

}  // namespace bench
