// transom/channel/fake_ends.hpp - a transport in memory, for the tests of this layer: it keeps the contract, and can be
// told to die, to have other features, or to have no descriptor.
#pragma once
#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "transom/os/poll.hpp"
#include "transom/transport/transport.hpp"

namespace transom::fake {

inline constexpr feature_set usual = boundaries | reliable | ordered | backpressure | sees_close | sees_death;

struct settings {
  feature_set features = usual;
  std::size_t capacity = 64;
  std::size_t largest_message = 65'536;
  bool emulated = false;
};

struct letter {
  bytes payload;
  message_info info;
  std::vector<fd> descriptors;
};

/// What both ends share.
struct post {
  explicit post(settings how) : how(how) {}
  const settings how;
  std::mutex lock;
  std::condition_variable_any changed;
  std::deque<letter> letters;
  bool sender_closed = false, receiver_closed = false;
  int sender_died = 0, receiver_died = 0;  // pid; told once
  std::uint64_t sequence = 0;
  int calls_of_send_many = 0;
  int ready_fds = 0;
  os::waker readable = os::waker::make().or_throw();
  os::waker writable = os::waker::make().or_throw();

  // With the lock held.
  void update() {
    const auto show = [](const os::waker& alarm, bool on) { on ? alarm.ring() : alarm.clear(); };
    show(readable, !letters.empty() || sender_closed || receiver_closed || sender_died != 0);
    show(writable, letters.size() < how.capacity || sender_closed || receiver_closed || receiver_died != 0);
    changed.notify_all();
  }
  void kill_sender(int pid) {
    const std::lock_guard guard(lock);
    sender_died = pid;
    update();
  }
  /// The bytes of a message that no sender of ours would send.
  void put(bytes payload) {
    const std::lock_guard guard(lock);
    letters.push_back({std::move(payload), {.sequence = ++sequence}, {}});
    update();
  }

  template <typename Ready>
  result<void> wait(std::unique_lock<std::mutex>& held, Ready ready, const patience& how_long, const char* operation) {
    if (how_long.stop.stop_requested()) return error(errc::canceled, operation);
    if (ready()) return {};
    if (how_long.nonblocking) return error(errc::would_block, operation);
    if (how_long.until.is_never()) {
      changed.wait(held, how_long.stop, ready);
    } else {
      changed.wait_for(held, how_long.stop, how_long.until.left(), ready);
    }
    if (ready()) return {};
    return error(how_long.stop.stop_requested() ? errc::canceled : errc::timed_out, operation);
  }
};

template <typename Interface>
class end : public Interface {
 public:
  explicit end(std::shared_ptr<post> shared) : post_(std::move(shared)) {}
  std::string_view url() const noexcept override { return "inproc:"; }
  feature_set features() const noexcept override { return post_->how.features; }
  std::size_t largest_message() const noexcept override { return post_->how.largest_message; }
  bool ready_fd_is_emulated() const noexcept override { return post_->how.emulated; }
  result<transport::handover> give() override { return error(errc::unsupported, "give"); }

