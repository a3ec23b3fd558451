// transom/transport/queue_end.hpp - what both ends of a kernel queue do alike: sleeping, being looked at, the record.
// Private to the library.
//
// Ordering
//   E1  a new queue_readiness, whole  ->  a call that tells it that there is nothing now
#pragma once
#include <array>
#include <chrono>
#include <mutex>
#include <optional>

#include "transom/meter/record.hpp"
#include "transom/transport/end.hpp"
#include "transom/transport/frame.hpp"
#include "transom/transport/kernel_queue.hpp"
#include "transom/transport/queue_readiness.hpp"

namespace transom::transport {

/// How long a peer may be left unlooked at while we wait for it.
inline constexpr std::chrono::milliseconds look_interval{100};

/// What an end is made of.
struct queue_parts {
  std::shared_ptr<const queue_source> source;
  std::unique_ptr<kernel_queue> queue;
  std::optional<meter::record> record;  // none: foreign framing, or an owner whose record we may not read
  options how;
  terms agreed;
  os::waker waker;
  feature_set features;
  std::size_t largest_message;
  bool removable = false;  // by the last owner
};

template <typename Interface>
class queue_end : public kernel_end<Interface> {
 public:
  bool ready_fd_is_emulated() const noexcept final { return queue_->fd() < 0; }

 protected:
  explicit queue_end(queue_parts from)
      : kernel_end<Interface>(from.source->where.text(), from.features, from.largest_message, std::move(from.waker)),
        source_(std::move(from.source)),
        queue_(std::move(from.queue)),
        how_(from.how),
        agreed_(from.agreed),
        header_(how_.framing == framing::native ? frame_header_size : 0),
        removable_(from.removable),
        record_(std::move(from.record)) {}
  ~queue_end() override {
    // A forked child has no such thread to wait for.
    if (this->forked()) static_cast<void>(readiness_.release());
  }

  error refuse(errc why, const char* operation) const { return error(why, operation, this->where_); }
  /// A failure of the queue as one of this end.
  error here(const error& failed, const char* operation) const {
    const auto detail = failed.detail();
    return failed.at(detail.empty() ? this->where_ : place(this->where_.url(), detail)).during(operation);
  }

  /// Sleeps until the queue may be ready for `want`, at most until it is time to look at the peers. Where there is no
  /// descriptor to poll, `attempt` is made once more before falling asleep at the bell: true if it was worth it.
  template <typename Attempt>
  result<void> rest(short want, sync::doorbell* (queue_end::*bell)() noexcept, const patience& how,
                    const char* operation, Attempt attempt) {
    if (record_) record_->mine().sleeps.add();
    if (queue_->fd() >= 0) {
      std::array<os::poll_item, 2> items{os::poll_item{}, {queue_->fd(), want, 0}};
      return this->sleep(items, how, operation, deadline::after(look_interval));
    }
    if (how.nonblocking) return refuse(errc::would_block, operation);
    sync::doorbell* const at = (this->*bell)();
    auto ring = [at] { at->ring(); };
    std::optional<std::stop_callback<decltype(ring)>> on_stop;
    if (how.stop.stop_possible()) on_stop.emplace(how.stop, ring);
    if (this->closing()) return refuse(errc::closed, operation);
    if (how.stop.stop_requested()) return refuse(errc::canceled, operation);
    if (how.until.expired()) return refuse(errc::timed_out, operation);
    // With keep, ends of different generations share the queue but no bell.
    const std::chrono::nanoseconds longest =
        record_ && !how_.keep ? std::chrono::nanoseconds(look_interval) : std::chrono::milliseconds(1);
    at->wait([&] { return this->closing() || how.stop.stop_requested() || attempt(); },
             os::bound{std::min(longest, how.until.left())});
    return {};
  }
  /// Wakes those who sleep at `bell`, after a message was put or taken. No fence is needed: a sleeper sets the bell's
  /// bit and then looks at the queue, and the kernel holds one lock for that look and for what was done here. Whichever
  /// came first, either the sleeper has seen it, or the bit is seen now.
  void ring(sync::doorbell* (queue_end::*bell)() noexcept) noexcept {
    if (queue_->fd() >= 0) return;
    if (sync::doorbell* const at = (this->*bell)(); at->has_sleepers()) [[unlikely]]
      at->ring();
  }
  sync::doorbell* receivers_bell() noexcept { return record_ ? &record_->receivers_bell() : &own_bell_; }
  sync::doorbell* senders_bell() noexcept { return record_ ? &record_->senders_bell() : &own_bell_; }
  void rouse() noexcept final {
    if (queue_->fd() >= 0) return;
    receivers_bell()->ring();
    senders_bell()->ring();
  }

  /// Makes the descriptor at first request.
  result<int> readiness_for(short want, bool watch_peers) {
    if (this->forked()) return refuse(errc::forked, "ready_fd");
    const std::lock_guard held(making_);
    if (!readiness_) {
      auto made = queue_->fd() >= 0 ? queue_readiness::of_descriptor(queue_->fd(), want, this->waker_.fd(), watch_peers)
                                    : queue_readiness::of_looking([this] { return this->looks_ready(); });
      if (!made) return here(made.error(), "ready_fd");
      readiness_ = std::move(*made);
      readiness_->something();                        // perhaps for nothing: the first try_ call finds out
      ready_.store(readiness_.get(), sync::release);  // E1
    }
    return readiness_->fd();
  }
  void say_nothing_now() noexcept {
    if (auto* ready = ready_.load(sync::acquire)) ready->nothing_now();  // E1
  }
  void say_something() noexcept {
    if (auto* ready = ready_.load(sync::acquire)) ready->something();  // E1
  }
  /// In the destructor of the derived class, whose members the looking thread uses.
  void stop_looking() noexcept {
    if (!this->forked()) readiness_.reset();
  }

  const std::shared_ptr<const queue_source> source_;
  const std::unique_ptr<kernel_queue> queue_;
  const options how_;
  const terms agreed_;
  const std::size_t header_;
  const bool removable_;
  std::optional<meter::record> record_;

 private:
  sync::doorbell own_bell_;
  std::mutex making_;
  std::unique_ptr<queue_readiness> readiness_;
  sync::atomic<queue_readiness*> ready_;
};

std::unique_ptr<sending_end> make_queue_sender(queue_parts from);
std::unique_ptr<receiving_end> make_queue_receiver(queue_parts from);

}  // namespace transom::transport
