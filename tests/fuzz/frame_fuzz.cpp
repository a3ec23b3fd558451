// tests/fuzz/frame_fuzz.cpp - libFuzzer: whatever a peer sends, cut wherever it likes, a lane answers with frames in
// order or with protocol_error; and so do the decoders of hello, refusal and fragments.
//
// Input: a byte that chooses what is tried and the framing, a byte for max_message, a byte from which the cuts are
// made, and the stream. Half of the time the stream is first dressed: the input says kind, lengths and descriptors, the
// target writes a header whose check is right, so that what lies behind the check is reached too.
//
// Oracle: no frame is larger than it may be; the frames put together are the beginning of what was sent; the buffer
// is bounded; no descriptor is left open.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "transom/os/memfd.hpp"
#include "transom/os/unix_socket.hpp"
#include "transom/transport/lane.hpp"
#include "transom/transport/queue_pieces.hpp"

namespace {

using namespace transom;
using namespace transom::transport;

void require(bool holds) {
  if (!holds) std::abort();
}

const place where("fuzz:");

// What is left of the input; nothing but zeros after its end.
struct reader {
  std::span<const std::byte> rest;
  std::uint8_t byte() {
    if (rest.empty()) return 0;
    const auto first = std::to_integer<std::uint8_t>(rest.front());
    rest = rest.subspan(1);
    return first;
  }
  std::span<const std::byte> take(std::size_t size) {
    const auto some = rest.first(std::min(size, rest.size()));
    rest = rest.subspan(some.size());
    return some;
  }
};

// Bytes to send, and where descriptors go with them.
struct wire {
  bytes data;
  std::vector<std::pair<std::size_t, std::size_t>> packets;      // begin, end
  std::vector<std::pair<std::size_t, std::size_t>> descriptors;  // position, count
};

constexpr std::size_t sealed_size = 100;

int sealed_memory() {
  static const os::memfd memory = [] {
    auto made = os::memfd::make("fuzz", {.size = sealed_size}).or_throw();
    made.add_seals(os::seal::shrink | os::seal::grow | os::seal::write).or_throw();
    return made;
  }();
  return memory.fd();
}

int lowest_free_descriptor() {
  fd borrowed(sealed_memory());
  const auto copy = borrowed.duplicate();
  (void)borrowed.release();
  return copy.or_throw().get();
}

// Headers that are in order, with lengths that may not be.
wire dress(reader& in) {
  wire out;
  while (!in.rest.empty()) {
    const std::uint8_t how = in.byte();
    const std::size_t size = std::size_t{in.byte()} * (how & 0x80 ? 64 : 1);
    const auto payload = in.take(size);
    frame_header header{.length = static_cast<std::uint32_t>(payload.size()),
                        .kind = static_cast<frame_kind>(1 + how % 8),
                        .descriptors = static_cast<std::uint8_t>(how >> 3 & 3)};
    if ((how & 0x60) == 0x60) header.length = std::uint32_t{in.byte()} << (in.byte() % 25);
    std::array<std::byte, 8> body{};
    std::span<const std::byte> rest = payload;
    if (header.kind == frame_kind::sealed && (how & 0x20) == 0) {
      store_le(body.data(), std::uint64_t{size});
      header.length = 8;
      rest = body;
    }
    const std::size_t begin = out.data.size();
    out.data.resize(begin + frame_header_size);
    encode_header(header, out.data.data() + begin);
    out.data.insert(out.data.end(), rest.begin(), rest.end());
    out.packets.emplace_back(begin, out.data.size());
    if (header.descriptors != 0) out.descriptors.emplace_back(begin, header.descriptors);
  }
  return out;
}

// Compares what a lane hands out with what was put in, and keeps count.
class judge {
 public:
  judge(const wire& sent, const lane::shape& how) : sent_(sent.data), how_(how) {}

