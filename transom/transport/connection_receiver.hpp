// transom/transport/connection_receiver.hpp - the receiving end over connections: one that was made with the
// channel, or any number that come through a door. Unix sockets, TCP, pipes and adopted descriptors. Private.
//
// Invariants
//   I1  at_hand_ is the frame lent by front(); it lies in the buffer of the lane current_ and stays there until
//       release(). No lane is removed meanwhile, not even by close(), which only takes its descriptor.
//   I2  A lane is in lanes_ exactly as long as its end has not been dealt with; its descriptor is in poll_ as long, if
//       watching_. Without a door and with one lane there is nothing to watch.
//   I3  ended_ is final: every lane has gone, at least one sender had come, nobody waits at the door.
//
// Reading strategy: a lane that was reported ready is read once. With a single lane the read is tried without
// asking first, as long as such tries pay; a sleeper costs one wait and one read per wake-up. Bursts: burst_pacer.hpp.
#pragma once
#include <array>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "transom/meter/record.hpp"
#include "transom/os/epoll.hpp"
#include "transom/transport/burst_pacer.hpp"
#include "transom/transport/end.hpp"
#include "transom/transport/lane.hpp"

namespace transom::transport {

/// Where connections come in.
class door {
 public:
  struct visitor {
    fd connection;
    int pid = 0;  ///< as the kernel vouches for it; 0: it does not
    unsigned uid = 0;
  };
  virtual ~door() = default;
  virtual int descriptor() const noexcept = 0;
  virtual result<visitor> try_accept() = 0;
  /// Takes the name away, so that nobody new finds it. Those who wait at the door stay.
  virtual void take_name_away() noexcept = 0;
};

class connection_receiver final : public kernel_end<receiving_end> {
 public:
  struct parts {
    std::string url;
    feature_set features;
    options how;
    terms agreed;
    lane::shape shape;
    std::unique_ptr<door> entrance = {};  // none: the lanes given are all there ever are
    std::optional<meter::record> membership = {};
    std::vector<std::unique_ptr<lane>> lanes = {};  // already introduced
  };
  static result<std::unique_ptr<receiving_end>> make(parts from);
  ~connection_receiver() override;

  result<incoming> front(long type, const patience& how) override;
  void release() noexcept override;
  result<std::size_t> receive_into(std::span<std::byte> into, long type, const patience& how) override;
  result<std::unique_ptr<receiving_end>> clone() override;
  result<int> ready_fd() override;
  result<handover> give() override;

 private:
  static constexpr std::uint64_t waker_tag = 0, door_tag = 1;  // in poll_; lanes have larger ones
  enum class outcome { message, in_place, nothing, gone };
  connection_receiver(parts from, os::waker waker, os::epoll poll);
  void finish() noexcept override;
  void rouse() noexcept override;

  result<void> begin(const char* operation, long type, const patience& how) const;
  bool take_from_buffer(long type, const patience& how);
  bool take_plain(lane& from) noexcept;
  void arrived(lane& from, std::size_t size) noexcept;
  result<void> bring(const patience& how, std::span<std::byte> into);
  result<outcome> serve(lane& from, std::span<std::byte> into);
  result<outcome> handle(lane& from, const lane::frame& frame);
  result<bool> introduce(lane& from, std::span<const std::byte> payload);
  result<void> wait(const patience& how);
  result<void> wait_for_the_only_lane(const patience& how);
  result<void> watch(std::uint64_t tag, const lane& which);
  result<void> start_watching();
  void note(const os::epoll_event_out& event);
  void shut_door_behind(lane& only);
  void let_in();
  result<void> add(std::unique_ptr<lane> fresh);
  void stream_ended(lane& which);
  void remove(lane& which) noexcept;
  lane* next_ready() noexcept;
  bool over() noexcept;
  void show_readiness() noexcept;
  void say_goodbye(int connection) noexcept;

  options how_;
  terms agreed_;
  lane::shape shape_;
  std::unique_ptr<door> door_;
  std::optional<meter::record> membership_;
  os::epoll poll_;
  std::optional<os::waker> stand_in_;  // watched for a regular file, which cannot be polled and is always ready
  std::unordered_map<std::uint64_t, std::unique_ptr<lane>> lanes_;
  std::uint64_t next_tag_ = 16;
  std::array<std::uint64_t, 32> ready_{};  // tags reported by the last wait, not yet served
  std::size_t ready_begin_ = 0, ready_end_ = 0;
  lane* current_ = nullptr;
  unsigned reads_left_ = 0;  // reads that current_ may still make before others have their turn
  std::optional<lane::frame> at_hand_;
  std::optional<std::size_t> in_place_;
  std::optional<error> notice_;  // told to the next caller, once
  bool watching_ = false;        // the lanes are in poll_
  bool attached_ = false, ended_ = false, exported_ = false, shown_ready_ = false;
  bool door_shut_ = false;  // descriptors had run out
  bool patient_ = false;    // the call at hand may wait
  bool tries_pay_ = true;
  unsigned tries_ = 0;
  std::mutex sleeper_;
  int sleeps_in_ = -1;  // the descriptor that a blocking read may be asleep in; under sleeper_
  bool slept_ = false;  // such a read was made and has not been looked after; the reader's own
  burst_pacer pacer_;
};

}  // namespace transom::transport
