// transom/transport/transport.hpp - the contract between channels and mechanisms: what every transport does.
//
// A channel talks to two objects, a sending_end and a receiving_end, and never learns which mechanism is behind
// them. A transport either keeps all of what follows, which tests/conformance checks for each of them, or says
// `unsupported` when it is opened. What differs between mechanisms is data: features().
//
// Rules for every end
//   R1  Precedence: canceled if the stop was already requested; then data; then closed and peer_died; then
//       would_block and timed_out. `closed` is final.
//   R2  A message is accepted whole or not at all, and received whole or left queued.
//   R3  One thread at a time uses an end, but close() may be called from any thread at any time, more than once.
//       It ends a call that sleeps in another thread; that call returns `closed`.
//   R4  After fork() every call in the child answers `forked`, and the destructor touches nothing shared.
//   R5  No heap allocation per message once buffers have grown; no system call that the message does not need.
//   R6  Each death of a sender is reported once, as peer_died, after the last message of that sender.
//   R7  What a peer sends is checked before it is used: a peer that breaks the rules is a protocol_error.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "transom/base/bytes.hpp"
#include "transom/base/clock.hpp"
#include "transom/base/error.hpp"
#include "transom/base/features.hpp"
#include "transom/base/options.hpp"
#include "transom/base/url.hpp"
#include "transom/sync/atomic.hpp"
#include "transom/transport/message.hpp"

namespace transom::shm {
class lane_reader;
class lane_writer;
}  // namespace transom::shm

namespace transom::transport {

/// Room that a sender has lent, one of any number.
struct lent_room {
  std::span<std::byte> memory;
  std::uint64_t token = 0;  ///< the transport's own note
};
/// A message that stays where it lies while others are received, until keeper.release(token).
class keeper {
 public:
  /// Any thread, any order; not after the end is gone.
  virtual void release(void* token) noexcept = 0;

 protected:
  ~keeper() = default;
};
struct kept_message {
  std::span<const std::byte> payload;
  keeper* by = nullptr;
  void* token = nullptr;
};
/// Where a channel may take small messages from shared memory by itself. Written by the receiving end in each call of
/// front(), read by the channel in between; one thread.
struct lane_inlet {
  shm::lane_reader* current = nullptr;  ///< the lane from which the next message is likely to come; null: ask front()
  unsigned spins = 0;                   ///< how often to look at it before asking front() to wait
  unsigned answers = 0;  ///< how often "nothing there" may be answered without asking front(), while nothing changes
  const sync::atomic<std::uint32_t>* changes = nullptr;
  std::uint32_t seen = 0;  ///< of *changes
  /// Who keeps messages of `current` for views; null: views are not of the memory itself. And whose messages they are.
  keeper* keeps = nullptr;
  int pid = 0;
  std::uint32_t uid = 0;
};

/// What the two ends must agree on. The texts have static storage.
struct terms {
  std::uint64_t schema_hash = 0;  ///< 0: no type, everything matches (foreign framing)
  std::string_view schema_text;   ///< for people
  std::size_t least_message = 0;  ///< bytes that max_message must at least be, if it is left to the scheme
  bool descriptors = false;       ///< messages of this type carry descriptors
  /// May a peer that declared this talk to us? Null: only the same hash.
  bool (*compatible)(std::uint64_t hash, std::string_view text) = nullptr;
};

/// An end on its way into another process: its descriptors and whatever else its transport must remember.
struct handover {
  std::string url;              ///< of the handle
  std::vector<fd> descriptors;  ///< to be inherited, in the order in which adopt_ expects them
  bytes state;                  ///< the transport's own note to itself, for example bytes already read
};

/// What both ends share.
class end {
 public:
  end() = default;
  end(const end&) = delete;
  end& operator=(const end&) = delete;
  virtual ~end() = default;

