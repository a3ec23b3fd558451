// transom/transport/kernel_queue.hpp - what POSIX and System V queues have in common, so that their ends are written
// once; and where such queues come from. Private to the library.
#pragma once
#include <memory>
#include <string>

#include "transom/transport/transport.hpp"

namespace transom::transport {

/// One open queue, with memory for one kernel message on its way out and one on its way in. Thread safety: one thread
/// at a time, but for fd(), has_messages(), has_room(), wake() and remove().
class kernel_queue {
 public:
  struct taken {
    std::size_t size;
    int priority;
    long type;
  };
  kernel_queue() = default;
  kernel_queue(const kernel_queue&) = delete;
  kernel_queue& operator=(const kernel_queue&) = delete;
  virtual ~kernel_queue() = default;

  /// The largest kernel message, and where it is written and read. Constant.
  virtual std::span<std::byte> outgoing_memory() noexcept = 0;
  virtual std::span<const std::byte> incoming_memory() noexcept = 0;
  /// Sends the first `size` bytes of outgoing_memory(): would_block when there is no room.
  virtual result<void> try_put(std::size_t size, int priority, long type) = 0;
  /// Takes a message to incoming_memory(): would_block when there is none of that `type`.
  virtual result<taken> try_take(long type) = 0;

  /// How many full-sized messages there is room for, and would be in an empty queue.
  struct room {
    std::size_t now, ever;
  };
  virtual result<room> count_room() = 0;
  virtual bool has_messages() noexcept = 0;
  virtual bool has_room() noexcept = 0;
  /// Pollable: readable when it has messages, writable when it has room. -1: the kernel has no such thing.
  virtual int fd() const noexcept = 0;
  /// For those who sleep on fd(): a sender has gone. Best effort; may do nothing.
  virtual void wake() noexcept = 0;
  /// Removes the queue from the system.
  virtual void remove() noexcept = 0;
};

/// One mechanism and one name of it.
class queue_source {
 public:
  virtual ~queue_source() = default;
  /// `most_messages`: what the owner chose, where the kernel does not count them itself.
  virtual result<std::unique_ptr<kernel_queue>> open(std::size_t most_messages) const = 0;
  /// Fails with std::errc::file_exists if there is one.
  virtual result<std::unique_ptr<kernel_queue>> create(std::size_t message_size, const options& how) const = 0;
  /// The largest kernel message that this system allows, and the name of the sysctl that says so.
  virtual result<std::size_t> system_limit() const = 0;
  virtual std::string limit_in_words() const = 0;
  virtual feature_set features() const noexcept = 0;
  /// What a receiver made with these options holds, in messages. 0: it depends on their sizes.
  virtual std::size_t capacity(const options& how) const noexcept = 0;
  virtual bool has_priorities() const noexcept = 0;  ///< or else types

  /// The name's URL, the same in every process.
  const url where;

 protected:
  explicit queue_source(url at) : where(std::move(at)) {}
};

/// The two ways in. Both keep `source` for clones.
result<std::unique_ptr<receiving_end>> open_queue_receiver(std::shared_ptr<const queue_source> source,
                                                           const options& how, const terms& agreed);
result<std::unique_ptr<sending_end>> open_queue_sender(std::shared_ptr<const queue_source> source, const options& how,
                                                       const terms& agreed);

}  // namespace transom::transport
