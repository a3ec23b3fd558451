// transom/sync/membership.hpp - who this process is in the memory in which a lock lies, who else is there, and who of
// them is gone. Found by the address of the lock, so that a lock is a few words that can stand anywhere.
//
// A range of addresses that is shared with other processes is registered by whoever mapped it, together with a
// membership: the number of this process there (row and incarnation, transom/shm/participants.hpp), and the kernel's
// word about the others. Memory that nobody registered belongs to the threads of this process, who cannot die alone.
//
// Speed: each thread remembers the range it used last. A lock in it costs four loads; nothing is written.
//
// Each participant has notes in the shared memory (note.hpp), which its threads share.
#pragma once
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "transom/os/fork_guard.hpp"
#include "transom/sync/note.hpp"

namespace transom::sync {

/// One process's part in one range of memory. Made by whoever maps the memory, registered while it is mapped. Thread
/// safety: all calls, any thread.
class membership {
 public:
  membership(std::uint32_t id, std::uintptr_t begin, std::size_t size) noexcept : id_(id), begin_(begin), size_(size) {}
  membership(const membership&) = delete;
  membership& operator=(const membership&) = delete;
  virtual ~membership() = default;

  /// Names this participant and its incarnation. Never 0.
  std::uint32_t id() const noexcept { return id_; }
  std::uintptr_t begin() const noexcept { return begin_; }
  std::size_t size() const noexcept { return size_; }
  std::uint64_t offset_of(const void* object) const noexcept {
    return reinterpret_cast<std::uintptr_t>(object) - begin_;
  }
  /// What lies there, or null if so many bytes would not fit into the memory: a note may say anything.
  void* object_at(std::uint64_t offset, std::size_t bytes) const noexcept {
    return offset <= size_ && bytes <= size_ - offset ? reinterpret_cast<void*>(begin_ + offset) : nullptr;
  }

  /// Whether that incarnation can never again write into the memory: it died, or it left. The kernel's proof, one
  /// system call at most (0.3 us). Never true of a stopped process.
  virtual bool is_gone(std::uint32_t participant) const noexcept = 0;
  /// How many rows of notes there are, as far as any of them was ever used.
  virtual unsigned rows() const noexcept = 0;
  /// The notes of one row, as far as any of them was ever used.
  virtual std::span<note> notes_of(unsigned row) const noexcept = 0;
  /// For people: "pid 4711 (robber)".
  virtual std::string describe(std::uint32_t participant) const = 0;
  /// The process of a participant, so that it can be found again in another range: equal for equal processes, 0 when
  /// it is gone.
  virtual std::uint64_t process_of(std::uint32_t participant) const noexcept = 0;
  virtual int pid_of(std::uint32_t participant) const noexcept = 0;

  /// A note of ours, to be filled by one thread; null when all are in use. Costs one compare-and-swap of private
  /// memory.
  note* take_note() noexcept;
  /// It says nothing any more, and may be taken again.
  void return_note(note& mine) noexcept;
  /// Says it: `more` and `own` are the caller's, before.
  void write_note(note& mine, note_kind kind, const void* object, std::uint32_t thread) const noexcept {
    mine.object.store(offset_of(object), relaxed);
    mine.thread.store(thread, relaxed);
    mine.say(note::pack(id_, kind));
  }
  /// Settles every note of everybody who is gone (settle.hpp). Called by those who wait in vain and those who join.
  void reap() const noexcept;

 protected:
  /// The notes of our own row; from now on notes_of() shows others at least the first `count`.
  virtual std::span<note> own_notes(unsigned count) noexcept = 0;

 private:
  std::uint32_t id_;
  std::uintptr_t begin_;
  std::size_t size_;
  std::array<std::atomic<std::uint64_t>, notes_each / 64> taken_{};  // M2
};

/// Makes a range known while it exists. The memory stays mapped, and the membership alive, for longer than this.
class registration {
 public:
  explicit registration(membership& of);
  registration(registration&& other) noexcept : of_(other.of_) { other.of_ = nullptr; }
  registration& operator=(registration&&) = delete;
  ~registration();

 private:
  membership* of_;
};

/// What a thread is in the memory it used last.
struct standing {
  std::uintptr_t begin = 0;
  std::uintptr_t length = 0;
  std::uint32_t participant = 0;
  std::uint32_t thread = 0;  ///< the kernel's number of this thread in its own namespace: unique within the process
  membership* in = nullptr;
  const std::atomic<std::uint32_t>* epoch_word = nullptr;
  std::uint32_t epoch = 0;
  std::uint32_t changes = 0;
};

namespace detail {
/// Moves whenever a range comes or goes.
extern std::atomic<std::uint32_t> range_changes;
extern constinit thread_local standing last_standing __attribute__((tls_model("initial-exec")));
const standing* look_up(const void* object) noexcept;
}  // namespace detail

/// This thread's standing in the memory in which `object` lies; null: the memory was our parent's before a fork(), and
/// the caller says errc::forked. Valid until this thread asks the next time.
inline const standing* standing_at(const void* object) noexcept {
  const standing& last = detail::last_standing;
  const bool known = reinterpret_cast<std::uintptr_t>(object) - last.begin < last.length &&
                     last.changes == detail::range_changes.load(std::memory_order_relaxed) &&
                     last.epoch == last.epoch_word->load(std::memory_order_relaxed);
  if (known) [[likely]]
    return &last;
  return detail::look_up(object);
}

}  // namespace transom::sync
