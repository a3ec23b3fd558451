// transom/transport/shared_sender.cpp - see shared_sender.hpp.
#include "transom/transport/shared_sender.hpp"

#include <algorithm>
#include <chrono>

namespace transom::transport {
namespace {

bool says_gone(const error& e) noexcept {
  return e == std::errc::broken_pipe || e == std::errc::connection_reset || e == std::errc::not_connected ||
         e == std::errc::connection_refused;
}

}  // namespace

shared_sender::shared_sender(parts from, os::stream_kind kind, os::waker waker)
    : kernel_end(std::move(from.url), from.chosen.features, from.chosen.max_message, std::move(waker)),
      how_(from.how),
      kind_(kind),
      link_(std::move(from.link)),
      agreed_(from.agreed),
      again_(std::move(from.again)),
      search_(how_),
      introduced_(from.introduced) {}

result<void> shared_sender::start() {
  if (auto ok = adapt(); !ok) return ok;
  auto said = say_hello(patience::until_time(deadline::after(how_.connect_timeout)));
  if (!said) return said.error().during("open");
  return {};
}

// Takes the measures of the descriptor at hand.
result<void> shared_sender::adapt() {
  const int number = link_.descriptor.get();
  const std::size_t wanted = how_.capacity != 0 ? how_.capacity * (frame_header_size + largest_message_)
                                                : frame_header_size + std::min<std::size_t>(largest_message_, 1u << 17);
  os::enlarge_stream_buffer(number, kind_, std::min<std::size_t>(wanted, 1u << 20));
  auto limit = os::stream_buffer_size(number, kind_, where_);
  if (!limit) return limit.error();
  buffer_limit_ = *limit;
  if (epoll_) return epoll_->add(number, os::interest::writable, 1);
  return {};
}

// ---- calls

result<void> shared_sender::begin(const patience& how) {
  if (how.stop.stop_requested()) return error(errc::canceled, "send", where_);
  if (!over_) {
    if (!link_.membership || !link_.membership->owners_closed()) [[likely]]
      return {};
    over_ = true;
    return error(errc::closed, "send", where_);
  }
  if (!how_.reconnect || !again_) return error(errc::closed, "send", where_);
  patience soon = how;
  soon.until = std::min(how.until, deadline::after(how_.connect_timeout));
  auto link = search_.look(how_, how, "send", again_);
  if (!link) return link.error();
  link_ = std::move(*link);
  introduced_ = over_ = false;
  sequence_ = 0;
  if (auto ok = adapt(); !ok) return ok;
  return say_hello(soon);
}

result<void> shared_sender::check(const outgoing& message) const {
  if (message.priority != 0 || message.type != 0) {
    return error(errc::unsupported, "send", place(url_, "priorities need posix-mq, types sysv-mq"));
  }
  if (message.payload.size() > largest_message_) {
    return error(errc::message_too_large, "send",
                 place(url_, std::to_string(message.payload.size()) +
                                 " bytes exceed max_message=" + std::to_string(largest_message_)));
  }
  if (message.descriptors.empty()) return {};
  if (!features_.contains(fd_passing))
    return error(errc::unsupported, "send", place(url_, "this mechanism carries no descriptors"));
  if (message.descriptors.size() > most_descriptors)
    return error(errc::message_too_large, "send", place(url_, "at most 16 descriptors travel with a message"));
  return {};
}

void shared_sender::count(std::span<const outgoing> sent) noexcept {
  sequence_ += sent.size();
  if (!link_.membership) return;
  std::size_t payload = 0;
  for (const outgoing& message : sent) payload += message.payload.size();
  link_.membership->mine().messages.add(sent.size());
  link_.membership->mine().bytes.add(payload);
}

result<void> shared_sender::send(const outgoing& message, const patience& how) {
  visit in(*this, "send");
  if (!in) return in.error();
  if (auto ok = begin(how); !ok) return ok;
  if (auto ok = check(message); !ok) return ok;
  auto sent = put(message, how);
  if (sent) count({&message, 1});
  return sent;
}

result<std::size_t> shared_sender::send_many(std::span<const outgoing> messages, const patience& how) {
  visit in(*this, "send");
  if (!in) return in.error();
  if (auto ok = begin(how); !ok) return ok.error();
  std::size_t accepted = 0;
  while (accepted < messages.size()) {
    const auto rest = messages.subspan(accepted);
    auto some = put_several(rest, how);
    if (some && *some == 0) {
      auto one = check(rest.front());
      if (one) one = put(rest.front(), how);
      some = one ? result<std::size_t>(1) : result<std::size_t>(one.error());
    }
    if (!some) return accepted != 0 ? result<std::size_t>(accepted) : some;
    count(rest.first(*some));
    accepted += *some;
  }
  return accepted;
}

result<std::span<std::byte>> shared_sender::claim(std::size_t size, const patience& how) {
  visit in(*this, "send");
  if (!in) return in.error();
  if (auto ok = begin(how); !ok) return ok.error();
  if (size > largest_message_) {
    return error(errc::message_too_large, "send",
                 place(url_, std::to_string(size) + " bytes exceed max_message=" + std::to_string(largest_message_)));
  }
  if (size > claimed_size_ || !claimed_) {
    claimed_size_ = std::max<std::size_t>({size, 64, std::min<std::size_t>(2 * claimed_size_, 1u << 20)});
    claimed_ = std::make_unique_for_overwrite<std::byte[]>(claimed_size_);
  }
  return std::span(claimed_.get(), size);
}

result<std::unique_ptr<sending_end>> shared_sender::clone() {
  visit in(*this, "clone");
  if (!in) return in.error();
  parts copy{.url = url_,
             .chosen = {largest_message_, features_},
             .how = how_,
             .agreed = agreed_,
             .link = {},
             .again = again_};
  if (again_) {
    auto link = again_(patience::until_time(deadline::after(how_.connect_timeout)));
    if (!link) return link.error().during("clone");
    copy.link = std::move(*link);
  } else {
    if (over_) return error(errc::closed, "clone", where_);
    auto same = link_.descriptor.duplicate();
    if (!same) return same.error().at(where_).during("clone");
    copy.link = {.descriptor = std::move(*same), .id = guest_id()};
  }
  return make_another(std::move(copy));
}

// ---- writing

result<void> shared_sender::wait_writable(const patience& how) {
  if (link_.membership) link_.membership->mine().times_full.add();
  std::array<os::poll_item, 2> items{os::poll_item{}, os::poll_item{link_.descriptor.get(), os::interest::writable, 0}};
  return sleep(items, how, "send");
}

result<std::size_t> shared_sender::write(std::span<const os::buffer> parts, std::span<const int> descriptors,
                                         const patience& how) {
  for (;;) {
    auto n = os::try_write_stream(link_.descriptor.get(), kind_, parts, where_, descriptors);
    if (n) [[likely]]
      return n;
    if (n.error() != errc::would_block) return failed(n.error());
    if (auto ok = wait_writable(how); !ok) return ok.error();
  }
}

// Has the owner gone, and how? Without its record nobody can tell.
error shared_sender::failed(const error& e) {
  if (!says_gone(e)) return e.during("send");
  over_ = true;
  if (!link_.membership || link_.membership->owners_closed()) return error(errc::closed, "send", where_);
  return error(errc::peer_died, "send", where_).with_peer(link_.membership->owner_pid());
}

result<void> shared_sender::say_hello(const patience& how) {
  if (introduced_ || link_.membership || how_.framing != framing::native) return {};
  constexpr std::size_t longest_text = 2048;  // the whole hello goes in one atomic write
  terms shown = agreed_;
  shown.schema_text = shown.schema_text.substr(0, longest_text);
  const bytes words = encode_hello(shown, largest_message_, link_.id);
  const os::buffer whole{words.data(), words.size()};
  auto said = write({&whole, 1}, {}, how);
  if (!said) return said.error();
  introduced_ = true;
  return {};
}

void shared_sender::say_close() noexcept {
  std::array<std::byte, frame_header_size> word;
  encode_header(header_of(0, frame_kind::close, 0), word.data());
  const os::buffer whole{word.data(), word.size()};
  for (int attempt = 0; attempt < 40; ++attempt) {
    auto n = os::try_write_stream(link_.descriptor.get(), kind_, {&whole, 1}, where_);
    if (n || n.error() != errc::would_block || link_.membership) return;  // the record has said it already
    if (attempt == 0) {
      os::make_room_for_a_last_word(link_.descriptor.get(), kind_);
    } else {
      std::array<os::poll_item, 1> writable{os::poll_item{link_.descriptor.get(), os::interest::writable, 0}};
      os::poll(writable, deadline::after(std::chrono::milliseconds(25))).ignore();
    }
  }
}

void shared_sender::finish() noexcept {
  if (link_.membership) link_.membership->leave();
  if (!over_ && how_.framing == framing::native) say_close();
  link_.descriptor.reset();
}

result<int> shared_sender::ready_fd() {
  if (!epoll_) {
    auto made = os::epoll::make();
    if (!made) return made.error().at(where_);
    if (auto ok = made->add(waker_.fd(), os::interest::readable, 0); !ok) return ok.error().at(where_);
    if (link_.descriptor) {
      if (auto ok = made->add(link_.descriptor.get(), os::interest::writable, 1); !ok) return ok.error().at(where_);
    }
    epoll_.emplace(std::move(*made));
  }
  return epoll_->fd();
}

result<handover> shared_sender::give() {
  return error(errc::unsupported, "give",
               place(url_, "the receiver would see this sender close before the child has come: open the URL there"));
}

}  // namespace transom::transport
