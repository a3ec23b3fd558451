// transom/transport/udp.cpp - see udp.hpp.
#include "transom/transport/udp.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "transom/os/epoll.hpp"
#include "transom/os/udp_socket.hpp"
#include "transom/transport/connections.hpp"
#include "transom/transport/end.hpp"
#include "transom/transport/frame.hpp"
#include "transom/transport/naming.hpp"
#include "transom/transport/shared_opening.hpp"
#include "transom/transport/udp_receiver.hpp"

namespace transom::transport {
namespace {

constexpr std::size_t large_receive_buffer = std::size_t{4} << 20;
constexpr std::size_t most_at_once = 32;

error refused(errc why, const url& where, std::string_view what) {
  return error(why, "open", place(where.text(), what));
}

result<shared_plan> plan(const url& where, const options& how, const terms& agreed) {
  options sized = how;
  if (sized.max_message == 0) sized.max_message = std::max(largest_udp_message, agreed.least_message);
  if (sized.max_message > largest_udp_message) {
    return refused(errc::message_too_large, where,
                   "a message of " + std::to_string(sized.max_message) + " bytes: udp carries at most 65000");
  }
  return plan_shared(where, sized, agreed, udp_features, true);
}

class udp_sender final : public kernel_end<sending_end> {
 public:
  struct parts {
    transom::url where;
    shared_plan chosen;
    options how;
    terms agreed;
    os::udp_socket socket;
    std::optional<meter::record> membership;
  };
  static result<std::unique_ptr<sending_end>> make(parts from) {
    auto waker = os::waker::make();
    if (!waker) return waker.error().at(place(from.where.text())).during("open");
    auto poll = os::epoll::make();
    if (!poll) return poll.error().at(place(from.where.text())).during("open");
    if (auto ok = poll->add(waker->fd(), os::interest::readable, 0); !ok) return ok.error().during("open");
    if (auto ok = poll->add(from.socket.fd(), os::interest::writable, 1); !ok) return ok.error().during("open");
    return std::unique_ptr<sending_end>(new udp_sender(std::move(from), std::move(*waker), std::move(*poll)));
  }
  ~udp_sender() override { close(); }

  result<void> send(const outgoing& message, const patience& how) override {
    auto sent = send_many({&message, 1}, how);
    if (!sent) return sent.error();
    return {};
  }

  result<std::size_t> send_many(std::span<const outgoing> messages, const patience& how) override {
    visit in(*this, "send");
    if (!in) return in.error();
    if (how.stop.stop_requested()) return error(errc::canceled, "send", where_);
    std::size_t accepted = 0;
    while (accepted < messages.size()) {
      auto some = send_some(messages.subspan(accepted), how);
      if (!some) return accepted != 0 ? result<std::size_t>(accepted) : some;
      accepted += *some;
    }
    return accepted;
  }

  result<std::span<std::byte>> claim(std::size_t size, const patience& how) override {
    visit in(*this, "send");
    if (!in) return in.error();
    if (how.stop.stop_requested()) return error(errc::canceled, "send", where_);
    if (size > largest_message_) return too_large(size);
    if (!claimed_) claimed_ = std::make_unique_for_overwrite<std::byte[]>(largest_message_ + 1);
    return std::span(claimed_.get(), size);
  }
  result<void> commit(const outgoing& message, const patience& how) override { return send(message, how); }

  result<std::unique_ptr<sending_end>> clone() override {
    visit in(*this, "clone");
    if (!in) return in.error();
    return open_udp_sender(source_, how_, agreed_);
  }
  result<int> ready_fd() override { return poll_.fd(); }
  result<handover> give() override {
    return error(errc::unsupported, "give", place(url_, "nothing is lost by opening the URL in the child"));
  }

 private:
  udp_sender(parts from, os::waker waker, os::epoll poll)
      : kernel_end(from.where.text(), from.chosen.features, from.chosen.max_message, std::move(waker)),
        source_(std::move(from.where)),
        how_(from.how),
        agreed_(from.agreed),
        socket_(std::move(from.socket)),
        membership_(std::move(from.membership)),
        poll_(std::move(poll)) {}

  void finish() noexcept override {
    if (membership_) membership_->leave();
    socket_.reset();
  }

  error too_large(std::size_t size) const {
    return error(errc::message_too_large, "send",
                 place(url_, std::to_string(size) + " bytes exceed max_message=" + std::to_string(largest_message_)));
  }
  result<void> check(const outgoing& message) const {
    if (message.priority != 0 || message.type != 0)
      return error(errc::unsupported, "send", place(url_, "priorities need posix-mq, types sysv-mq"));
    if (!message.descriptors.empty())
      return error(errc::unsupported, "send", place(url_, "this mechanism carries no descriptors"));
    if (message.payload.size() > largest_message_) return too_large(message.payload.size());
    return {};
  }