 protected:
  std::shared_ptr<post> post_;
};

class sending final : public end<transport::sending_end> {
 public:
  using end::end;
  ~sending() override { close(); }
  void close() noexcept override {
    const std::lock_guard guard(post_->lock);
    if (post_->sender_died == 0) post_->sender_closed = true;
    post_->update();
  }
  result<int> ready_fd() override {
    const std::lock_guard guard(post_->lock);
    ++post_->ready_fds;
    post_->update();
    return post_->writable.fd();
  }
  result<void> send(const transport::outgoing& message, const patience& how) override {
    std::unique_lock held(post_->lock);
    if (message.payload.size() > post_->how.largest_message) return error(errc::message_too_large, "send");
    auto room = post_->wait(held, [&] { return over() || post_->letters.size() < post_->how.capacity; }, how, "send");
    if (!room) return room;
    if (post_->receiver_died != 0) {
      return error(errc::peer_died, "send").with_peer(std::exchange(post_->receiver_died, 0));
    }
    if (over()) return error(errc::closed, "send");
    letter made{{message.payload.begin(), message.payload.end()},
                {.sequence = ++post_->sequence, .priority = message.priority, .type = message.type},
                {}};
    for (const int number : message.descriptors) {
      const fd borrowed(number);
      made.descriptors.push_back(borrowed.duplicate().or_throw());
      [[maybe_unused]] const int kept = const_cast<fd&>(borrowed).release();
    }
    post_->letters.push_back(std::move(made));
    post_->update();
    return {};
  }
  result<std::size_t> send_many(std::span<const transport::outgoing> messages, const patience& how) override {
    ++post_->calls_of_send_many;
    std::size_t accepted = 0;
    for (const auto& message : messages) {
      if (auto sent = send(message, how); !sent) {
        if (accepted == 0) return sent.error();
        break;
      }
      ++accepted;
    }
    return accepted;
  }
  result<std::span<std::byte>> claim(std::size_t size, const patience& how) override {
    std::unique_lock held(post_->lock);
    auto room = post_->wait(held, [&] { return over() || post_->letters.size() < post_->how.capacity; }, how, "loan");
    if (!room) return room.error();
    if (over()) return error(errc::closed, "loan");
    claimed_.resize(size);
    return std::span(claimed_);
  }
  result<void> commit(const transport::outgoing& message, const patience& how) override { return send(message, how); }
  result<std::unique_ptr<sending_end>> clone() override { return std::make_unique<sending>(post_); }

 private:
  bool over() const { return post_->sender_closed || post_->receiver_closed || post_->receiver_died != 0; }
  bytes claimed_;
};

class receiving final : public end<transport::receiving_end> {
 public:
  using end::end;
  ~receiving() override { close(); }
  void close() noexcept override {
    const std::lock_guard guard(post_->lock);
    post_->receiver_closed = true;
    post_->update();
  }
  result<int> ready_fd() override {
    const std::lock_guard guard(post_->lock);
    ++post_->ready_fds;
    post_->update();
    return post_->readable.fd();
  }
  bool looks_ready() noexcept override {
    const std::lock_guard guard(post_->lock);
    return !post_->letters.empty() || over();
  }
  result<transport::incoming> front(long, const patience& how) override {
    std::unique_lock held(post_->lock);
    if (post_->receiver_closed) return error(errc::closed, "recv");
    auto there = post_->wait(held, [&] { return over() || !post_->letters.empty(); }, how, "recv");
    if (!there) return there.error();
    if (!post_->letters.empty()) {
      letter& first = post_->letters.front();
      return transport::incoming{first.payload, first.info, first.descriptors};
    }
    if (post_->sender_died == 0) return error(errc::closed, "recv");
    post_->sender_closed = true;
    const int pid = std::exchange(post_->sender_died, 0);
    post_->update();
    return error(errc::peer_died, "recv").with_peer(pid);
  }
  void release() noexcept override {
    const std::lock_guard guard(post_->lock);
    post_->letters.pop_front();
    post_->update();
  }
  result<std::size_t> receive_into(std::span<std::byte> into, long type, const patience& how) override {
    auto lent = front(type, how);
    if (!lent) return lent.error();
    if (lent->payload.size() > into.size()) {
      return error(errc::message_too_large, "recv").with_detail(std::to_string(lent->payload.size()) + " bytes");
    }
    const std::size_t size = lent->payload.size();
    std::ranges::copy(lent->payload, into.begin());
    release();
    return size;
  }
  result<std::unique_ptr<receiving_end>> clone() override { return std::make_unique<receiving>(post_); }

 private:
  bool over() const { return post_->sender_closed || post_->sender_died != 0 || post_->receiver_closed; }
};

}  // namespace transom::fake