  void hear(const lane::frame& frame) {
    const bool carries_data = frame.header.kind == frame_kind::data || frame.header.kind == frame_kind::fragment ||
                              frame.header.kind == frame_kind::sealed;
    require(frame.payload.size() <= (carries_data ? how_.max_message : largest_hello));
    switch (how_.framing) {
      case framing::native: {
        require(at_ + frame_header_size <= sent_.size());
        const auto header = decode_header(sent_.data() + at_);
        require(header.has_value());
        at_ += frame_header_size;
        if (header->kind == frame_kind::sealed) {  // what is handed out is the message that lies in the memory
          require(frame.header.kind == frame_kind::data && frame.descriptors.size() + 1 == header->descriptors);
          require(load_le<std::uint64_t>(sent_.data() + at_) == frame.payload.size());
          at_ += 8;
          break;
        }
        require(frame.header.kind == header->kind && frame.payload.size() == header->length);
        require(frame.descriptors.size() == header->descriptors);
        hear(frame.payload);
        break;
      }
      case framing::length: {
        require(at_ + 4 <= sent_.size());
        std::size_t length = 0;
        for (std::size_t i = 0; i < 4; ++i) length = length << 8 | std::to_integer<std::size_t>(sent_[at_ + i]);
        require(length == frame.payload.size());
        at_ += 4;
        hear(frame.payload);
        break;
      }
      case framing::line:
        require(std::ranges::find(frame.payload, std::byte{'\n'}) == frame.payload.end());
        hear(frame.payload);
        require(at_ == sent_.size() || sent_[at_] == std::byte{'\n'});
        ++at_;
        break;
      case framing::raw:
        require(how_.packets || !frame.payload.empty());
        hear(frame.payload);
        break;
    }
  }
  void hear_in_place(std::span<const std::byte> payload) {
    require(payload.size() <= how_.max_message && at_ + frame_header_size <= sent_.size());
    const auto header = decode_header(sent_.data() + at_);
    require(header && header->kind == frame_kind::data && header->length == payload.size());
    at_ += frame_header_size;
    hear(payload);
  }

