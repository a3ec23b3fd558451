// tools/udp_courier.cpp - see udp_courier.hpp.
#include "tools/udp_courier.hpp"

#include <algorithm>
#include <chrono>

namespace tools {
namespace {

using namespace std::chrono_literals;
using transom::bytes;
using transom::errc;

constexpr std::size_t window_size = 8, header_size = 9;
constexpr auto patience_between = 20ms;
const transom::options lossy{.max_message = courier_sender::piece_size + header_size,
                             .on_full = transom::overflow::drop_newest};

}  // namespace

bool is_udp(const std::string& url) { return url.starts_with("udp:"); }

// ---- sending

transom::result<courier_sender> courier_sender::open(const std::string& url) {
  auto where = transom::url::parse(url);
  if (!where) return where.error();
  const std::string& host = where->address();
  if (!host.starts_with("127.") && host != "localhost" && host != "::1") {
    return transom::error(errc::unsupported, "open",
                          transom::place(url,
                                         "over udp this command sends whole files on one machine only; "
                                         "--framing raw sends datagrams that may be lost, tcp: crosses hosts"));
  }
  auto out = transom::sender<bytes>::open(url, lossy);
  if (!out) return out.error();
  auto back = transom::receiver<bytes>::open(host == "::1" ? "udp://[::1]:0" : "udp://127.0.0.1:0", lossy);
  if (!back) return back.error();
  courier_sender made(std::move(*out), std::move(*back));
  made.window_.resize(window_size);
  const std::string way_back(made.back_.url());
  if (auto ok = made.transmit('h', transom::as_bytes(way_back)); !ok) return ok.error();
  return made;
}

transom::result<void> courier_sender::transmit(char kind, std::span<const std::byte> payload) {
  bytes& piece = window_[in_flight_++];
  piece.resize(header_size + payload.size());
  piece[0] = static_cast<std::byte>(kind);
  transom::store_le(piece.data() + 1, next_++);
  std::ranges::copy(payload, piece.begin() + header_size);
  return out_.send(piece);
}

transom::result<void> courier_sender::wait_until_unacknowledged(std::size_t at_most, const std::stop_token& stop) {
  auto last_answer = std::chrono::steady_clock::now();
  while (in_flight_ > at_most) {
    auto answer = back_.recv_view_for(patience_between, stop);
    if (answer && (*answer)->size() == 8) {
      const auto expected = transom::load_le<std::uint64_t>((*answer)->data());
      const std::uint64_t oldest = next_ - in_flight_;
      if (expected > oldest && expected <= next_) {
        std::rotate(window_.begin(), window_.begin() + static_cast<std::ptrdiff_t>(expected - oldest), window_.end());
        in_flight_ -= static_cast<std::size_t>(expected - oldest);
        last_answer = std::chrono::steady_clock::now();
      }
      continue;
    }
    if (!answer && answer.error() != errc::timed_out) return answer.error();
    if (std::chrono::steady_clock::now() - last_answer > 5s) {
      return transom::error(errc::no_peer, "send",
                            transom::place(out_.url(), "nobody has acknowledged anything for 5 s"));
    }
    for (std::size_t i = 0; i < in_flight_; ++i) {
      if (auto ok = out_.send(window_[i]); !ok) return ok;
    }
  }
  return {};
}

transom::result<void> courier_sender::send(std::span<const std::byte> payload, const std::stop_token& stop) {
  if (auto ok = wait_until_unacknowledged(window_size - 1, stop); !ok) return ok;
  return transmit('d', payload);
}

transom::result<void> courier_sender::finish(const std::stop_token& stop) {
  if (auto ok = wait_until_unacknowledged(window_size - 1, stop); !ok) return ok;
  if (auto ok = transmit('e', {}); !ok) return ok;
  return wait_until_unacknowledged(0, stop);
}

// ---- receiving

transom::result<courier_receiver> courier_receiver::open(const std::string& url) {
  auto in = transom::receiver<bytes>::open(url, lossy);
  if (!in) return in.error();
  return courier_receiver(std::move(*in));
}

void courier_receiver::acknowledge() {
  if (!back_) return;
  std::array<std::byte, 8> answer;
  transom::store_le(answer.data(), expected_);
  back_->send(answer).ignore();
}

transom::result<std::span<const std::byte>> courier_receiver::next(const std::stop_token& stop) {
  while (!ended_) {
    auto message = in_.recv(stop);
    if (!message) return message.error();
    piece_ = std::move(*message);
    if (piece_.size() < header_size) continue;
    const char kind = static_cast<char>(piece_[0]);
    const auto number = transom::load_le<std::uint64_t>(piece_.data() + 1);
    const auto payload = std::span<const std::byte>(piece_).subspan(header_size);
    if (number != expected_ || (kind == 'h') != (number == 0)) {
      acknowledge();
      continue;
    }
    if (kind == 'h') {
      auto back = transom::sender<bytes>::open(transom::as_text(payload), lossy);
      if (!back) return back.error();
      back_.emplace(std::move(*back));
    }
    ++expected_;
    if (kind != 'd' || expected_ % 4 == 0) acknowledge();
    if (kind == 'e') ended_ = true;
    if (kind == 'd') return payload;
  }
  // The last acknowledgement may get lost too: answer until the other side is silent.
  while (in_.recv_for(3 * patience_between, stop)) acknowledge();
  return transom::error(errc::closed, "recv", transom::place(in_.url()));
}

// ---- the two commands

transom::result<void> send_by_courier(const std::string& url, const std::vector<std::string>& files, tally& done,
                                      progress& shown, const std::stop_token& stop) {
  auto courier = courier_sender::open(url);
  if (!courier) return courier.error();
  byte_source source(files);
  bytes piece(courier_sender::piece_size);
  for (;;) {
    auto n = source.read(piece, stop);
    if (!n) return n.error();
    if (*n == 0) return courier->finish(stop);
    if (auto ok = courier->send(std::span(piece).first(*n), stop); !ok) return ok;
    ++done.messages;
    done.bytes += *n;
    shown.advance(*n);
  }
}

transom::result<void> receive_by_courier(const std::string& url, tally& done, progress& shown,
                                         const std::stop_token& stop) {
  auto courier = courier_receiver::open(url);
  if (!courier) return courier.error();
  announce("recv", url, courier->url());
  for (;;) {
    auto piece = courier->next(stop);
    if (piece.failed_with(errc::closed)) return {};
    if (!piece) return piece.error();
    if (auto ok = write_stdout(*piece, stop); !ok) return ok;
    ++done.messages;
    done.bytes += piece->size();
    shown.advance(piece->size());
  }
}

}  // namespace tools
