// transom/transport/end.hpp - what every kernel transport's ends are made of: the gate, the waker, and waiting. Private
// to the library.
#pragma once
#include <optional>
#include <stop_token>
#include <string>

#include "transom/os/poll.hpp"
#include "transom/transport/gate.hpp"
#include "transom/transport/transport.hpp"

namespace transom::transport {

/// A base for ends of either kind: `Interface` is sending_end or receiving_end. The derived class implements
/// finish(), calls close() in its destructor, and wraps each call in a `visit`.
template <typename Interface>
class kernel_end : public Interface {
 public:
  std::string_view url() const noexcept final { return url_; }
  feature_set features() const noexcept final { return features_; }
  std::size_t largest_message() const noexcept final { return largest_message_; }

  void close() noexcept final {
    if (gate_.forked()) return;
    bool somebody = false;
    if (gate_.close(somebody)) finish();
    waker_.ring();
    rouse();
  }

 protected:
  kernel_end(std::string url, feature_set features, std::size_t largest_message, os::waker waker)
      : url_(std::move(url)),
        where_(url_),
        features_(features),
        largest_message_(largest_message),
        waker_(std::move(waker)) {}

  /// Says goodbye to the peer and removes what this end owns. Descriptors stay open until the destructor, because
  /// their numbers may be in somebody's poll set.
  virtual void finish() noexcept = 0;
  /// Wakes a call that sleeps elsewhere than at the waker. Called by close(), in any thread, perhaps after finish().
  virtual void rouse() noexcept {}

  /// One call's stay inside the end.
  class visit {
   public:
    visit(kernel_end& self, const char* operation) noexcept
        : self_(&self), operation_(operation), entered_(self.gate_.enter()) {}
    visit(const visit&) = delete;
    visit& operator=(const visit&) = delete;
    ~visit() {
      if (entered_ && self_->gate_.leave()) self_->finish();
    }
    explicit operator bool() const noexcept { return entered_; }
    transom::error error() const noexcept { return self_->gate_.why_not(operation_, self_->where_); }

   private:
    kernel_end* self_;
    const char* operation_;
    bool entered_;
  };

  bool closing() const noexcept { return gate_.is_closing(); }
  /// For what concerns nobody but the caller's thread, such as memory that close() leaves alone: no need to enter.
  bool open_here() const noexcept { return !gate_.is_closing() && !gate_.forked(); }
  bool forked() const noexcept { return gate_.forked(); }

  /// Sleeps until one of `items` is ready. items[0] is reserved for the waker. Fails with closed, canceled,
  /// timed_out or would_block. `at_most` bounds one sleep for callers who must look at their peers: then it
  /// succeeds with nothing ready.
  result<void> sleep(std::span<os::poll_item> items, const patience& how, const char* operation,
                     deadline at_most = deadline::never()) {
    if (how.nonblocking) return transom::error(errc::would_block, operation, where_);
    auto ring = [this] { waker_.ring(); };
    std::optional<std::stop_callback<decltype(ring)>> on_stop;
    if (how.stop.stop_possible()) on_stop.emplace(how.stop, ring);
    items[0] = {waker_.fd(), os::interest::readable, 0};
    for (;;) {
      if (closing()) return transom::error(errc::closed, operation, where_);
      if (how.stop.stop_requested()) return transom::error(errc::canceled, operation, where_);
      auto ready = os::poll(items, std::min(how.until, at_most));
      if (!ready) return ready.error().at(where_);
      if (items[0].got != 0) {
        waker_.clear();
        --*ready;
        if (closing()) waker_.ring();
      }
      if (*ready > 0 || at_most.expired()) return {};
      if (how.until.expired() && !closing()) return transom::error(errc::timed_out, operation, where_);
    }
  }

  const std::string url_;
  const place where_;
  const feature_set features_;
  const std::size_t largest_message_;
  os::waker waker_;

 private:
  gate gate_;
};

}  // namespace transom::transport
