// transom/transport/shared_receiver_peers.cpp - who is left: what an empty object means, waiting for more, and the end.
// See shared_receiver.hpp.
#include <chrono>

#include "transom/os/fifo.hpp"
#include "transom/transport/shared_receiver.hpp"

namespace transom::transport {
namespace {

constexpr std::chrono::milliseconds between_looks{100};
constexpr std::uint64_t most_packets_queued = 1u << 16;  // far beyond any receive queue

}  // namespace

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
  std::array<os::poll_item, 2> items{os::poll_item{}, os::poll_item{lane_.descriptor(), os::interest::readable, 0}};
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
