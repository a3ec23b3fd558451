// transom/transport/reconnecting_sender.cpp - see reconnecting_sender.hpp.
//
// Invariants
//   I1  There is always an end within. It is replaced inside a call, under the mutex; close() of another thread takes
//       the mutex to end the one that is there, and a call that has just replaced it looks at the gate afterwards.
//   I2  over_ is true from the call that was told of the owner's end to the one that has found another owner.
#include "transom/transport/reconnecting_sender.hpp"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <optional>
#include <utility>

#include "transom/os/epoll.hpp"
#include "transom/transport/end.hpp"

namespace transom::transport {
namespace {

// One attempt to open cannot be cut short, so it is this long.
constexpr std::chrono::milliseconds one_attempt{20};

class reconnecting_sender final : public kernel_end<sending_end> {
 public:
  reconnecting_sender(std::unique_ptr<sending_end> first, sender_opener open, transom::url at, const options& how,
                      const terms& agreed, os::waker waker)
      : kernel_end(std::string(first->url()), first->features(), first->largest_message(), std::move(waker)),
        open_(open),
        at_(std::move(at)),
        how_(how),
        agreed_(agreed),
        within_(std::move(first)) {}
  ~reconnecting_sender() override { close(); }

  result<void> send(const outgoing& message, const patience& how) override {
    return watched("send", how, [&] { return within_->send(message, how); });
  }
  result<std::size_t> send_many(std::span<const outgoing> messages, const patience& how) override {
    return watched("send", how, [&] { return within_->send_many(messages, how); });
  }
  result<std::span<std::byte>> claim(std::size_t size, const patience& how) override {
    return watched("loan", how, [&] { return within_->claim(size, how); });
  }
  result<void> commit(const outgoing& message, const patience& how) override {
    const visit inside(*this, "send");
    if (!inside) return inside.error();
    if (over_) return error(errc::closed, "send", where_);  // the memory was the old owner's
    return told(within_->commit(message, how));
  }
  result<std::unique_ptr<sending_end>> clone() override {
    if (!open_here()) return error(forked() ? errc::forked : errc::closed, "clone", where_);
    return open_reconnecting(open_, at_, how_, agreed_);
  }
  result<handover> give() override {
    const visit inside(*this, "give");
    if (!inside) return inside.error();
    return within_->give();
  }

  result<int> ready_fd() override {
    if (forked()) return error(errc::forked, "ready_fd", where_);
    const std::lock_guard held(mutex_);
    if (ready_) return ready_->fd();
    auto made = os::epoll::make();
    if (!made) return made.error().at(where_);
    if (auto ok = watch(*made, *within_); !ok) return ok.error().at(where_);
    if (auto ok = made->add(waker_.fd(), os::interest::readable, 1); !ok) return ok.error().at(where_);
    ready_.emplace(std::move(*made));
    return ready_->fd();
  }
  bool ready_fd_is_emulated() const noexcept override { return within_->ready_fd_is_emulated(); }
  bool looks_ready() noexcept override { return over_ || closing() || within_->looks_ready(); }

 protected:
  void finish() noexcept override {}
  void rouse() noexcept override {
    const std::lock_guard held(mutex_);
    within_->close();
  }

 private:
  template <typename Step>
  auto watched(const char* operation, const patience& how, Step step) -> decltype(step()) {
    const visit inside(*this, operation);
    if (!inside) return inside.error();
    if (over_) {
      if (auto again = find_the_next(operation, how); !again) return again.error();
    }
    return told(step());
  }
  template <typename Outcome>
  Outcome told(Outcome of) {
    if (!of.failed_with(errc::closed) && !of.failed_with(errc::peer_died)) return of;
    over_ = true;
    waker_.ring();  // whoever polls: a call now has something to say
    return of;
  }
  result<void> find_the_next(const char* operation, const patience& how) {
    const deadline until = std::min(how.until, deadline::after(how_.connect_timeout));
    options once = how_;
    for (;;) {
      if (how.stop.stop_requested()) return error(errc::canceled, operation, where_);
      const auto left = how.nonblocking ? std::chrono::nanoseconds(0) : until.left();
      once.connect_timeout =
          std::chrono::ceil<std::chrono::milliseconds>(std::min<std::chrono::nanoseconds>(left, one_attempt));
      auto next = open_(at_, once, agreed_);
      if (next) return take(std::move(*next), operation);
      if (next.error() != errc::no_peer || left <= one_attempt) return next.error().during(operation);
      if (closing()) return error(errc::closed, operation, where_);
    }
  }
  result<void> take(std::unique_ptr<sending_end> next, const char* operation) {
    const std::lock_guard held(mutex_);
    if (ready_) {
      if (auto ok = watch(*ready_, *next); !ok) return ok.error().at(where_);
    }
    std::swap(within_, next);  // the old one's descriptor leaves the set with it
    over_ = false;
    waker_.clear();
    if (!closing()) return {};
    waker_.ring();
    within_->close();
    return error(errc::closed, operation, where_);
  }
  static result<void> watch(const os::epoll& set, sending_end& end) {
    auto number = end.ready_fd();
    if (!number) return number.error();
    return set.add(*number, os::interest::readable, 0);
  }

  const sender_opener open_;
  const transom::url at_;
  const options how_;
  const terms agreed_;
  std::mutex mutex_;
  std::unique_ptr<sending_end> within_;
  std::optional<os::epoll> ready_;
  bool over_ = false;
};

}  // namespace

result<std::unique_ptr<sending_end>> open_reconnecting(sender_opener open, const url& where, const options& how,
                                                       const terms& agreed) {
  if (!how.reconnect) return open(where, how, agreed);
  auto waker = os::waker::make();
  if (!waker) return waker.error().at(place(where.text()));
  auto first = open(where, how, agreed);
  if (!first) return first.error();
  return std::make_unique<reconnecting_sender>(std::move(*first), open, where, how, agreed, std::move(*waker));
}

}  // namespace transom::transport
