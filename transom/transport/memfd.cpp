// transom/transport/memfd.cpp - see memfd.hpp.
#include "transom/transport/memfd.hpp"

#include <array>
#include <cstring>

#include "transom/os/poll.hpp"
#include "transom/os/unix_socket.hpp"
#include "transom/shm/lane_writer.hpp"
#include "transom/shm/memory_policy.hpp"
#include "transom/shm/storage.hpp"
#include "transom/transport/lane_receiver.hpp"
#include "transom/transport/lane_sender.hpp"

namespace transom::transport {
namespace {

// What the receiver writes; its holds follow. The sender's memory begins with lane_out.
struct memfd_in {
  sync::wait_word receiver_waits;
  sync::atomic<std::uint32_t> receiver_cpu;
  shm::lane_in lane;
};
static_assert(offsetof(memfd_in, lane) == 128 && sizeof(memfd_in) == 256);

// What travels beside the descriptors: from a process that we trust to one that it trusts with this end.
struct luggage {
  shm::lane_geometry sizes;
  std::uint64_t max_message = 0;
};

// The peer's wake-up for a poll(2), and the end of its life.
class lifeline final : public shm::descriptor_bell {
 public:
  explicit lifeline(os::unix_socket socket) : socket_(std::move(socket)) {}
  void ring() noexcept override {
    constexpr std::array<std::byte, 1> byte{};
    socket_.try_send(byte).ignore();  // one that is full rings already
  }
  void clear() noexcept {
    std::array<std::byte, 8> scratch;
    for (;;) {
      auto got = socket_.try_recv(scratch);
      if (!got || got->size == 0) return;
    }
  }
  /// The last holder of the other end is gone, whether or not it said so.
  bool has_ended() const noexcept {
    std::array<os::poll_item, 1> items{{{socket_.fd(), 0, 0}}};
    auto ready = os::poll(items, deadline::passed());
    return ready && (items[0].got & os::interest::hangup) != 0;
  }
  void end() noexcept { socket_.shutdown(os::half::both).ignore(); }
  int fd() const noexcept { return socket_.fd(); }
  result<transom::fd> duplicate() const {
    transom::fd own(socket_.fd());
    auto copy = own.duplicate();
    (void)own.release();
    return copy;
  }

 private:
  os::unix_socket socket_;
};

// One side's view of the two memories.
struct memfd_side {
  std::string url;
  options how;
  luggage what;
  shm::storage out, in;  ///< the sender's memory, the receiver's memory
  lifeline line;

  memfd_in& head() const noexcept { return *reinterpret_cast<memfd_in*>(in.bytes().data()); }
  shm::lane_memory lane() const noexcept {
    return {&head().lane, reinterpret_cast<shm::lane_out*>(out.bytes().data())};
  }
  result<handover> pack(os::access for_out, os::access for_in) const {
    handover packed{.url = url, .descriptors = {}, .state = bytes(sizeof(luggage))};
    std::memcpy(packed.state.data(), &what, sizeof(luggage));
    auto sending = out.descriptor(for_out);
    if (!sending) return sending.error();
    auto receiving = in.descriptor(for_in);
    if (!receiving) return receiving.error();
    auto socket = line.duplicate();
    if (!socket) return socket.error();
    packed.descriptors.push_back(std::move(*sending));
    packed.descriptors.push_back(std::move(*receiving));
    packed.descriptors.push_back(std::move(*socket));
    return packed;
  }
};

std::uint64_t in_bytes(const shm::lane_geometry& sizes) { return offsetof(memfd_in, lane) + sizes.in_bytes(); }

class memfd_sender final : public sender_link {
 public:
  explicit memfd_sender(memfd_side side) : side_(std::move(side)) {}
  memfd_side& side() noexcept { return side_; }

  result<void> look_at_receiver(const char* operation) override {
    const bool over = side_.line.has_ended();
    if (side_.head().receiver_waits.is_closed()) return error(errc::closed, operation);
    if (over) return error(errc::peer_died, operation);
    return {};
  }
  void part() noexcept override {
    const shm::lane_memory lane = side_.lane();
    sync::sleeper(lane.out->waits, lane.in->room_bell).close();
    lane.out->bell.ring_loudly();
    side_.line.end();
  }
  std::uint32_t receiver_cpu() const noexcept override { return side_.head().receiver_cpu.load(sync::relaxed); }
  result<std::unique_ptr<sending_end>> clone() override {
    return error(errc::unsupported, "clone", place(side_.url, "memfd: has one sender"));
  }
  result<handover> give() override { return side_.pack(os::access::read_write, os::access::read_only); }
  result<int> bell_fd() override { return side_.line.fd(); }
  void clear_bell_fd() noexcept override { side_.line.clear(); }