  // As many as go in one system call; at least one.
  result<std::size_t> send_some(std::span<const outgoing> messages, const patience& how) {
    std::array<std::array<std::byte, frame_header_size>, most_at_once> heads;
    std::array<os::buffer, 2 * most_at_once> parts;
    std::array<os::outgoing, most_at_once> datagrams;
    std::size_t count = 0;
    for (const outgoing& message : messages.first(std::min(messages.size(), most_at_once))) {
      if (auto ok = check(message); !ok) {
        if (count == 0) return ok.error();
        break;
      }
      const std::size_t size = message.payload.size();
      const bool native = how_.framing == framing::native;
      encode_header({.length = static_cast<std::uint32_t>(size),
                     .sender = id_,
                     .sequence = static_cast<std::uint32_t>(sequence_ + 1 + count)},
                    heads[count].data());
      parts[2 * count] = {heads[count].data(), frame_header_size};
      parts[2 * count + 1] = {message.payload.data(), size};
      const auto whole = std::span<const os::buffer>(parts).subspan(2 * count, 2);
      datagrams[count].parts = native ? whole.first(size == 0 ? 1 : 2) : whole.last(1);
      ++count;
    }
    auto sent = send_together(std::span(datagrams).first(count), how);
    if (!sent) return sent;
    sequence_ += *sent;
    if (membership_) {
      std::size_t payload = 0;
      for (const outgoing& message : messages.first(*sent)) payload += message.payload.size();
      membership_->mine().messages.add(*sent);
      membership_->mine().bytes.add(payload);
    }
    return sent;
  }

  // What the network does not take, or nobody listens for, is lost; that is no error of this call.
  result<std::size_t> send_together(std::span<const os::outgoing> datagrams, const patience& how) {
    for (;;) {
      auto sent = socket_->try_send_many(datagrams);
      if (sent) return sent;
      if (sent.error() == std::errc::connection_refused) continue;  // said of an earlier one; this one has not gone yet
      if (sent.error() == std::errc::no_buffer_space) return datagrams.size();
      if (sent.error() != errc::would_block) return sent.error().at(where_).during("send");
      std::array<os::poll_item, 2> items{os::poll_item{}, os::poll_item{socket_->fd(), os::interest::writable, 0}};
      if (auto ok = sleep(items, how, "send"); !ok) return ok.error();
    }
  }

  const transom::url source_;
  const options how_;
  const terms agreed_;
  std::optional<os::udp_socket> socket_;
  std::optional<meter::record> membership_;
  os::epoll poll_;
  const std::uint32_t id_ = guest_id();
  std::uint64_t sequence_ = 0;
  std::unique_ptr<std::byte[]> claimed_;
};

}  // namespace

result<std::unique_ptr<receiving_end>> open_udp_receiver(const url& where, const options& how, const terms& agreed) {
  auto chosen = plan(where, how, agreed);
  if (!chosen) return chosen.error();
  auto socket = os::udp_socket::bind(where.address(), where.port());
  if (!socket) return socket.error().at(place(where.text(), socket.error().detail())).during("open");
  socket->set_receive_buffer(std::max(large_receive_buffer, how.capacity * chosen->max_message)).ignore();
  auto local = socket->local();
  if (!local) return local.error().at(place(where.text())).during("open");
  const url real = where.with_port(local->port());
  options declared = how;
  declared.max_message = chosen->max_message;
  auto owned = own_name(real, declared, agreed, false);
  if (!owned) return owned.error();
  return udp_receiver::make({.url = real.text(),
                             .features = chosen->features,
                             .max_message = chosen->max_message,
                             .how = how,
                             .socket = std::move(*socket),
                             .membership = std::move(owned->self)});
}

result<std::unique_ptr<sending_end>> open_udp_sender(const url& where, const options& how, const terms& agreed) {
  auto chosen = plan(where, how, agreed);
  if (!chosen) return chosen.error();
  if (where.port() == 0) return refused(errc::bad_url, where, "a sender needs the real port, not 0");
  if (where.address() == "*") return refused(errc::bad_url, where, "a sender needs a host, not *");
  auto membership = join_name(where, agreed);
  if (!membership && membership.error() != errc::owner_died) return membership.error();
  auto socket = os::udp_socket::connect(where.address(), where.port());
  if (!socket) return socket.error().at(place(where.text(), socket.error().detail())).during("open");
  return udp_sender::make({.where = where,
                           .chosen = *chosen,
                           .how = how,
                           .agreed = agreed,
                           .socket = std::move(*socket),
                           .membership = membership ? std::move(*membership) : std::nullopt});
}

}  // namespace transom::transport
