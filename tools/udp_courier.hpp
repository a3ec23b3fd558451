// tools/udp_courier.hpp - a whole file over udp: the mechanism loses and reorders, so here the two programs number
// their pieces, acknowledge them and send again what got lost. On one machine only: the way back is a udp channel of
// the sender's, whose URL travels in the first message.
//
// A piece: kind u8 ('h' hello, 'd' data, 'e' end), number u64 little-endian, payload.
// An acknowledgement: u64, the number of the piece expected next. Sent for every fourth piece, for whatever comes out
// of order, and for the end. Unacknowledged pieces are sent again every 20 ms, all of them (go back n).
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "tools/message_pump.hpp"
#include "tools/text.hpp"
#include "transom/transom.hpp"

namespace tools {

bool is_udp(const std::string& url);

class courier_sender {
 public:
  static transom::result<courier_sender> open(const std::string& url);
  static constexpr std::size_t piece_size = 16'384;
  /// Takes at most piece_size bytes; waits while the window is full. no_peer when nobody answers for 5 s.
  transom::result<void> send(std::span<const std::byte> payload, const std::stop_token& stop);
  /// Returns when the other side has everything.
  transom::result<void> finish(const std::stop_token& stop);

 private:
  courier_sender(transom::sender<transom::bytes> out, transom::receiver<transom::bytes> back)
      : out_(std::move(out)), back_(std::move(back)) {}
  transom::result<void> transmit(char kind, std::span<const std::byte> payload);
  transom::result<void> wait_until_unacknowledged(std::size_t at_most, const std::stop_token& stop);

  transom::sender<transom::bytes> out_;
  transom::receiver<transom::bytes> back_;
  std::vector<transom::bytes> window_;  // pieces on their way, oldest first; reused
  std::size_t in_flight_ = 0;
  std::uint64_t next_ = 0;  // number of the next piece
};

class courier_receiver {
 public:
  static transom::result<courier_receiver> open(const std::string& url);
  std::string_view url() const { return in_.url(); }
  /// The next piece, in order; closed at the end.
  transom::result<std::span<const std::byte>> next(const std::stop_token& stop);

 private:
  explicit courier_receiver(transom::receiver<transom::bytes> in) : in_(std::move(in)) {}
  void acknowledge();

  transom::receiver<transom::bytes> in_;
  std::optional<transom::sender<transom::bytes>> back_;
  transom::bytes piece_;
  std::uint64_t expected_ = 0;
  bool ended_ = false;
};

transom::result<void> send_by_courier(const std::string& url, const std::vector<std::string>& files, tally& done,
                                      progress& shown, const std::stop_token& stop);
transom::result<void> receive_by_courier(const std::string& url, tally& done, progress& shown,
                                         const std::stop_token& stop);

}  // namespace tools