 private:
  memfd_side side_;
};

class memfd_receiver final : public receiver_link {
 public:
  explicit memfd_receiver(memfd_side side) : side_(std::move(side)), changes_(1) {}
  memfd_side& side() noexcept { return side_; }

  bool changed() const noexcept override { return seen_ != 1; }
  const sync::atomic<std::uint32_t>& change_word() const noexcept override { return changes_; }
  std::uint32_t seen() const noexcept override { return seen_; }
  void find_lanes(std::vector<lane_source>& found) override {
    if (seen_ == 1) return;
    seen_ = 1;
    const shm::lane_memory lane = side_.lane();
    found.push_back(
        {.memory = lane, .waits = &lane.out->waits, .bell = &lane.in->room_bell, .descriptor = &side_.line});
  }
  standing look_at(const lane_source&, bool ask) override {
    const bool over = ask && side_.line.has_ended();
    if (side_.lane().out->waits.is_closed()) return standing::parted;
    return over ? standing::dead : standing::live;
  }
  int dead_without_lane() override { return 0; }
  void give_up(const lane_source&) noexcept override {}
  bool everybody_left() const noexcept override { return true; }
  void leave() noexcept override { side_.line.end(); }
  void publish_cpu(std::uint32_t cpu_plus_1) noexcept override {
    side_.head().receiver_cpu.store(cpu_plus_1, sync::relaxed);
  }
  result<handover> give() override { return side_.pack(os::access::read_only, os::access::read_write); }
  result<int> bell_fd() override { return side_.line.fd(); }
  void clear_bell_fd() noexcept override { side_.line.clear(); }

