// transom/transport/inproc_queue.hpp - the bounded queue behind inproc: parcels that wander between the threads of one
// process. Private to the library.
//
// Payloads are copied before the lock is taken and read after it is let go: a sender fills a parcel of its own and
// swaps it for an empty one, a receiver takes the parcel itself and gives it back with its next call. So a message
// costs each side one short lock, and nothing is allocated once every parcel has grown.
//
// Invariants, all under the mutex
//   I1  parcels_[(head_ + i) % capacity] holds a parcel iff i < count_.
//   I2  Whoever makes room or a message wakes one sleeper of the other side; a sleeper that wakes looks for itself
//       before it gives up, and whoever ends wakes all: no wake-up is swallowed.
//   I3  An alarm that is off belongs to an end whose try_ call would say would_block.
//
// Death: there is none. A process dies with all of its threads.
#pragma once
#include <array>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "transom/os/fork_guard.hpp"
#include "transom/os/poll.hpp"
#include "transom/transport/transport.hpp"

namespace transom::transport {

/// One message, or the memory for one. Its memory only grows.
struct parcel {
  std::unique_ptr<std::byte[]> memory;
  std::size_t room = 0, size = 0;
  std::uint64_t sequence = 0;
  std::array<fd, most_descriptors> descriptors;
  std::size_t descriptor_count = 0;

  std::span<std::byte> reserve(std::size_t bytes);
  /// Duplicates at most 16 of somebody's descriptors, or none of them. Fails with EMFILE.
  result<void> copy_descriptors(std::span<const int> numbers);
  void close_descriptors() noexcept;
};

/// What the queue knows of one end. Guarded by the queue's mutex, but for what is constant.
struct inproc_participant {
  struct ready_alarm {
    os::waker bell;
    bool on = false;
  };
  explicit inproc_participant(place at) : where(std::move(at)) {}
  const place where;
  const std::uint32_t epoch = os::fork_epoch();
  bool keep_open = false;  // receivers: senders come and go
  bool closed = false;     // by close()
  bool ended = false;      // it was told so: it stays so
  bool busy = false;       // a thread is in a call
  std::optional<ready_alarm> alarm;
  std::unique_ptr<parcel> returned;  // receivers: read, and empty again
};

class inproc_queue {
 public:
  struct geometry {
    std::size_t capacity, largest_message;
    unsigned senders, receivers;  // as promised in the options of the first receiver
    std::uint64_t schema_hash;
    std::string schema_text;
  };
  explicit inproc_queue(geometry made);
  const geometry& made() const noexcept { return made_; }

  /// address_in_use, if the number of senders was promised and is reached; owners likewise.
  result<void> add_sender(const place& where, unsigned promised);
  result<void> add_receiver(const place& where, unsigned promised);
  void remove_sender(inproc_participant& who) noexcept;
  /// True: it was the last one, and the queue has ended.
  bool remove_receiver(inproc_participant& who) noexcept;

  /// Takes over `full`, leaving an empty parcel in its place. Waits for room, or makes some: `drops_oldest`.
  result<void> push(inproc_participant& who, std::unique_ptr<parcel>& full, bool drops_oldest, const patience& how);
  /// Waits until push() would find room.
  result<void> wait_for_room(inproc_participant& who, bool drops_oldest, const patience& how);
  /// The oldest parcel of at most `largest` bytes of payload; a larger one stays: message_too_large.
  result<std::unique_ptr<parcel>> pop(inproc_participant& who, std::size_t largest, const patience& how);
  /// Nothing, unless the end is closed, or the stop was requested.
  result<void> still_open(inproc_participant& who, const patience& how, const char* operation);

  result<int> sender_ready_fd(inproc_participant& who) { return ready_fd(who, sender_alarms_); }
  result<int> receiver_ready_fd(inproc_participant& who) { return ready_fd(who, receiver_alarms_); }
  std::uint64_t dropped() const;

 private:
  struct stop_bell {
    inproc_queue* queue;
    void operator()() const noexcept;
  };
  using on_stop = std::optional<std::stop_callback<stop_bell>>;
  struct side {
    std::condition_variable bell;
    unsigned asleep = 0;
    void wake_one() noexcept {
      if (asleep != 0) bell.notify_one();
    }
  };
  enum class view { go, ended, not_now };
  template <typename Look>
  result<void> await(std::unique_lock<std::mutex>& lock, on_stop& stopping, side& here, inproc_participant& who,
                     const patience& how, const char* operation, Look look);
  view look_for_room(bool drops_oldest) const noexcept;
  void drop_oldest() noexcept;
  result<int> ready_fd(inproc_participant& who, std::vector<inproc_participant*>& alarms);
  static void raise(const std::vector<inproc_participant*>& alarms) noexcept;
  void end_all(inproc_participant& who, std::vector<inproc_participant*>& alarms) noexcept;

  const geometry made_;
  mutable std::mutex mutex_;
  side senders_side_, receivers_side_;
  std::vector<std::unique_ptr<parcel>> parcels_, empties_;
  std::size_t head_ = 0, count_ = 0;
  unsigned senders_ = 0, receivers_ = 0;
  bool ever_joined_ = false;
  std::uint64_t dropped_ = 0;
  std::vector<inproc_participant*> sender_alarms_, receiver_alarms_;
};

}  // namespace transom::transport
