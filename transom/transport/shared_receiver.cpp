// transom/transport/shared_receiver.cpp - see shared_receiver.hpp.
#include "transom/transport/shared_receiver.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "transom/os/fifo.hpp"

namespace transom::transport {
namespace {

constexpr std::chrono::milliseconds between_looks{100};
constexpr unsigned reads_between_looks = 64;
constexpr std::size_t most_guests = 256;
constexpr std::uint64_t most_packets_queued = 1u << 16;  // far beyond any receive queue

}  // namespace

shared_receiver::shared_receiver(parts from, os::waker waker)
    : kernel_end(std::move(from.url), from.features, from.max_message, std::move(waker)),
      how_(from.how),
      agreed_(from.agreed),
      shape_(from.shape),
      lane_(std::move(from.descriptor), from.shape, where_),
      membership_(std::move(from.membership)),
      name_(std::move(from.name)) {
  for (const std::uint32_t id : from.guests) guests_.emplace(id, 0);
  guest_came_ = !guests_.empty();
}

result<std::unique_ptr<receiving_end>> shared_receiver::make(parts from) {
  auto waker = os::waker::make();
  if (!waker) return waker.error().at(place(from.url));
  return std::unique_ptr<receiving_end>(new shared_receiver(std::move(from), std::move(*waker)));
}

shared_receiver::~shared_receiver() { close(); }

// ---- calls

result<incoming> shared_receiver::front(long type, const patience& how) {
  visit in(*this, "recv");
  if (!in) return in.error();
  if (how.stop.stop_requested()) return error(errc::canceled, "recv", where_);
  if (type != 0) return error(errc::unsupported, "recv", place(url_, "only sysv-mq knows message types"));
  if (!at_hand_) {
    auto brought = bring(how);
    if (epoll_) show_readiness();
    if (!brought) return brought.error();
  }
  return *at_hand_;
}

void shared_receiver::release() noexcept {
  if (!at_hand_) return;
  at_hand_.reset();
  if (in_lane_) lane_.consume();
  if (epoll_ && !forked()) show_readiness();
}

result<std::size_t> shared_receiver::receive_into(std::span<std::byte> into, long type, const patience& how) {
  auto next = front(type, how);
  if (!next) return next.error();
  const std::size_t size = next->payload.size();
  if (size > into.size()) return error(errc::message_too_large, "recv", place(url_, std::to_string(size)));
  if (size != 0) std::memcpy(into.data(), next->payload.data(), size);
  release();
  return size;
}

result<std::unique_ptr<receiving_end>> shared_receiver::clone() {
  return error(errc::unsupported, "clone", place(url_, "this mechanism has one receiver"));
}

result<handover> shared_receiver::give() {
  return error(errc::unsupported, "give",
               place(url_, "the senders would see this receiver close before the child has come: open the URL there"));
}

// ---- bringing the next message

result<void> shared_receiver::bring(const patience& how) {
  for (;;) {
    if (ended_) return error(errc::closed, "recv", where_);
    auto served = serve();
    if (!served) return served.error();
    if (*served) return {};
    if (auto dead = next_death()) return *dead;
    bool nobody_writes = false;
    auto came = fill(nobody_writes);
    if (!came) return came.error();
    if (at_hand_) return {};
    if (*came) continue;
    auto news = found_empty(nobody_writes);
    if (!news) return news.error();
    if (at_hand_) return {};
    if (*news) continue;
    if (auto ok = wait(how); !ok) return ok;
  }
}

// Deals with the frames in the buffer. True: at_hand_ is the next message.
result<bool> shared_receiver::serve() {
  for (;;) {
    auto frame = lane_.next();
    result<bool> done = false;
    if (!frame) done = frame.error();
    else if (!*frame) return false;
    else done = handle(**frame);
    if (!done) {
      if (membership_) membership_->mine().errors.add();
      if (done.error() == errc::type_mismatch) lane_.consume();
      else if (is_stream()) end();
      else lane_.forget();
      return done.error();
    }
    if (*done) return true;
    lane_.consume();
  }
}

void shared_receiver::lend(std::span<const std::byte> payload, const frame_header& header, std::span<fd> descriptors) {
  message_info info{.sequence = header.sequence};
  if (!guests_.empty()) {
    if (const auto guest = guests_.find(header.sender); guest != guests_.end()) info.pid = guest->second;
  }
  at_hand_ = incoming{payload, info, descriptors};
  in_lane_ = true;
  if (!membership_) return;
  membership_->mine().messages.add();
  membership_->mine().bytes.add(payload.size());
}

// True: the frame completes a message, which is lent. False: it was ours and is done with.
result<bool> shared_receiver::handle(const lane::frame& frame) {
  const auto broken = [&](const char* why) { return error(errc::protocol_error, "recv", place(url_, why)); };
  if (!refused_.empty() && std::ranges::find(refused_, frame.header.sender) != refused_.end()) return false;
  switch (frame.header.kind) {
    case frame_kind::data:
      if (frame.payload.size() > largest_message_) return broken("a message beyond max_message");
      if (!frame.descriptors.empty() && !agreed_.descriptors) return broken("descriptors that nobody asked for");
      lend(frame.payload, frame.header, frame.descriptors);
      return true;
    case frame_kind::fragment: {
      const auto outcome = pieces_.add(frame.header, frame.payload, 0, largest_message_);
      count_torn(pieces_.take_torn());
      if (outcome == piece_collector::outcome::broken) return broken("a piece that fits no message");
      if (outcome == piece_collector::outcome::more) return false;
      lane_.consume();
      lend(pieces_.whole(), frame.header, {});
      in_lane_ = false;
      return true;
    }
    case frame_kind::hello: {
      if (auto known = meet(frame); !known) return known.error();
      return false;
    }
    case frame_kind::close:
      guests_.erase(frame.header.sender);
      pieces_.forget_sender(frame.header.sender);
      count_torn(pieces_.take_torn());
      return false;
    default: return broken("a frame that does not belong here");
  }
}

// A sender that has no part in the record introduces itself.
result<void> shared_receiver::meet(const lane::frame& frame) {
  auto said = decode_hello(frame.payload, where_);
  if (!said) return said.error();
  if (guests_.size() + refused_.size() >= most_guests)
    return error(errc::protocol_error, "recv", place(url_, "more senders without a record than there may be"));
  if (auto same = compare_terms(agreed_, said->schema_hash, said->schema_text, "recv", where_); !same) {
    refused_.push_back(frame.header.sender);  // said once; what it sends is dropped
    return same.error().with_peer(static_cast<int>(said->pid));
  }
  guests_.insert_or_assign(frame.header.sender, static_cast<int>(said->pid));
  guest_came_ = true;
  return {};
}

// Reads once. True: something came, or at_hand_ is it.
result<bool> shared_receiver::fill(bool& nobody_writes) {
  const std::size_t before = lane_.pending();
  auto came = lane_.fill();
  if (!came) {
    if (came.error() == errc::would_block) return false;
    return came.error().during("recv");
  }
  if (*came || shape_.packets) {
    read_ += shape_.packets ? 1 : lane_.pending() - before;
    something_came_ = true;
    ending_ = false;
    if (++reads_since_look_ >= reads_between_looks && next_look_.expired() && watches_senders()) {
      observe(true, false);
    }
  }
  if (*came) return true;
  if (is_stream()) {
    nobody_writes = true;
    return false;
  }
  if (native()) return error(errc::protocol_error, "recv", place(url_, "an empty datagram"));
  lend({}, {}, {});
  return true;
}

// ---- who is left

// The object is empty just now. True: look once more before you sleep.
result<bool> shared_receiver::found_empty(bool nobody_writes) {
  for (death& d : deaths_) d.due = true;
  if (!deaths_.empty()) return true;
  if (ending_) {
    end();
    return true;
  }
  if (!watches_senders()) return nobody_writes ? stream_ended() : result<bool>(false);
  if (observe(nobody_writes, nobody_writes)) return true;
  if (nobody_writes && native() && lane_.pending() != 0) {
    end();
    return error(errc::protocol_error, "recv", place(url_, "what came is no message of ours"));
  }
  if (nobody_writes && hung_up()) {
    if (auto ok = reopen(); !ok) return ok.error();
  }
  return false;
}

// Foreign framing: every writer has closed the FIFO, or none has come yet.
result<bool> shared_receiver::stream_ended() {
  if (!something_came_ && !hung_up()) return false;
  if (auto last = serve(); !last || *last) return last;  // a last line without its newline
  const bool torn = lane_.torn();
  lane_.forget();
  if (torn) count_torn(1);
  if (!how_.keep_open) {
    end();
    if (!torn) return true;
    return error(errc::peer_died, "recv", place(url_, "in the middle of a message, which is dropped"));
  }
  something_came_ = false;
  if (hung_up()) {
    if (auto ok = reopen(); !ok) return ok.error();
  }
  return false;
}

// Asks who is left. True: there is news.
bool shared_receiver::observe(bool now, bool nobody_writes) {
  bool news = false;
  if (membership_ && (now || next_look_.expired())) {
    reads_since_look_ = 0;
    next_look_ = deadline::after(between_looks);
    // As much as lies there now came before the death.
    const std::uint64_t held =
        is_stream() ? os::stream_buffer_size(lane_.descriptor(), os::stream_kind::pipe, where_).value_or(1u << 30)
                    : most_packets_queued;
    while (const auto dead = membership_->next_casualty()) {
      deaths_.push_back({.pid = dead->pid, .id = dead->id, .after = read_ + held});
      news = true;
    }
  }
  if (nobody_writes) {
    for (const auto& [id, pid] : guests_) deaths_.push_back({.pid = pid, .id = id, .after = read_, .due = true});
    news = news || !guests_.empty();
    guests_.clear();
  }
  if (ending_ || how_.keep_open || !watches_senders()) return news;
  const bool attached = guest_came_ || (membership_ && membership_->ever_joined());
  if (!attached || !guests_.empty() || (membership_ && membership_->live_senders() != 0)) return news;
  ending_ = true;
  return true;
}

std::optional<error> shared_receiver::next_death() {
  while (!deaths_.empty() && (deaths_.front().due || read_ >= deaths_.front().after)) {
    const death who = deaths_.front();
    deaths_.pop_front();
    pieces_.forget_sender(who.id);
    const std::uint64_t torn = pieces_.take_torn();
    count_torn(torn);
    if (how_.keep_open || !native()) continue;
    const error told(errc::peer_died, "recv",
                     torn != 0 ? place(url_, "in the middle of a message, which is dropped") : where_);
    return told.with_peer(who.pid);
  }
  return std::nullopt;
}

void shared_receiver::count_torn(std::uint64_t n) noexcept {
  if (n != 0 && membership_) membership_->mine().torn.add(n);
}

// ---- waiting

result<void> shared_receiver::wait(const patience& how) {
  if (timer_) timer_->try_take().ignore();
  if (epoll_) show_readiness();
  if (membership_) membership_->mine().times_empty.add();
  const bool watching = membership_ && watches_senders();
  std::array<os::poll_item, 2> items{os::poll_item{},
                                     os::poll_item{lane_.descriptor(), os::interest::readable, 0}};
  auto slept = sleep(items, how, "recv", watching ? next_look_ : deadline::never());
  if (!slept && slept.error() == errc::timed_out && watching && observe(true, false)) return {};
  return slept;
}

bool shared_receiver::hung_up() const {
  os::poll_item item{lane_.descriptor(), os::interest::readable, 0};
  return os::poll({&item, 1}, deadline::passed()).value_or(0) != 0 && (item.got & os::interest::hangup) != 0;
}

// After the last writer has left, its FIFO reports hang-up until another comes, and nobody could sleep. A new
// description does not.
result<void> shared_receiver::reopen() {
  os::pipe_reader old(fd(lane_.release()), where_);
  auto fresh = os::fifo::reopen_reader(old);
  lane_.continue_with(fresh ? std::move(*fresh).release() : std::move(old).release());
  if (!fresh) return fresh.error().at(place(url_, "the FIFO could not be opened again")).during("recv");
  if (epoll_) return epoll_->add(lane_.descriptor(), os::interest::readable, 1);
  return {};
}

void shared_receiver::end() noexcept {
  ended_ = true;
  finish();
}

void shared_receiver::finish() noexcept {
  if (name_) name_->remove();
  if (membership_) membership_->leave();
  const fd gone = lane_.release();  // senders that sleep wake up
}

// ---- readiness

result<int> shared_receiver::ready_fd() {
  if (!epoll_) {
    auto made = os::epoll::make();
    if (!made) return made.error().at(where_);
    if (auto ok = made->add(waker_.fd(), os::interest::readable, 0); !ok) return ok.error().at(where_);
    if (lane_.descriptor() >= 0) {
      if (auto ok = made->add(lane_.descriptor(), os::interest::readable, 1); !ok) return ok.error().at(where_);
    }
    if (membership_ && watches_senders()) {  // deaths do not make the descriptor readable: look now and then
      auto timer = os::timerfd::make();
      if (!timer) return timer.error().at(where_);
      if (auto ok = timer->every(between_looks, between_looks); !ok) return ok.error().at(where_);
      if (auto ok = made->add(timer->fd(), os::interest::readable, 2); !ok) return ok.error().at(where_);
      timer_.emplace(std::move(*timer));
    }
    epoll_.emplace(std::move(*made));
  }
  show_readiness();
  return epoll_->fd();
}

// The kernel's part is level-triggered by itself; what lies in our buffers is shown through the waker.
void shared_receiver::show_readiness() noexcept {
  bool more = ended_ || at_hand_ || !deaths_.empty();
  if (!more) {
    const auto next = lane_.next();
    more = !next || next->has_value();
  }
  if (more == shown_ready_) return;
  shown_ready_ = more;
  if (more) waker_.ring();
  else if (!closing()) waker_.clear();
}

}  // namespace transom::transport
