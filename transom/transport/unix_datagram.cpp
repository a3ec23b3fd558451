// transom/transport/unix_datagram.cpp - see unix_datagram.hpp.
#include "transom/transport/unix_datagram.hpp"

#include <array>
#include <string>

#include "transom/os/unix_socket.hpp"
#include "transom/transport/connection_sender.hpp"
#include "transom/transport/naming.hpp"
#include "transom/transport/sealed.hpp"
#include "transom/transport/shared_receiver.hpp"
#include "transom/transport/shared_sender.hpp"

namespace transom::transport {
namespace {

// ---- sending

class datagram_sender final : public shared_sender {
 public:
  static result<std::unique_ptr<sending_end>> make(parts from) {
    auto waker = os::waker::make();
    if (!waker) return waker.error().at(place(from.url)).during("open");
    std::unique_ptr<datagram_sender> made(new datagram_sender(std::move(from), std::move(*waker)));
    if (auto ok = made->start(); !ok) return ok.error();
    return std::unique_ptr<sending_end>(std::move(made));
  }
  ~datagram_sender() override { close(); }

 private:
  datagram_sender(parts from, os::waker waker)
      : shared_sender(std::move(from), os::stream_kind::unix_socket, std::move(waker)) {}
  result<std::unique_ptr<sending_end>> make_another(parts from) override { return make(std::move(from)); }

  // Half, because a sender may only begin while not more than that is on its way.
  std::size_t largest_datagram() const noexcept { return buffer_limit_ / 2; }

  result<void> put(const outgoing& message, const patience& how) override {
    const std::size_t size = message.payload.size();
    if (frame_header_size + size > largest_datagram()) return put_sealed(message, how);
    frame_header header = header_of(size);
    header.descriptors = static_cast<std::uint8_t>(message.descriptors.size());
    std::array<std::byte, frame_header_size> head;
    encode_header(header, head.data());
    const std::array<os::buffer, 2> parts{os::buffer{head.data(), head.size()},
                                          os::buffer{message.payload.data(), size}};
    auto written = write(std::span(parts).first(size == 0 ? 1 : 2), message.descriptors, how);
    if (!written) return written.error();
    return {};
  }

  result<void> put_sealed(const outgoing& message, const patience& how) {
    auto packet = seal_message(message, link_.id, header_of(0).sequence, where_);
    if (!packet) return packet.error();
    const os::buffer whole{packet->frame.data(), packet->frame.size()};
    auto written = write({&whole, 1}, std::span(packet->descriptors).first(packet->descriptor_count), how);
    if (!written) return written.error();
    return {};
  }

  result<std::size_t> put_several(std::span<const outgoing> messages, const patience& how) override {
    constexpr std::size_t most = 32;
    std::array<std::array<std::byte, frame_header_size>, most> heads;
    std::array<os::buffer, 2 * most> parts;
    std::array<std::span<const os::buffer>, most> packets;
    std::size_t count = 0;
    for (const outgoing& message : messages.first(std::min(most, messages.size()))) {
      const std::size_t size = message.payload.size();
      if (!message.descriptors.empty() || frame_header_size + size > largest_datagram() || !check(message)) break;
      encode_header(header_of(size, frame_kind::data, count + 1), heads[count].data());
      parts[2 * count] = {heads[count].data(), frame_header_size};
      parts[2 * count + 1] = {message.payload.data(), size};
      packets[count] = std::span(parts).subspan(2 * count, size == 0 ? 1 : 2);
      ++count;
    }
    if (count <= 1) return std::size_t{0};
    for (;;) {
      auto sent = os::try_write_packets(link_.descriptor.get(), std::span(packets).first(count), where_);
      if (sent) return sent;
      if (sent.error() != errc::would_block) return failed(sent.error());
      if (auto ok = wait_writable(how); !ok) return ok.error();
    }
  }
};

// ---- the name

// What is left of a bound socket when its descriptor has gone elsewhere: the file.
class socket_name final : public held_name {
 public:
  explicit socket_name(os::unix_socket bound) : bound_(std::move(bound)) {}
  void remove() noexcept override { bound_.reset(); }

