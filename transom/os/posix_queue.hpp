// transom/os/posix_queue.hpp - the POSIX message queue: whole messages, highest priority first, then oldest first.
//
// Invariants
//   I1  A message is sent whole or not at all, and received whole or not at all.
//   I2  The descriptor is close-on-exec and non-blocking; calls wait in poll(2), which knows message queues on Linux.
//       So there is no deadline on the wall clock anywhere, as mq_timedsend(3) would have.
//
// Death: a killed peer leaves the queue and its messages as they were; nobody learns of it. The queue outlives
// everyone until unlink(). A message handed to a receiver that is killed is lost. A notification dies with the
// process that asked for it.
#pragma once
#include <cstddef>
#include <span>
#include <string>

#include "transom/base/clock.hpp"
#include "transom/base/error.hpp"
#include "transom/os/fd.hpp"
#include "transom/os/mapping.hpp"

namespace transom::os {

/// Owns one open message queue. Any thread may call any const member at any time. mq_overview(7).
class posix_queue {
 public:
  struct options {
    std::size_t max_messages = 10;    ///< how many it holds
    std::size_t message_size = 8192;  ///< the largest message, in bytes
    unsigned mode = 0600;             ///< permissions, whatever the umask
    bool exclusive = false;           ///< EEXIST rather than opening one that exists
    access how = access::read_write;
  };
  /// What the queue is and has just now. mq_getattr(3).
  struct state {
    std::size_t max_messages, message_size, messages;
  };
  /// What this machine allows unprivileged users, and this process.
  struct allowance {
    long max_messages;    ///< fs.mqueue.msg_max
    long message_size;    ///< fs.mqueue.msgsize_max
    long queues;          ///< fs.mqueue.queues_max
    unsigned long bytes;  ///< RLIMIT_MSGQUEUE, for all queues of one user together
  };
  struct received {
    std::size_t size;
    unsigned priority;
  };

  /// Makes the queue `name` ("/" and then no other), or opens the one there is, whose geometry then counts. Fails with
  /// EINVAL beyond the system's limits, ENOSPC beyond its number of queues, EMFILE beyond the bytes that
  /// RLIMIT_MSGQUEUE grants the user (that is what the kernel answers) or out of descriptors; the detail says which
  /// and names the limit. EACCES if the mode of an existing one refuses. mq_open(3).
  static result<posix_queue> create(const std::string& name, options how);
  static result<posix_queue> create(const std::string& name) { return create(name, options{}); }
  /// Opens the queue `name`. Fails with ENOENT, EACCES.
  static result<posix_queue> open(const std::string& name, access how = access::read_write);
  /// Removes the name; those who have the queue open keep it. Fails with ENOENT. mq_unlink(3).
  static result<void> unlink(const std::string& name);
  /// Fails where /proc is missing.
  static result<allowance> limits();

  /// Sends with a `priority` below 32768; waits while the queue is full. message_too_large beyond message_size().
  result<void> send(std::span<const std::byte> message, unsigned priority = 0, const patience& how = {}) const;
  /// The same without waiting: would_block when it is full.
  result<void> try_send(std::span<const std::byte> message, unsigned priority = 0) const;
  /// Receives the oldest of the highest priority; waits while the queue is empty. `into` has room for
  /// message_size() bytes; otherwise message_too_large, and nothing is taken, however short the message.
  result<received> receive(std::span<std::byte> into, const patience& how = {}) const;
  /// The same without waiting: would_block when it is empty.
  result<received> try_receive(std::span<std::byte> into) const;

  /// Asked from the kernel now.
  result<state> attributes() const;
  std::size_t message_size() const noexcept { return message_size_; }  ///< never changes
  std::size_t max_messages() const noexcept { return max_messages_; }  ///< never changes
  bool created() const noexcept { return created_; }                   ///< this call of create() made it

  /// Asks for one signal `signo` with `value` when a message arrives at the empty queue while nobody waits for it; to
  /// be asked for again each time. One process at a time may: EBUSY. Where a descriptor will do, poll fd() instead: no
  /// signal, no limit on how many watch. mq_notify(3).
  result<void> notify_by_signal(int signo, int value) const;
  /// Takes the request back, if this process made it.
  result<void> cancel_notification() const;

  /// The queue as a descriptor: poll(2) and epoll(7) say readable when it has messages, writable when it has room.
  int fd() const noexcept { return fd_.get(); }
  const place& where() const noexcept { return where_; }

 private:
  posix_queue(transom::fd owned, place where) noexcept : fd_(std::move(owned)), where_(std::move(where)) {}
  static result<posix_queue> finish(int number, const std::string& name);
  transom::fd fd_;
  place where_;
  std::size_t message_size_ = 0, max_messages_ = 0;
  bool created_ = false;
};

}  // namespace transom::os
