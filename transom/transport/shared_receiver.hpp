// transom/transport/shared_receiver.hpp - the receiving end of a kernel object that all senders share: a FIFO, a
// datagram socket. Private.
//
// Who takes part is known from the record beside the name. A sender that cannot join it, a guest, says hello and
// CLOSE in frames of its own. Foreign framing knows neither: there the end of a FIFO's stream is the end.
//
// Invariants
//   I1  What front() lends lies in the lane's buffer or in pieces_, and stays there until release(), even if the end
//       is closed meanwhile, which only takes the descriptor.
//   I2  An end of senders is reported after their messages: it was seen in the record, and *then* the object was
//       found empty, or as much was read as it could hold when it was seen.
//   I3  ended_ is final: the name is gone, and the descriptor is closed, so that late senders find nobody.
//
// Death: the last sender's death ends a FIFO's stream and is seen at once; otherwise the record is asked at most
// 100 ms apart, while somebody waits or receives.
//
// Trust: a FIFO on which something is written that is no frame is finished, for nobody can tell where the next frame
// begins. A datagram that is no frame is reported and dropped, and the next one is as good as ever.
#pragma once
#include <deque>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "transom/meter/record.hpp"
#include "transom/os/epoll.hpp"
#include "transom/os/timerfd.hpp"
#include "transom/transport/end.hpp"
#include "transom/transport/lane.hpp"
#include "transom/transport/queue_pieces.hpp"

namespace transom::transport {

/// A name that the receiver owns in the file system.
class held_name {
 public:
  virtual ~held_name() = default;
  /// Takes the name away, if it is still ours to take.
  virtual void remove() noexcept = 0;
};

class shared_receiver final : public kernel_end<receiving_end> {
 public:
  struct parts {
    std::string url;
    feature_set features;
    std::size_t max_message = 0;
    options how;
    terms agreed;
    lane::shape shape;
    fd descriptor;
    std::optional<meter::record> membership = {};
    std::unique_ptr<held_name> name = {};
    std::vector<std::uint32_t> guests = {};  // already known: the sender that was made with this end
  };
  static result<std::unique_ptr<receiving_end>> make(parts from);
  ~shared_receiver() override;

  result<incoming> front(long type, const patience& how) override;
  void release() noexcept override;
  result<std::size_t> receive_into(std::span<std::byte> into, long type, const patience& how) override;
  result<std::unique_ptr<receiving_end>> clone() override;
  result<int> ready_fd() override;
  result<handover> give() override;

 private:
  struct death {
    int pid = 0;
    std::uint32_t id = 0;
    std::uint64_t after = 0;  // bytes, or packets, that must have been read
    bool due = false;
  };

  shared_receiver(parts from, os::waker waker);
  void finish() noexcept override;

  result<void> bring(const patience& how);
  result<bool> serve();
  result<bool> handle(const lane::frame& frame);
  result<void> meet(const lane::frame& frame);
  void lend(std::span<const std::byte> payload, const frame_header& header, std::span<fd> descriptors);
  result<bool> fill(bool& nobody_writes);
  result<bool> found_empty(bool nobody_writes);
  result<bool> stream_ended();
  bool observe(bool now, bool nobody_writes);
  std::optional<error> next_death();
  result<void> wait(const patience& how);
  result<void> reopen();
  bool hung_up() const;
  void end() noexcept;
  void show_readiness() noexcept;
  void count_torn(std::uint64_t n) noexcept;
  bool is_stream() const noexcept { return !shape_.packets; }
  /// Not on a foreign stream, where anybody may write, and the end of the stream tells all there is to know.
  bool watches_senders() const noexcept { return shape_.packets || native(); }
  bool native() const noexcept { return shape_.framing == framing::native; }

  const options how_;
  const terms agreed_;
  const lane::shape shape_;
  lane lane_;
  piece_collector pieces_;
  std::optional<meter::record> membership_;
  std::unique_ptr<held_name> name_;
  std::unordered_map<std::uint32_t, int> guests_;  // id and pid
  std::vector<std::uint32_t> refused_;             // guests of another type
  std::deque<death> deaths_;                       // seen and not yet reported
  std::optional<incoming> at_hand_;
  bool in_lane_ = false;  // where at_hand_ lies
  std::uint64_t read_ = 0;
  unsigned reads_since_look_ = 0;
  deadline next_look_ = deadline::passed();
  bool guest_came_ = false;
  bool something_came_ = false;  // since the stream was opened
  bool ending_ = false;          // no sender is left; report it if nothing more is found
  bool ended_ = false;
  std::optional<os::epoll> epoll_;
  std::optional<os::timerfd> timer_;
  bool shown_ready_ = false;
};

}  // namespace transom::transport