 private:
  void hear(std::span<const std::byte> some) {
    require(some.size() <= sent_.size() - std::min(at_, sent_.size()));
    require(std::ranges::equal(some, std::span(sent_).subspan(at_, some.size())));
    at_ += some.size();
  }
  const bytes& sent_;
  const lane::shape& how_;
  std::size_t at_ = 0;
};

// Everything that can be had now. False: the lane is finished, one way or the other.
bool drain(lane& from, judge& oracle, bytes& room, bool patient) {
  for (;;) {
    for (;;) {
      auto frame = from.next();
      if (!frame) {
        require(frame.error() == errc::protocol_error && !frame.error().detail().empty());
        return false;
      }
      if (!*frame) break;
      oracle.hear(**frame);
      from.consume();
    }
    require(from.pending() <= 2 * (from.how().max_message + 65'536 + largest_hello));
    std::optional<std::size_t> in_place;
    auto came = from.wants_direct(room.size()) ? from.fill_into(room, patient, in_place) : from.fill();
    if (!came) {
      require(came.error() == errc::would_block || came.error() == errc::protocol_error);
      return came.error() == errc::would_block;
    }
    if (in_place) oracle.hear_in_place(std::span(room).first(*in_place));
    if (*came) continue;
    if (auto last = from.next(); last && *last) {  // a last line without its newline
      oracle.hear(**last);
      from.consume();
      continue;
    }
    return false;
  }
}

void try_lane(std::uint8_t choice, reader in) {
  const std::size_t limits[] = {1, 16, 100, 4096, 10'000, 65'536};
  const auto framing_ = static_cast<framing>(choice >> 1 & 3);
  const lane::shape how{.kind = os::stream_kind::unix_socket,
                        .packets = (choice & 0x08) != 0 && framing_ != framing::length && framing_ != framing::line,
                        .framing = framing_,
                        .max_message = limits[in.byte() % std::size(limits)],
                        .takes_descriptors = (choice & 0x10) != 0};
  std::uint32_t cut = in.byte();
  const bool patient = (choice & 0x40) != 0;
  wire sent;
  if ((choice & 0x20) != 0 && framing_ == framing::native) {
    sent = dress(in);
  } else {
    sent.data.assign(in.rest.begin(), in.rest.end());
  }

  auto ends = os::unix_socket::pair(how.packets ? os::socket_kind::seqpacket : os::socket_kind::stream).or_throw();
  lane receiving(std::move(ends.first).release(), how, where);
  fd sending = std::move(ends.second).release();
  judge oracle(sent, how);
  bytes room(16'384);
  std::array<int, 3> descriptors;
  descriptors.fill(sealed_memory());
  std::size_t next_packet = 0, next_descriptors = 0;
  for (std::size_t at = 0; at < sent.data.size();) {
    cut = cut * 1'664'525 + 1'013'904'223;
    std::size_t size = (cut >> 8) % ((cut >> 28 & 1) != 0 ? 8'000 : 40) + 1;
    if (how.packets && next_packet < sent.packets.size()) size = sent.packets[next_packet++].second - at;
    size = std::min(size, sent.data.size() - at);
    std::size_t with = 0;
    for (; next_descriptors < sent.descriptors.size() && sent.descriptors[next_descriptors].first < at + size &&
           with + sent.descriptors[next_descriptors].second <= descriptors.size();
         ++next_descriptors)
      with += sent.descriptors[next_descriptors].second;
    const os::buffer part{sent.data.data() + at, size};
    auto went = os::try_write_stream(sending.get(), how.kind, {&part, 1}, where, std::span(descriptors).first(with));
    require(went && *went != 0);
    at += *went;
    if (!drain(receiving, oracle, room, patient)) return;
  }
  sending.reset();
  require(!drain(receiving, oracle, room, patient));
}

void try_hello(std::span<const std::byte> in) {
  auto said = decode_hello(in, where);
  if (!said) return require(said.error() == errc::protocol_error && !said.error().detail().empty());
  const bytes again = encode_hello({.schema_hash = said->schema_hash, .schema_text = said->schema_text},
                                   static_cast<std::size_t>(said->max_message), 0);
  require(again.size() <= frame_header_size + largest_hello);
  auto same = decode_hello(std::span(again).subspan(frame_header_size), where).or_throw();
  require(same.schema_hash == said->schema_hash && same.max_message == said->max_message &&
          said->schema_text.starts_with(same.schema_text));
}

void try_refusal(std::span<const std::byte> in) {
  const error told = decode_refusal(in, where);
  require(!told.message().empty());
  if (in.empty()) return;
  const bytes again = encode_refusal(errc::type_mismatch, as_text(in.subspan(1)));
  require(again.size() <= frame_header_size + largest_hello);
  require(decode_refusal(std::span(again).subspan(frame_header_size), where) == errc::type_mismatch);
}

void try_pieces(reader in) {
  piece_collector collector;
  const std::size_t largest = std::size_t{1} << (in.byte() % 13);
  while (!in.rest.empty()) {
    const std::uint8_t who = in.byte();
    const frame_header header{
        .kind = frame_kind::fragment, .sender = who & 3u, .sequence = static_cast<std::uint32_t>(who >> 2 & 3)};
    bytes payload(piece_header_size);
    const std::uint32_t total = in.byte(), offset = in.byte();
    encode_piece_header(total, offset, payload.data());
    const auto body = in.take(in.byte() % 64);
    payload.insert(payload.end(), body.begin(), body.end());
    const auto what = collector.add(header, payload, who >> 6, largest);
    if (what == piece_collector::outcome::complete) require(collector.whole().size() == total && total <= largest);
    if ((who & 0x3c) == 0x3c) collector.forget_sender(who & 3u);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  reader in{std::as_bytes(std::span(data, size))};
  const std::uint8_t choice = in.byte();
  const int before = lowest_free_descriptor();
  if ((choice & 1) == 0) {
    try_lane(choice, in);
  } else {
    switch (choice >> 1 & 3) {
      case 0: try_hello(in.rest); break;
      case 1: try_refusal(in.rest); break;
      default: try_pieces(in);
    }
  }
  require(lowest_free_descriptor() == before);
  return 0;
}