 private:
  memfd_side side_;
  std::uint32_t seen_ = 0;
  sync::atomic<std::uint32_t> changes_;
};

bool trusts_peer(const url& where) { return where.value("trust").value_or("") == "peer"; }
feature_set features_for(const url& where) { return trusts_peer(where) ? memfd_features | zero_copy : memfd_features; }

result<std::unique_ptr<sending_end>> make_sender(memfd_side side, const url& where) {
  auto waker = os::waker::make();
  if (!waker) return waker.error().at(place(where.text()));
  const shm::lane_memory lane = side.lane();
  lane_sender_parts parts{.url = side.url,
                          .how = side.how,
                          .features = features_for(where),
                          .largest_message = side.what.max_message,
                          .mine = {.waits = &lane.out->waits, .bell = &lane.in->room_bell, .bell_is_ours_too = false}};
  parts.writer = std::make_unique<shm::lane_writer>(lane, side.what.sizes, side.head().receiver_waits, lane.out->bell);
  auto link = std::make_unique<memfd_sender>(std::move(side));
  parts.writer->ring_through(link->side().line);
  parts.link = std::move(link);
  return make_lane_sender(std::move(parts), std::move(*waker));
}

result<std::unique_ptr<receiving_end>> make_receiver(memfd_side side, const url& where, bool adopts) {
  auto waker = os::waker::make();
  if (!waker) return waker.error().at(place(where.text()));
  memfd_in& head = side.head();
  lane_receiver_parts parts{
      .url = side.url,
      .how = side.how,
      .features = features_for(where),
      .largest_message = side.what.max_message,
      .sizes = side.what.sizes,
      .mine = {.waits = &head.receiver_waits, .bell = &side.lane().out->bell, .bell_is_ours_too = false},
      .adopt = adopts,
      .trusting = trusts_peer(where)};
  sync::sleeper(head.receiver_waits, side.lane().out->bell).introduce();
  parts.link = std::make_unique<memfd_receiver>(std::move(side));
  return make_lane_receiver(std::move(parts), std::move(*waker));
}

// Both memories of an end that came from elsewhere, checked before they are mapped.
result<memfd_side> unpack(const url& where, handover packed, const options& how, os::access for_out,
                          os::access for_in) {
  const auto foreign = [&](const char* what) { return error(errc::protocol_error, "open", place(where.text(), what)); };
  if (packed.descriptors.size() != 3 || packed.state.size() != sizeof(luggage))
    return foreign("what came is no end of a memfd channel");
  luggage what;
  std::memcpy(&what, packed.state.data(), sizeof(luggage));
  const shm::lane_geometry& sizes = what.sizes;
  constexpr std::uint64_t most = std::uint64_t{1} << 40;
  const bool sound = sizes.capacity > 0 && sizes.capacity < most && sizes.arena_bytes < most &&
                     sizes.arena_unit >= 64 && sizes.arena_unit % 64 == 0 && sizes.arena_unit < most &&
                     sizes.arena_bytes % sizes.arena_unit == 0;
  if (!sound) return foreign("the sizes that came with it are impossible");
  auto out = shm::storage::adopt_memfd(std::move(packed.descriptors[0]), for_out, sizes.out_bytes());
  if (!out) return out.error();
  auto in = shm::storage::adopt_memfd(std::move(packed.descriptors[1]), for_in, in_bytes(sizes));
  if (!in) return in.error();
  auto socket = os::unix_socket::adopt(std::move(packed.descriptors[2]));
  if (!socket) return socket.error();
  return memfd_side{where.text(), how, what, std::move(*out), std::move(*in), lifeline(std::move(*socket))};
}

}  // namespace

result<ends> open_memfd_pair(const url& where, const options& how, const terms& agreed) {
  auto policy = shm::policy_of(where);
  if (!policy) return policy.error();
  auto plan = plan_lanes(where, how, agreed, policy->arena, features_for(where));
  if (!plan) return plan.error();
  const shm::lane_geometry& sizes = plan->sizes;
  const auto failed = [&](const error& why) { return why.at(place(where.text(), why.detail())).during("open"); };

  auto out = shm::storage::make_memfd("transom.out", {.size = sizes.out_bytes(), .allocated = sizes.out_bytes()});
  if (!out) return failed(out.error());
  auto in = shm::storage::make_memfd("transom.in", {.size = in_bytes(sizes), .allocated = in_bytes(sizes)});
  if (!in) return failed(in.error());
  for (const auto memory : {out->bytes(), in->bytes()})
    if (auto ok = shm::apply(*policy, memory, place(where.text())); !ok) return ok.error();
  auto sockets = os::unix_socket::pair(os::socket_kind::seqpacket);
  if (!sockets) return failed(sockets.error());
  const luggage what{sizes, plan->max_message};

  // Each end maps the other's memory a second time, for reading.
  auto out_to_read = out->descriptor(os::access::read_only), in_to_read = in->descriptor(os::access::read_only);
  if (!out_to_read) return failed(out_to_read.error());
  if (!in_to_read) return failed(in_to_read.error());
  auto seen_out = shm::storage::adopt_memfd(std::move(*out_to_read), os::access::read_only, sizes.out_bytes());
  if (!seen_out) return failed(seen_out.error());
  auto seen_in = shm::storage::adopt_memfd(std::move(*in_to_read), os::access::read_only, in_bytes(sizes));
  if (!seen_in) return failed(seen_in.error());

  auto rx = make_receiver(
      {where.text(), how, what, std::move(*seen_out), std::move(*in), lifeline(std::move(sockets->first))}, where,
      false);
  if (!rx) return rx.error();
  auto tx = make_sender(
      {where.text(), how, what, std::move(*out), std::move(*seen_in), lifeline(std::move(sockets->second))}, where);
  if (!tx) return tx.error();
  return ends{std::move(*tx), std::move(*rx)};
}

result<std::unique_ptr<receiving_end>> adopt_memfd_receiver(const url& where, handover packed, const options& how) {
  auto side = unpack(where, std::move(packed), how, os::access::read_only, os::access::read_write);
  if (!side) return side.error();
  return make_receiver(std::move(*side), where, true);
}

result<std::unique_ptr<sending_end>> adopt_memfd_sender(const url& where, handover packed, const options& how) {
  auto side = unpack(where, std::move(packed), how, os::access::read_write, os::access::read_only);
  if (!side) return side.error();
  return make_sender(std::move(*side), where);
}

}  // namespace transom::transport
