// transom/transport/fifo.cpp - see fifo.hpp.
#include "transom/transport/fifo.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <string>

#include "transom/os/entry.hpp"
#include "transom/os/fifo.hpp"
#include "transom/transport/connection_sender.hpp"
#include "transom/transport/naming.hpp"
#include "transom/transport/queue_pieces.hpp"
#include "transom/transport/shared_receiver.hpp"
#include "transom/transport/shared_sender.hpp"

namespace transom::transport {
namespace {

constexpr std::size_t largest_whole = os::atomic_size - frame_header_size;
constexpr std::size_t piece_heads = frame_header_size + piece_header_size;
constexpr std::size_t piece_size = os::atomic_size - piece_heads;
constexpr std::size_t pieces_per_write = 32;
constexpr std::size_t copied_up_to = 512;  // larger payloads are not copied next to their header

bool may_end_early(const patience& how) noexcept {
  return how.nonblocking || !how.until.is_never() || how.stop.stop_possible();
}

// ---- sending

class fifo_sender final : public shared_sender {
 public:
  static result<std::unique_ptr<sending_end>> make(parts from) {
    auto waker = os::waker::make();
    if (!waker) return waker.error().at(place(from.url)).during("open");
    std::unique_ptr<fifo_sender> made(new fifo_sender(std::move(from), std::move(*waker)));
    if (auto ok = made->start(); !ok) return ok.error();
    return std::unique_ptr<sending_end>(std::move(made));
  }
  ~fifo_sender() override { close(); }

 private:
  fifo_sender(parts from, os::waker waker) : shared_sender(std::move(from), os::stream_kind::pipe, std::move(waker)) {}
  result<std::unique_ptr<sending_end>> make_another(parts from) override { return make(std::move(from)); }

  result<void> put(const outgoing& message, const patience& how) override {
    const std::size_t size = message.payload.size();
    if (size > largest_whole) return put_in_pieces(message.payload, how);
    std::array<std::byte, frame_header_size + copied_up_to> head;
    encode_header(header_of(size), head.data());
    std::array<os::buffer, 2> parts{os::buffer{head.data(), frame_header_size},
                                    os::buffer{message.payload.data(), size}};
    std::span<const os::buffer> whole(parts);
    if (size <= copied_up_to) {
      if (size != 0) std::memcpy(head.data() + frame_header_size, message.payload.data(), size);
      parts[0].size += size;
      whole = whole.first(1);
    }
    auto written = write(whole, {}, how);
    if (!written) return written.error();
    return {};
  }

  // What is interrupted half way is given up: the receiver drops it when the next message of this sender begins.
  result<void> put_in_pieces(std::span<const std::byte> payload, const patience& how) {
    const std::size_t count = (payload.size() + piece_size - 1) / piece_size;
    if (may_end_early(how)) {
      if (auto ok = wait_for_room(payload.size() + count * piece_heads, how); !ok) return ok;
    }
    const std::size_t at_once = how_.senders == 1 ? pieces_per_write : 1;
    std::array<std::array<std::byte, piece_heads>, pieces_per_write> heads;
    std::array<os::buffer, 2 * pieces_per_write> parts;
    for (std::size_t done = 0; done < payload.size();) {
      std::size_t used = 0;
      for (std::size_t at = done; used < at_once && at < payload.size(); ++used) {
        const std::size_t body = std::min(piece_size, payload.size() - at);
        if (body != piece_size && used != 0) break;  // a short one goes alone
        encode_header(header_of(piece_header_size + body, frame_kind::fragment), heads[used].data());
        encode_piece_header(static_cast<std::uint32_t>(payload.size()), static_cast<std::uint32_t>(at),
                            heads[used].data() + frame_header_size);
        parts[2 * used] = {heads[used].data(), piece_heads};
        parts[2 * used + 1] = {payload.data() + at, body};
        at += body;
      }
      auto written = write(std::span(parts).first(2 * used), {}, how);
      if (!written) return written.error();
      if (used == 1) {
        done += *written - piece_heads;
        continue;
      }
      if (*written % os::atomic_size != 0)
        return error(errc::protocol_error, "send", place(url_, "the kernel cut a write inside a page"));
      done += *written / os::atomic_size * piece_size;
    }
    return {};
  }

  // The kernel tells when there is some room, not when there is enough: that is looked for at growing intervals.
  // Other senders may take the room; then the message is given up half way, which costs only bandwidth.
  result<void> wait_for_room(std::size_t size, const patience& how) {
    if (size > buffer_limit_) {
      if (!how.nonblocking) return {};
      return error(
          errc::message_too_large, "send",
          place(url_, "a send that does not wait takes at most " + std::to_string(buffer_limit_) + " bytes here"));
    }
    for (auto pause = std::chrono::microseconds(50);; pause = std::min(2 * pause, std::chrono::microseconds(1000))) {
      auto room = os::stream_has_room(link_.descriptor.get(), kind_, size, where_);
      if (!room) return room.error();
      if (*room) return {};
      if (auto ok = wait_writable(how); !ok) return ok;
      room = os::stream_has_room(link_.descriptor.get(), kind_, size, where_);
      if (room && *room) return {};
      std::array<os::poll_item, 1> only_waker;
      if (auto ok = sleep(only_waker, how, "send", deadline::after(pause)); !ok) return ok;
      // A reader that has gone makes the FIFO writable for ever without making room.
      std::array<os::poll_item, 1> end{os::poll_item{link_.descriptor.get(), 0, 0}};
      if (os::poll(end, deadline::passed()).value_or(0) != 0) return {};
    }
  }

