// transom/transport/lane_link.hpp - what the ends of a lane must know of their channel besides the lane: who is there,
// who died, how to leave. Private to the library.
//
// Two kinds of channel implement it: named memory that all participants write (named_lanes.cpp), and a pair of sealed
// one-way memfds (memfd.cpp).
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "transom/shm/descriptor_bell.hpp"
#include "transom/shm/lane_layout.hpp"
#include "transom/transport/transport.hpp"

namespace transom::transport {

/// What a bell in the memory means to this process.
struct lane_side {
  sync::wait_word* waits = nullptr;  ///< ours
  sync::bell_word* bell = nullptr;   ///< on which we sleep
  bool bell_is_ours_too = true;      ///< we may write it, so that close() can ring it
};

/// The sender's view of its channel. Thread safety: as the end that owns it.
class sender_link {
 public:
  virtual ~sender_link() = default;
  /// Succeeds while the receiver lives. Fails with closed, or peer_died with its pid. Asks the kernel.
  virtual result<void> look_at_receiver(const char* operation) = 0;
  /// Says goodbye in good order: everything before has been published. Any thread.
  virtual void part() noexcept = 0;
  /// Where the receiver ran when it last looked, plus 1; 0: unknown.
  virtual std::uint32_t receiver_cpu() const noexcept = 0;
  virtual result<std::unique_ptr<sending_end>> clone() = 0;
  virtual result<handover> give() = 0;
  /// A descriptor that the receiver can make readable; made at first request.
  virtual result<int> bell_fd() = 0;
  virtual void clear_bell_fd() noexcept = 0;
};

/// One sender's lane, as the receiver found it.
struct lane_source {
  unsigned row = 0;
  std::uint32_t generation = 0;
  int pid = 0;
  unsigned uid = 0;
  shm::lane_memory memory;
  const sync::wait_word* waits = nullptr;
  sync::bell_word* bell = nullptr;
  shm::descriptor_bell* descriptor = nullptr;
};

/// How a lane's sender stands.
enum class standing { live, parted, dead };

/// The receiver's view of its channel. Thread safety: as the end that owns it.
class receiver_link {
 public:
  virtual ~receiver_link() = default;
  /// Have lanes come, or senders left, since find_lanes()? One load.
  virtual bool changed() const noexcept = 0;
  /// The word that changed() looks at, and what find_lanes() saw in it.
  virtual const sync::atomic<std::uint32_t>& change_word() const noexcept = 0;
  virtual std::uint32_t seen() const noexcept = 0;
  /// Appends the lanes that were not found before.
  virtual void find_lanes(std::vector<lane_source>& found) = 0;
  /// How the sender of a lane stands. `ask`: asks the kernel whether it died, otherwise only what it says.
  virtual standing look_at(const lane_source& lane, bool ask) = 0;
  /// Senders that died before they had a lane, one at a time: the pid; 0: none. Asks the kernel.
  virtual int dead_without_lane() = 0;
  /// The lane is drained, and none of its messages is held.
  virtual void give_up(const lane_source& lane) noexcept = 0;
  /// Nobody else is there or about to be, and somebody was.
  virtual bool everybody_left() const noexcept = 0;
  /// Ends the channel in good order. Any thread.
  virtual void leave() noexcept = 0;
  virtual void publish_cpu(std::uint32_t cpu_plus_1) noexcept = 0;
  virtual result<handover> give() = 0;
  /// A descriptor that senders can make readable; made at first request.
  virtual result<int> bell_fd() = 0;
  virtual void clear_bell_fd() noexcept = 0;
};

}  // namespace transom::transport
