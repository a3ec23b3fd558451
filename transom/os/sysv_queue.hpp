// transom/os/sysv_queue.hpp - the System V message queue: whole messages with a type, by which a receiver chooses.
//
// Invariants
//   I1  A message is sent whole or not at all, and received whole or not at all.
//   I2  Nothing is copied but by the kernel and nothing is allocated per message: the caller's sysv_message has the
//       room for the type in front of the data, where msgsnd(2) wants it.
//
// Waiting: the kernel knows neither deadlines nor descriptors here. Without deadline and stop token a call sleeps in
// the kernel; with one it looks at most 1 ms apart.
//
// Death: a killed peer leaves the queue and its messages as they were; nobody learns of it. The queue outlives
// everyone until remove(); whoever waits then gets std::errc::identifier_removed. A message handed to a receiver
// that is killed is lost.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "transom/base/clock.hpp"
#include "transom/base/error.hpp"

namespace transom::os {

/// Room for one message. Made once and used for many; moves, does not copy. Thread safety: one thread at a time.
class sysv_message {
 public:
  /// Room for `capacity` bytes of data.
  explicit sysv_message(std::size_t capacity);
  /// Where to write what is to be sent, and where to read what was received; constant for the life of the object.
  std::span<std::byte> data() const noexcept { return {reinterpret_cast<std::byte*>(words_.get() + 1), capacity_}; }
  std::size_t capacity() const noexcept { return capacity_; }

 private:
  friend class sysv_queue;
  std::unique_ptr<long[]> words_;  // the first is the type
  std::size_t capacity_;
};

/// One System V queue, by its id. It moves; the destructor removes nothing, because the object belongs to the
/// system. Any thread may call any member at any time. sysvipc(7).
class sysv_queue {
 public:
  sysv_queue(sysv_queue&&) noexcept = default;
  sysv_queue& operator=(sysv_queue&&) noexcept = default;

  struct options {
    unsigned mode = 0600;
    bool exclusive = false;  ///< EEXIST rather than opening one that exists
  };
  struct received {
    long type;
    std::size_t size;
  };
  /// msgctl(2), IPC_STAT. Times are seconds since 1970, 0: never; pids are 0 before the first.
  struct status {
    std::size_t messages, bytes, capacity_bytes;
    int last_sender, last_receiver;
    std::int64_t last_send, last_receive, last_change;
    unsigned mode, owner;
  };

  /// Makes the queue of the key of `path` and `id` (sysv_key.hpp), or opens the one there is. Fails with ENOSPC when
  /// the system has no more queues (kernel.msgmni), EACCES if the mode of an existing one refuses. msgget(2).
  static result<sysv_queue> create(const std::string& path, int id, options how);
  static result<sysv_queue> create(const std::string& path, int id) { return create(path, id, options{}); }
  /// Opens the queue of that key. Fails with ENOENT, EACCES.
  static result<sysv_queue> open(const std::string& path, int id);
  /// A queue without a key, for those who are told its number.
  static result<sysv_queue> make_private(unsigned mode = 0600);
  /// The queue with that number. Fails with EINVAL if there is none.
  static result<sysv_queue> from_number(int number);

  /// Sends the first `size` bytes of `message` with `type` > 0; waits while the queue is full. message_too_large
  /// beyond kernel.msgmax or the queue's capacity, the detail names the limit; EIDRM when the queue is removed.
  result<void> send(long type, sysv_message& message, std::size_t size, const patience& how = {}) const;
  /// The same without waiting: would_block when it is full.
  result<void> try_send(long type, sysv_message& message, std::size_t size) const;
  /// Receives the oldest message (`type` 0), the oldest of `type`, or the oldest of the lowest type that is at most
  /// -`type`; waits while there is none. message_too_large if it is larger than `into`: then it stays queued. EIDRM
  /// when the queue is removed.
  result<received> receive(sysv_message& into, long type = 0, const patience& how = {}) const;
  /// The same without waiting: would_block when there is none.
  result<received> try_receive(sysv_message& into, long type = 0) const;

  result<status> stat() const;
  /// How many bytes of data the queue holds. More than kernel.msgmnb needs CAP_SYS_RESOURCE: EPERM. msgctl(2), IPC_SET.
  result<void> set_capacity_bytes(std::size_t bytes) const;
  /// Removes the queue and its messages now, for everyone.
  result<void> remove() const;

  int number() const noexcept { return number_; }
  bool created() const noexcept { return created_; }  ///< this call of create() made it
  const place& where() const noexcept { return where_; }

 private:
  sysv_queue(int number, place where, bool created) noexcept
      : number_(number), created_(created), where_(std::move(where)) {}
  static result<sysv_queue> get(int key, int flags, place where);
  error send_failed(int number, std::size_t size) const;
  error receive_failed(int number, std::size_t capacity) const;
  int number_;
  bool created_ = false;
  place where_;
};

}  // namespace transom::os