  // As many of the first messages as fit one write that nobody can come between.
  result<std::size_t> put_several(std::span<const outgoing> messages, const patience& how) override {
    std::array<std::byte, os::atomic_size> together;
    std::size_t size = 0, count = 0;
    for (const outgoing& message : messages) {
      const std::size_t payload = message.payload.size();
      if (payload > largest_whole || size + frame_header_size + payload > together.size() || !check(message)) break;
      encode_header(header_of(payload, frame_kind::data, count + 1), together.data() + size);
      size += frame_header_size;
      if (payload != 0) std::memcpy(together.data() + size, message.payload.data(), payload);
      size += payload;
      ++count;
    }
    if (count <= 1) return std::size_t{0};
    const os::buffer whole{together.data(), size};
    auto written = write({&whole, 1}, {}, how);
    if (!written) return written.error();
    return count;
  }
};

// ---- the name

class fifo_name final : public held_name {
 public:
  fifo_name(std::string path, os::entry made) : path_(std::move(path)), made_(made) {}
  void remove() noexcept override {
    if (std::exchange(removed_, true)) return;
    if (const auto now = os::entry::look(path_); now && now->same_object(made_)) os::remove_file(path_).ignore();
  }

 private:
  std::string path_;
  os::entry made_;
  bool removed_ = false;
};

// Makes the FIFO, or finds one. What a dead owner had made is removed first.
result<void> arrange(const std::string& path, const options& how, meter::record::ownership& owned) {
  using meter::object_origin;
  auto there = os::entry::look(path);
  const bool ours = owned.replaced_leftover && owned.origin_before == object_origin::made;
  if (there && there->what == os::entry::kind::fifo && ours) {
    os::fifo::remove(path).ignore();
    there = os::entry::look(path);
  }
  owned.self.say_origin(there ? object_origin::found : object_origin::made);
  if (there && there->what == os::entry::kind::fifo) return {};
  auto made = os::fifo::create(path, how.mode);
  if (made && !*made) owned.self.say_origin(object_origin::found);
  if (!made) return made.error();
  return {};
}

std::function<result<fd>()> opener(const url& where) {
  return [path = where.address()]() -> result<fd> {
    auto writer = os::fifo::open_writer(path, patience::none());
    if (!writer) return writer.error();
    return std::move(*writer).release();
  };
}

}  // namespace

result<std::unique_ptr<receiving_end>> open_fifo_receiver(const url& where, const options& how, const terms& agreed) {
  const auto here = [&](const error& e) { return e.at(place(where.text(), e.detail())).during("open"); };
  auto chosen = plan_shared(where, how, agreed, fifo_features, false);
  if (!chosen) return chosen.error();
  options declared = how;
  declared.max_message = chosen->max_message;
  auto owned = own_name(where, declared, agreed, false);
  if (!owned) return owned.error();
  if (auto ok = arrange(where.address(), how, *owned); !ok) return here(ok.error());
  std::unique_ptr<held_name> name;
  const auto take_away_again = [&](const error& e) {
    if (name) name->remove();
    return here(e);
  };
  auto entry = os::entry::look(where.address());
  if (!entry) return here(entry.error());
  if (owned->self.origin() == meter::object_origin::made) name = std::make_unique<fifo_name>(where.address(), *entry);
  auto reader = os::fifo::open_reader(where.address());
  if (!reader) return take_away_again(reader.error());
  const std::size_t wanted = how.capacity != 0 ? how.capacity * (frame_header_size + chosen->max_message)
                                               : std::min<std::size_t>(chosen->max_message, 1u << 17);
  os::enlarge_stream_buffer(reader->fd(), os::stream_kind::pipe, std::min<std::size_t>(wanted, 1u << 20));
  const bool native = how.framing == framing::native;
  // In a stranger's FIFO lies what the dead owner's senders sent to it, maybe cut by it. One of our own is new, and
  // what is in it already came from senders of ours.
  if (native && owned->replaced_leftover && owned->self.origin() == meter::object_origin::found) {
    std::array<std::byte, os::atomic_size> lost;
    for (auto n = reader->try_read(lost); n && *n != 0; n = reader->try_read(lost)) {}
  }
  shared_receiver::parts parts{.url = where.text(),
                               .features = chosen->features,
                               .max_message = chosen->max_message,
                               .how = how,
                               .agreed = agreed,
                               .shape = {.kind = os::stream_kind::pipe,
                                         .framing = how.framing,
                                         .max_message = native ? largest_whole : chosen->max_message},
                               .descriptor = std::move(*reader).release(),
                               .membership = std::move(owned->self),
                               .name = std::move(name)};
  return shared_receiver::make(std::move(parts));
}

result<std::unique_ptr<sending_end>> open_fifo_sender(const url& where, const options& how, const terms& agreed) {
  auto chosen = plan_shared(where, how, agreed, fifo_features, false);
  if (!chosen) return chosen.error();
  const shared_sender::connector connect = [where, how, agreed](const patience& patient) {
    return attach_shared(where, how, agreed, opener(where), patient);
  };
  auto link = connect(patience::until_time(deadline::after(how.connect_timeout)));
  if (!link) return link.error();
  if (auto ok = adjust_to_owner(*chosen, *link, how, agreed, where); !ok) return ok.error();
  if (how.framing == framing::native) {
    return fifo_sender::make({.url = where.text(),
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
       .shape = {.kind = os::stream_kind::pipe, .framing = how.framing, .max_message = chosen->max_message},
       .link = {.descriptor = std::move(link->descriptor), .membership = std::move(link->membership)},
       .again = as_connection});
}

}  // namespace transom::transport