 private:
  std::optional<os::unix_socket> bound_;
};

// Binds the path. A socket file of ours to which nobody is bound is what a dead owner left: it is replaced. We hold
// the lock of the name, so no owner of ours is just about to bind it.
result<os::unix_socket> bind_at(const url& where, const options& how) {
  const auto address = os::unix_address::path(where.address());
  auto bound = os::unix_socket::bind(address, how.mode);
  if (bound || bound.error() != std::errc::address_in_use) return bound;
  auto probe = os::unix_socket::connect(address, os::socket_kind::datagram, patience::none());
  const bool nobody = !probe && probe.error() == std::errc::connection_refused;
  if (nobody && os::remove_dead_socket(where.address())) return os::unix_socket::bind(address, how.mode);
  return bound.error().with_detail(nobody ? "something that is not a dead socket of ours has this path"
                                          : "a living process has bound it, or it is no datagram socket");
}

lane::shape shape_of(const options& how, std::size_t max_message) {
  return {.kind = os::stream_kind::unix_socket,
          .packets = true,
          .framing = how.framing,
          .max_message = max_message,
          .takes_descriptors = how.framing == framing::native};
}

}  // namespace

result<std::unique_ptr<receiving_end>> open_unix_datagram_receiver(const url& where, const options& how,
                                                                   const terms& agreed) {
  auto chosen = plan_shared(where, how, agreed, unix_datagram_features, true);
  if (!chosen) return chosen.error();
  options declared = how;
  declared.max_message = chosen->max_message;
  auto owned = own_name(where, declared, agreed, false);
  if (!owned) return owned.error();
  owned->self.say_origin(meter::object_origin::made);
  auto bound = bind_at(where, how);
  if (!bound) return bound.error().at(place(where.text(), bound.error().detail())).during("open");
  fd descriptor = std::move(*bound).release();  // the file stays with `bound`
  shared_receiver::parts parts{.url = where.text(),
                               .features = chosen->features,
                               .max_message = chosen->max_message,
                               .how = how,
                               .agreed = agreed,
                               .shape = shape_of(how, chosen->max_message),
                               .descriptor = std::move(descriptor),
                               .membership = std::move(owned->self),
                               .name = std::make_unique<socket_name>(std::move(*bound))};
  return shared_receiver::make(std::move(parts));
}

result<std::unique_ptr<sending_end>> open_unix_datagram_sender(const url& where, const options& how,
                                                               const terms& agreed) {
  auto chosen = plan_shared(where, how, agreed, unix_datagram_features, true);
  if (!chosen) return chosen.error();
  const auto open = [where]() -> result<fd> {
    const auto address = os::unix_address::path(where.address());
    auto socket = os::unix_socket::connect(address, os::socket_kind::datagram, patience::none());
    if (!socket) return socket.error();
    return std::move(*socket).release();
  };
  const shared_sender::connector connect = [where, how, agreed, open](const patience& patient) {
    return attach_shared(where, how, agreed, open, patient);
  };
  auto link = connect(patience::until_time(deadline::after(how.connect_timeout)));
  if (!link) return link.error();
  if (auto ok = adjust_to_owner(*chosen, *link, how, agreed, where); !ok) return ok.error();
  if (how.framing == framing::native) {
    return datagram_sender::make({.url = where.text(),
                                  .chosen = *chosen,
                                  .how = how,
                                  .agreed = agreed,
                                  .link = std::move(*link),
                                  .again = connect});
  }
  const auto as_connection = [connect](const patience& patient) -> result<connection_sender::connection> {
    auto again = connect(patient);
    if (!again) return again.error();
    return connection_sender::connection{.descriptor = std::move(again->descriptor),
                                         .membership = std::move(again->membership)};
  };
  return connection_sender::make(
      {.url = where.text(),
       .features = chosen->features,
       .how = how,
       .agreed = agreed,
       .shape = shape_of(how, chosen->max_message),
       .link = {.descriptor = std::move(link->descriptor), .membership = std::move(link->membership)},
       .again = as_connection});
}

result<ends> open_unix_datagram_pair(const url& where, const options& how, const terms& agreed) {
  auto chosen = plan_shared(where, how, agreed, unix_datagram_features.without(sees_death), true);
  if (!chosen) return chosen.error();
  if (how.framing != framing::native) {
    return error(errc::unsupported, "open",
                 place(where.text(), "a pair of datagram sockets needs native framing: nothing else shows its end"));
  }
  auto pair = os::unix_socket::pair(os::socket_kind::datagram);
  if (!pair) return pair.error().at(place(where.text())).during("open");
  const std::uint32_t id = guest_id();
  auto rx = shared_receiver::make({.url = where.text(),
                                   .features = chosen->features,
                                   .max_message = chosen->max_message,
                                   .how = how,
                                   .agreed = agreed,
                                   .shape = shape_of(how, chosen->max_message),
                                   .descriptor = std::move(pair->first).release(),
                                   .guests = {id}});
  if (!rx) return rx.error();
  auto tx = datagram_sender::make({.url = where.text(),
                                   .chosen = *chosen,
                                   .how = how,
                                   .agreed = agreed,
                                   .link = {.descriptor = std::move(pair->second).release(), .id = id},
                                   .introduced = true});
  if (!tx) return tx.error();
  return ends{std::move(*tx), std::move(*rx)};
}

}  // namespace transom::transport
