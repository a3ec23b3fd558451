// transom/transport/udp_receiver.hpp - the receiving end of udp: takes many datagrams in one call, and shows only what
// is a message and comes for the first time. Private.
//
// Invariants
//   I1  Slots [next_, filled_) hold datagrams not yet looked at; the message at hand lies in slot next_ - 1, and
//       nothing is received while it does.
//   I2  A message is shown once: of each sender the last 64 numbers are remembered, and what is older counts as seen.
#pragma once
#include <array>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "transom/meter/record.hpp"
#include "transom/os/epoll.hpp"
#include "transom/os/udp_socket.hpp"
#include "transom/transport/end.hpp"

namespace transom::transport {

class udp_receiver final : public kernel_end<receiving_end> {
 public:
  struct parts {
    std::string url;
    feature_set features;
    std::size_t max_message = 0;
    options how;
    os::udp_socket socket;
    std::optional<meter::record> membership = {};
  };
  static result<std::unique_ptr<receiving_end>> make(parts from);
  ~udp_receiver() override;

  result<incoming> front(long type, const patience& how) override;
  void release() noexcept override;
  result<std::size_t> receive_into(std::span<std::byte> into, long type, const patience& how) override;
  result<std::unique_ptr<receiving_end>> clone() override;
  result<int> ready_fd() override;
  result<handover> give() override;

 private:
  /// What is known of one sender's numbers.
  struct window {
    std::uint32_t newest = 0;
    std::uint64_t seen = 0;  ///< bit n: newest - n has come
  };

  udp_receiver(parts from, os::waker waker, os::epoll poll);
  void finish() noexcept override;
  result<void> bring(const patience& how);
  bool take_next();
  bool is_new(const os::socket_address& from, std::uint32_t sender, std::uint32_t number);
  void drop() noexcept;
  void show_readiness() noexcept;
  bool native() const noexcept { return how_.framing == framing::native; }

  const options how_;
  std::optional<os::udp_socket> socket_;
  std::optional<meter::record> membership_;
  os::epoll poll_;
  std::size_t slot_size_;
  std::unique_ptr<std::byte[]> memory_;
  std::vector<os::mutable_buffer> slots_;
  std::vector<os::socket_address> senders_;
  std::vector<os::incoming> datagrams_;
  std::size_t next_ = 0, filled_ = 0;
  std::unordered_map<std::uint64_t, window> windows_;
  std::optional<incoming> at_hand_;
  bool exported_ = false, shown_ready_ = false;
};

}  // namespace transom::transport
