// transom/transport/shared_sender.hpp - one of the senders of a kernel object that they all share: what a FIFO and a
// datagram socket have in common. Private.
//
// Invariants
//   I1  There is no queue here: what send() accepted is in the kernel.
//   I2  Whatever one sender writes in one call, the kernel keeps whole and apart from what others write.
//   I3  over_ is final unless reconnect was asked for: the owner's end was told once, then `closed`.
//
// The end. The record says it; a sender without one, a guest, says hello first and CLOSE last. CLOSE is also what
// makes a sleeping receiver look into the record at once, so it is written after the record was left.
#pragma once
#include <functional>
#include <memory>
#include <optional>

#include "transom/os/epoll.hpp"
#include "transom/os/stream.hpp"
#include "transom/transport/end.hpp"
#include "transom/transport/frame.hpp"
#include "transom/transport/owner_search.hpp"
#include "transom/transport/shared_opening.hpp"

namespace transom::transport {

class shared_sender : public kernel_end<sending_end> {
 public:
  using connector = std::function<result<shared_link>(const patience&)>;
  struct parts {
    std::string url;
    shared_plan chosen;
    options how;
    terms agreed;
    shared_link link;
    connector again = {};     // for reconnect and clone(); none for anonymous channels
    bool introduced = false;  // the receiver knows of this sender already
  };

  result<void> send(const outgoing& message, const patience& how) final;
  result<std::size_t> send_many(std::span<const outgoing> messages, const patience& how) final;
  result<std::span<std::byte>> claim(std::size_t size, const patience& how) final;
  result<void> commit(const outgoing& message, const patience& how) final { return send(message, how); }
  result<std::unique_ptr<sending_end>> clone() final;
  result<int> ready_fd() final;
  result<handover> give() final;

 protected:
  shared_sender(parts from, os::stream_kind kind, os::waker waker);
  /// To be called once the most derived object is there: what makes() it, sizes its buffers and introduces it.
  result<void> start();
  void finish() noexcept final;
  void rouse() noexcept override { search_.end(); }

  /// Sends one checked message.
  virtual result<void> put(const outgoing& message, const patience& how) = 0;
  /// Sends as many of the first messages as go in one system call, and says how many; 0: let put() do it.
  virtual result<std::size_t> put_several(std::span<const outgoing> messages, const patience& how) = 0;
  /// Makes another sender of this kind.
  virtual result<std::unique_ptr<sending_end>> make_another(parts from) = 0;

  result<void> check(const outgoing& message) const;
  frame_header header_of(std::size_t length, frame_kind kind = frame_kind::data, std::size_t ahead = 1) const noexcept {
    return {.length = static_cast<std::uint32_t>(length),
            .kind = kind,
            .sender = link_.id,
            .sequence = static_cast<std::uint32_t>(sequence_ + ahead)};
  }
  /// Writes once, as soon as there is room, and says how much went.
  result<std::size_t> write(std::span<const os::buffer> parts, std::span<const int> descriptors, const patience& how);
  result<void> wait_writable(const patience& how);
  error failed(const error& e);

  const options how_;
  const os::stream_kind kind_;
  shared_link link_;
  std::size_t buffer_limit_ = 0;  // what the kernel's buffer holds at most
  std::uint64_t sequence_ = 0;    // of the last message sent

 private:
  result<void> begin(const patience& how);
  result<void> adapt();
  result<void> say_hello(const patience& how);
  void say_close() noexcept;
  void count(std::span<const outgoing> sent) noexcept;

  terms agreed_;
  connector again_;
  owner_search search_;
  bool introduced_;
  std::unique_ptr<std::byte[]> claimed_;
  std::size_t claimed_size_ = 0;
  std::optional<os::epoll> epoll_;
  bool over_ = false;
};

}  // namespace transom::transport
