// transom/transport/connection_sender.hpp - the sending end of one connection: a socket, a pipe, or an adopted
// descriptor. Frames go into the kernel in one system call each, or many in one. Private.
//
// Invariants
//   I1  There is no queue here: what send() accepted is in the kernel. scratch_ is only where a frame is put together.
//   I2  A byte stream carries whole frames. Where a deadline, a stop or close() cut one, cut_ is set, nothing is
//       written any more, not even a goodbye, and the receiver sees a torn message and peer_died.
//   I3  over_ is final unless reconnect was asked for: the peer's end was told once, then `closed`.
//
// A send that may not wait for ever first waits for room for all of its message, so that I2's cut happens only to
// messages larger than the kernel's buffer. A small frame needs no such care where the kernel takes it whole or not at
// all: up to PIPE_BUF in a pipe, and in a Unix socket what fits one of its buffers, of which none is less than 2240
// bytes. pipe(7), unix(7).
#pragma once
#include <functional>
#include <memory>
#include <optional>

#include "transom/meter/record.hpp"
#include "transom/os/epoll.hpp"
#include "transom/transport/end.hpp"
#include "transom/transport/lane.hpp"
#include "transom/transport/owner_search.hpp"

namespace transom::transport {

class connection_sender final : public kernel_end<sending_end> {
 public:
  /// What it takes to connect again; the membership is that of the new connection.
  struct connection {
    fd descriptor;
    int peer_pid = 0;
    std::optional<meter::record> membership = {};
  };
  using connector = std::function<result<connection>(const patience&)>;
  struct parts {
    std::string url;
    feature_set features;
    options how;
    terms agreed;
    lane::shape shape;
    connection link;
    connector again = {};   // for clone() and reconnect; none for anonymous channels
    bool introduce = true;  // say hello now
  };
  static result<std::unique_ptr<sending_end>> make(parts from);
  ~connection_sender() override;

  result<void> send(const outgoing& message, const patience& how) override;
  result<std::size_t> send_many(std::span<const outgoing> messages, const patience& how) override;
  result<std::span<std::byte>> claim(std::size_t size, const patience& how) override;
  result<void> commit(const outgoing& message, const patience& how) override;
  result<std::unique_ptr<sending_end>> clone() override;
  result<int> ready_fd() override;
  result<handover> give() override;

 private:
  static constexpr std::size_t copied_up_to = 2048;  // larger payloads are not copied next to their header
  static constexpr std::size_t small_frame = frame_header_size + copied_up_to + 1;
  connection_sender(parts from, os::waker waker);
  void finish() noexcept override;
  void rouse() noexcept override { search_.end(); }

  result<void> begin(const patience& how);
  result<void> check(const outgoing& message) const;
  result<void> deliver(const outgoing& message, std::span<const os::buffer> frame, const patience& how);
  result<void> send_one(const outgoing& message, const patience& how);
  result<void> send_small(const outgoing& message, const patience& how);
  result<void> send_sealed(const outgoing& message, const patience& how);
  result<void> announce(const patience& how);
  void sent(std::size_t size) noexcept;
  result<void> write_whole(std::span<const os::buffer> frame, std::span<const int> descriptors, const patience& how);
  result<void> write_stream(std::span<const os::buffer> frame, std::span<const int> descriptors, const patience& how);
  result<void> wait_for_room(std::size_t size, const patience& how);
  result<void> wait_writable(const patience& how);
  result<std::size_t> write_batch(std::span<const outgoing> messages, const patience& how);
  std::size_t frame_size(std::size_t payload) const noexcept;
  std::size_t put_frame(const outgoing& message, std::byte* out) noexcept;
  frame_header next_header(const outgoing& message) const noexcept;
  result<void> say_hello(const patience& how);
  error gone();
  std::byte* scratch(std::size_t size);

  options how_;
  terms agreed_;
  lane::shape shape_;
  connection link_;
  connector again_;
  owner_search search_;
  std::size_t buffer_limit_ = 0;  // the largest frame that the kernel's buffer takes whole
  std::size_t whole_up_to_ = 0;   // a frame of this size is written whole or not at all, packets apart
  std::unique_ptr<std::byte[]> scratch_;
  std::unique_ptr<std::byte[]> batch_;
  std::size_t scratch_size_ = 0;
  std::uint32_t sequence_ = 0;
  std::optional<os::epoll> epoll_;
  bool over_ = false, cut_ = false;
};

}  // namespace transom::transport
