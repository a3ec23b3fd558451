// transom/transport/udp_receiver.cpp - see udp_receiver.hpp.
#include "transom/transport/udp_receiver.hpp"

#include <algorithm>
#include <cstring>

#include "transom/base/bytes.hpp"
#include "transom/transport/frame.hpp"

namespace transom::transport {
namespace {

constexpr std::size_t batch_memory = std::size_t{1} << 20;
constexpr std::size_t most_senders_remembered = 1024;

std::uint64_t name_of_sender(const os::socket_address& from, std::uint32_t sender) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325 ^ sender;
  for (const std::byte b : std::span(static_cast<const std::byte*>(from.data()), from.size()))
    hash = (hash ^ std::to_integer<std::uint64_t>(b)) * 0x100000001b3;
  return hash;
}

}  // namespace

udp_receiver::udp_receiver(parts from, os::waker waker, os::epoll poll)
    : kernel_end(std::move(from.url), from.features, from.max_message, std::move(waker)),
      how_(from.how),
      socket_(std::move(from.socket)),
      membership_(std::move(from.membership)),
      poll_(std::move(poll)),
      slot_size_(frame_header_size + from.max_message) {
  const std::size_t count = std::clamp<std::size_t>(batch_memory / slot_size_, 4, 64);
  memory_ = std::make_unique_for_overwrite<std::byte[]>(count * slot_size_);
  slots_.resize(count);
  senders_.resize(count);
  datagrams_.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    slots_[i] = {memory_.get() + i * slot_size_, slot_size_};
    datagrams_[i] = {.into = {&slots_[i], 1}, .got = {}, .from = native() ? &senders_[i] : nullptr};
  }
}

result<std::unique_ptr<receiving_end>> udp_receiver::make(parts from) {
  auto waker = os::waker::make();
  if (!waker) return waker.error().at(place(from.url)).during("open");
  auto poll = os::epoll::make();
  if (!poll) return poll.error().at(place(from.url)).during("open");
  const int number = from.socket.fd();
  if (auto ok = poll->add(waker->fd(), os::interest::readable, 0); !ok) return ok.error().during("open");
  if (auto ok = poll->add(number, os::interest::readable, 1); !ok) return ok.error().during("open");
  return std::unique_ptr<receiving_end>(new udp_receiver(std::move(from), std::move(*waker), std::move(*poll)));
}

udp_receiver::~udp_receiver() { close(); }

result<incoming> udp_receiver::front(long type, const patience& how) {
  visit in(*this, "recv");
  if (!in) return in.error();
  if (how.stop.stop_requested()) return error(errc::canceled, "recv", where_);
  if (type != 0) return error(errc::unsupported, "recv", place(url_, "only sysv-mq knows message types"));
  if (!at_hand_) {
    auto brought = bring(how);
    if (exported_) show_readiness();
    if (!brought) return brought.error();
  }
  return *at_hand_;
}

void udp_receiver::release() noexcept {
  at_hand_.reset();
  if (exported_ && !forked()) show_readiness();
}

result<std::size_t> udp_receiver::receive_into(std::span<std::byte> into, long type, const patience& how) {
  auto next = front(type, how);
  if (!next) return next.error();
  const std::size_t size = next->payload.size();
  if (size > into.size()) return error(errc::message_too_large, "recv", place(url_, std::to_string(size)));
  if (size != 0) std::memcpy(into.data(), next->payload.data(), size);
  release();
  return size;
}

result<std::unique_ptr<receiving_end>> udp_receiver::clone() {
  return error(errc::unsupported, "clone", place(url_, "this mechanism has one receiver"));
}

result<handover> udp_receiver::give() {
  return error(errc::unsupported, "give",
               place(url_, "a receiver that owns a port stays where it is; open it in the child"));
}

// ---- bringing the next message

result<void> udp_receiver::bring(const patience& how) {
  for (;;) {
    if (take_next()) return {};
    next_ = filled_ = 0;
    auto count = socket_->try_recv_many(datagrams_);
    if (count) {
      filled_ = *count;
      continue;
    }
    // An answer to something that was never sent from here: clear it and go on.
    if (count.error() == std::errc::connection_refused) continue;
    if (count.error() != errc::would_block) return count.error().at(where_).during("recv");
    if (exported_) show_readiness();
    std::array<os::poll_item, 2> items{os::poll_item{}, os::poll_item{socket_->fd(), os::interest::readable, 0}};
    if (auto ok = sleep(items, how, "recv"); !ok) return ok;
  }
}

// Lends the next message among the datagrams received, dropping what is none.
bool udp_receiver::take_next() {
  while (next_ != filled_) {
    const std::size_t i = next_++;
    const os::received& got = datagrams_[i].got;
    const std::span<const std::byte> all(static_cast<const std::byte*>(slots_[i].data), got.size);
    message_info info;
    std::span<const std::byte> payload = all;
    if (native()) {
      const auto header = all.size() >= frame_header_size ? decode_header(all.data()) : std::nullopt;
      const bool whole = header && header->kind == frame_kind::data && header->descriptors == 0 && !got.truncated() &&
                         header->length == all.size() - frame_header_size;
      if (!whole || !is_new(senders_[i], header->sender, header->sequence)) {
        drop();
        continue;
      }
      info.sequence = header->sequence;
      payload = all.subspan(frame_header_size);
    } else if (got.truncated() || payload.size() > largest_message_) {
      drop();
      continue;
    }
    if (membership_) {
      membership_->mine().messages.add();
      membership_->mine().bytes.add(payload.size());
    }
    at_hand_ = incoming{payload, info};
    return true;
  }
  return false;
}

bool udp_receiver::is_new(const os::socket_address& from, std::uint32_t sender, std::uint32_t number) {
  if (windows_.size() >= most_senders_remembered) windows_.clear();  // somebody makes senders up, and gains nothing
  const auto [found, first] = windows_.try_emplace(name_of_sender(from, sender));
  window& known = found->second;
  const auto ahead = static_cast<std::int32_t>(number - known.newest);
  if (first || ahead > 0) {
    known.seen = first || ahead >= 64 ? 1 : known.seen << ahead | 1;
    known.newest = number;
    return true;
  }
  if (ahead <= -64) return false;
  const std::uint64_t bit = std::uint64_t{1} << -ahead;
  if ((known.seen & bit) != 0) return false;
  known.seen |= bit;
  return true;
}

void udp_receiver::drop() noexcept {
  if (membership_) membership_->mine().drops.add();
}

void udp_receiver::finish() noexcept {
  if (membership_) membership_->leave();
  socket_.reset();
}

// ---- readiness

result<int> udp_receiver::ready_fd() {
  exported_ = true;
  show_readiness();
  return poll_.fd();
}

void udp_receiver::show_readiness() noexcept {
  const bool more = at_hand_.has_value() || next_ != filled_;
  if (more == shown_ready_) return;
  shown_ready_ = more;
  if (more) waker_.ring();
  else if (!closing()) waker_.clear();
}

}  // namespace transom::transport