  /// What a peer needs to open the other side. Constant from open on.
  virtual std::string_view url() const noexcept = 0;
  /// The row of the matrix, with largest_message() beside it. Constant from open on.
  virtual feature_set features() const noexcept = 0;
  virtual std::size_t largest_message() const noexcept = 0;
  /// Ends this side in good order and wakes whoever sleeps on either. Any thread; again is harmless.
  virtual void close() noexcept = 0;
  /// A descriptor that is readable (POLLIN) whenever the try_ call would return anything but would_block; it may
  /// be readable for nothing. Made at first request; valid as long as the end.
  virtual result<int> ready_fd() = 0;
  /// True where the kernel has no such descriptor and ready_fd() would start a thread. Who can look by itself then asks
  /// looks_ready() instead, at most 1 ms apart.
  virtual bool ready_fd_is_emulated() const noexcept { return false; }
  /// Might the try_ call return anything but would_block? Takes nothing; asked only where the descriptor is emulated.
  virtual bool looks_ready() noexcept { return true; }
  /// Gives the end up for another process. The end is finished here and says nothing to its peer.
  virtual result<handover> give() = 0;
};

class sending_end : public end {
 public:
  /// Accepts one message, waiting for room as `how` allows.
  virtual result<void> send(const outgoing& message, const patience& how) = 0;
  /// Accepts the first n of `messages` in as few system calls as it can; fails only if not even one went.
  virtual result<std::size_t> send_many(std::span<const outgoing> messages, const patience& how) = 0;
  /// Lends memory for a payload of `size` bytes, to be filled and then sent by commit(). Until then nothing has
  /// happened; the next claim() or send() forgets it.
  virtual result<std::span<std::byte>> claim(std::size_t size, const patience& how) = 0;
  /// Sends what was claimed; message.payload is the beginning of the claimed memory.
  virtual result<void> commit(const outgoing& message, const patience& how) = 0;
  /// A further end on the same channel.
  virtual result<std::unique_ptr<sending_end>> clone() = 0;

  // Where loans are slots of the mechanism and there may be any number of them. Elsewhere claim() lends one at a time.
  virtual bool lends_many() const noexcept { return false; }
  virtual result<lent_room> lend(std::size_t, const patience&) { return error(errc::unsupported, "loan"); }
  /// Sends what was lent; message.payload is the beginning of it. If that fails the loan is still there.
  virtual result<void> send_lent(const lent_room&, const outgoing&, const patience&) {
    return error(errc::unsupported, "send");
  }
  /// It was not sent after all. Any thread.
  virtual void give_back(const lent_room&) noexcept {}
  /// Shared memory: the lane itself, to which small messages are handed without a call through this interface.
  virtual shm::lane_writer* quick_writer() noexcept { return nullptr; }
};

class receiving_end : public end {
 public:
  /// Lends the next message; again the same one until release(). `type` as in recv_options.
  virtual result<incoming> front(long type, const patience& how) = 0;
  /// The message lent by front() has been dealt with.
  virtual void release() noexcept = 0;
  /// Moves the next message into `into` and tells its size. message_too_large if it does not fit: then it stays.
  virtual result<std::size_t> receive_into(std::span<std::byte> into, long type, const patience& how) = 0;
  /// A further end on the same channel, where the mechanism has many receivers.
  virtual result<std::unique_ptr<receiving_end>> clone() = 0;

  /// Whether any number of messages can be kept() at once; elsewhere front() lends one at a time.
  virtual bool keeps_many() const noexcept { return false; }
  /// Keeps the message that front() has lent. no_buffer_space when too many are kept already.
  virtual result<kept_message> keep() { return error(errc::unsupported, "recv"); }
  /// Shared memory: the lane from which small messages are taken without a call through this interface.
  virtual lane_inlet* quick_inlet() noexcept { return nullptr; }
};

/// Both ends of a channel that only its makers know.
struct ends {
  std::unique_ptr<sending_end> tx;
  std::unique_ptr<receiving_end> rx;
};

/// The features a scheme has by itself: the matrix of docs/transports.md as data.
feature_set features_of(scheme s) noexcept;

/// Opens the receiving side, which owns the name. `how` already holds the URL's keys.
result<std::unique_ptr<receiving_end>> open_receiver(const url& where, const options& how, const terms& agreed);
/// Opens the sending side, waiting at most how.connect_timeout for the name.
result<std::unique_ptr<sending_end>> open_sender(const url& where, const options& how, const terms& agreed);
/// Makes both ends of an anonymous channel (unix:, unix+stream:, unix+dgram:, pipe:, inproc:).
result<ends> open_pair(const url& where, const options& how, const terms& agreed);
/// Takes over an end that give() has packed in another process.
result<std::unique_ptr<receiving_end>> adopt_receiver(handover packed, const options& how, const terms& agreed);
result<std::unique_ptr<sending_end>> adopt_sender(handover packed, const options& how, const terms& agreed);

}  // namespace transom::transport
