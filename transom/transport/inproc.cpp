// transom/transport/inproc.cpp - the names of the queues, and their ends.
//
// A name lives as long as a receiver of it. Lock order: the registry, then a queue.
//
// Ordering
//   E1  a new registry, whole  ->  whoever finds it
#include "transom/transport/inproc.hpp"

#include <algorithm>
#include <cstring>
#include <map>

#include "transom/base/ensure.hpp"
#include "transom/os/own_process.hpp"
#include "transom/sync/atomic.hpp"
#include "transom/transport/frame.hpp"
#include "transom/transport/inproc_queue.hpp"

namespace transom::transport {
namespace {

using queue_pointer = std::shared_ptr<inproc_queue>;

struct registry {
  std::uint32_t epoch = os::fork_epoch();
  registry* before_fork = nullptr;  // the parent's: perhaps locked for ever by a thread that is not here; never touched
  std::mutex mutex;
  std::condition_variable appeared;
  std::map<std::string, queue_pointer, std::less<>> queues;
};

// Of this process: a child of fork() starts with an empty one. Never destroyed, because a handle may outlive main().
registry& names() {
  static sync::atomic<registry*> current;
  registry* seen = current.load(sync::acquire);  // E1
  while (seen == nullptr || seen->epoch != os::fork_epoch()) {
    auto fresh = std::make_unique<registry>();
    fresh->before_fork = seen;
    if (current.compare_exchange(seen, fresh.get(), sync::acq_rel, sync::acquire)) seen = fresh.release();  // E1
  }
  return *seen;
}

// What both kinds of ends share.
template <typename Interface>
class inproc_end : public Interface {
 public:
  std::string_view url() const noexcept final { return name_; }
  feature_set features() const noexcept final { return features_; }
  std::size_t largest_message() const noexcept final { return largest_; }
  result<handover> give() final {
    return error(errc::unsupported, "give", place(name_, "inproc: does not leave its process"));
  }

 protected:
  inproc_end(std::string name, queue_pointer queue, options how)
      : name_(std::move(name)),
        self_(place(name_)),
        queue_(std::move(queue)),
        how_(how),
        features_(how.on_full == overflow::drop_newest || how.on_full == overflow::drop_oldest
                      ? inproc_features.without(reliable | backpressure)
                      : inproc_features),
        largest_(how.max_message == 0 ? queue_->made().largest_message
                                      : std::min(how.max_message, queue_->made().largest_message)) {}
  ~inproc_end() override {
    // The copy in a child of fork() has locks and sleepers of the parent in it: it must not even be destroyed.
    if (forked()) new queue_pointer(std::move(queue_));
  }
  bool forked() const noexcept { return self_.epoch != os::fork_epoch(); }
  error refuse(errc why, const char* operation) const { return error(why, operation, self_.where); }

  const std::string name_;
  inproc_participant self_;
  queue_pointer queue_;
  const options how_;
  const feature_set features_;
  const std::size_t largest_;
};

class inproc_sender final : public inproc_end<sending_end> {
 public:
  inproc_sender(std::string name, queue_pointer queue, options how)
      : inproc_end(std::move(name), std::move(queue), how) {}
  ~inproc_sender() override { inproc_sender::close(); }
  void close() noexcept override {
    if (!forked()) queue_->remove_sender(self_);
  }
  result<int> ready_fd() override {
    if (forked()) return refuse(errc::forked, "ready_fd");
    return queue_->sender_ready_fd(self_);
  }

  result<void> send(const outgoing& message, const patience& how) override {
    if (auto fits = check(message); !fits) return fits;
    if (how.stop.stop_requested()) return refuse(errc::canceled, "send");
    const auto memory = spare_->reserve(message.payload.size());
    if (!message.payload.empty() && message.payload.data() != memory.data())
      std::memmove(memory.data(), message.payload.data(), message.payload.size());
    spare_->size = message.payload.size();
    spare_->sequence = sequence_ + 1;
    if (auto copied = spare_->copy_descriptors(message.descriptors); !copied)
      return copied.error().during("send").at(self_.where);
    auto pushed = queue_->push(self_, spare_, drops_oldest(), how);
    if (pushed) ++sequence_;
    else spare_->close_descriptors();
    return pushed;
  }
  result<std::size_t> send_many(std::span<const outgoing> messages, const patience& how) override {
    for (std::size_t sent = 0; sent < messages.size(); ++sent) {
      auto one = send(messages[sent], sent == 0 ? how : patience::none());
      if (!one && sent == 0) return one.error();
      if (!one) return sent;
    }
    return messages.size();
  }
  result<std::span<std::byte>> claim(std::size_t size, const patience& how) override {
    if (auto fits = check({.payload = std::span<const std::byte>(static_cast<const std::byte*>(nullptr), size)}); !fits)
      return fits.error();
    if (auto room = queue_->wait_for_room(self_, drops_oldest(), how); !room) return room.error();
    return spare_->reserve(size);
  }
  result<void> commit(const outgoing& message, const patience& how) override {
    transom::detail::ensure(message.payload.data() == spare_->memory.get() && message.payload.size() <= spare_->room,
                            "commit() sends the beginning of what claim() lent");
    return send(message, how);
  }
  result<std::unique_ptr<sending_end>> clone() override {
    if (forked()) return refuse(errc::forked, "clone");
    if (auto open = queue_->still_open(self_, {}, "clone"); !open) return open.error();
    if (auto added = queue_->add_sender(self_.where, how_.senders); !added) return added.error();
    return std::make_unique<inproc_sender>(name_, queue_, how_);
  }

 private:
  result<void> check(const outgoing& message) const {
    if (forked()) return refuse(errc::forked, "send");
    if (message.priority != 0 || message.type != 0)
      return refuse(errc::unsupported, "send").with_detail("inproc: has neither priorities nor types");
    if (message.payload.size() > largest_) {
      return refuse(errc::message_too_large, "send")
          .with_detail(std::to_string(message.payload.size()) + " bytes; max_message is " + std::to_string(largest_));
    }
    return {};
  }
  // The other policies are a question of patience, and the caller's.
  bool drops_oldest() const noexcept { return how_.on_full == overflow::drop_oldest; }

  std::unique_ptr<parcel> spare_ = std::make_unique<parcel>();
  std::uint64_t sequence_ = 0;
};

class inproc_receiver final : public inproc_end<receiving_end> {
 public:
  inproc_receiver(std::string name, queue_pointer queue, options how)
      : inproc_end(std::move(name), std::move(queue), how) {
    self_.keep_open = how.keep_open;
  }
  ~inproc_receiver() override { inproc_receiver::close(); }
  void close() noexcept override {
    if (forked()) return;
    registry& all = names();
    const std::lock_guard held(all.mutex);
    if (!queue_->remove_receiver(self_)) return;
    const auto found = all.queues.find(name_);
    if (found != all.queues.end() && found->second == queue_) all.queues.erase(found);
  }
  result<int> ready_fd() override {
    if (forked()) return refuse(errc::forked, "ready_fd");
    return queue_->receiver_ready_fd(self_);
  }

  result<incoming> front(long type, const patience& how) override {
    if (auto ready = have(type, static_cast<std::size_t>(-1), how); !ready) return ready.error();
    return incoming{
        .payload = {held_->memory.get(), held_->size},
        .info = {.sequence = held_->sequence, .pid = pid_, .uid = uid_},
        .descriptors = std::span(held_->descriptors).first(held_->descriptor_count),
    };
  }
  void release() noexcept override {
    if (!held_ || forked()) return;
    held_->close_descriptors();
    self_.returned = std::move(held_);
  }
  result<std::size_t> receive_into(std::span<std::byte> into, long type, const patience& how) override {
    if (auto ready = have(type, into.size(), how); !ready) return ready.error();
    if (held_->size > into.size())
      return refuse(errc::message_too_large, "recv").with_detail(std::to_string(held_->size));
    const std::size_t size = held_->size;
    if (size != 0) std::memcpy(into.data(), held_->memory.get(), size);
    release();
    return size;
  }
  result<std::unique_ptr<receiving_end>> clone() override {
    if (forked()) return refuse(errc::forked, "clone");
    if (auto open = queue_->still_open(self_, {}, "clone"); !open) return open.error();
    if (auto added = queue_->add_receiver(self_.where, how_.receivers); !added) return added.error();
    return std::make_unique<inproc_receiver>(name_, queue_, how_);
  }

 private:
  // Makes held_ a message.
  result<void> have(long type, std::size_t largest, const patience& how) {
    if (forked()) return refuse(errc::forked, "recv");
    if (type != 0) return refuse(errc::unsupported, "recv").with_detail("inproc: has no types");
    if (held_) return queue_->still_open(self_, how, "recv");
    auto taken = queue_->pop(self_, largest, how);
    if (!taken) return taken.error();
    held_ = std::move(*taken);
    return {};
  }

  std::unique_ptr<parcel> held_;
  const int pid_ = os::own_pid();
  const unsigned uid_ = os::own_uid();
};

result<void> check_options(const url& where, const options& how) {
  const auto refused = [&](const char* what) { return error(errc::unsupported, "open", place(where.text(), what)); };
  if (how.framing != framing::native) return refused("inproc: has no foreign framing: nobody foreign can be inside");
  if (how.keep) return refused("inproc: keep: the queue cannot outlive its process");
  return {};
}

queue_pointer make_queue(const options& how, const terms& agreed) {
  return std::make_shared<inproc_queue>(inproc_queue::geometry{
      .capacity = how.capacity == 0 ? 64 : how.capacity,
      .largest_message = how.max_message == 0 ? std::max<std::size_t>(64 << 10, agreed.least_message) : how.max_message,
      .senders = how.senders,
      .receivers = how.receivers,
      .schema_hash = agreed.schema_hash,
      .schema_text = std::string(agreed.schema_text),
  });
}

}  // namespace

result<std::unique_ptr<receiving_end>> open_inproc_receiver(const url& where, const options& how, const terms& agreed) {
  if (auto fits = check_options(where, how); !fits) return fits.error();
  const place here(where.text());
  const std::string name = where.identity();
  registry& all = names();
  const std::lock_guard held(all.mutex);
  const auto found = all.queues.find(name);
  queue_pointer queue = found != all.queues.end() ? found->second : make_queue(how, agreed);
  if (auto same = compare_terms(agreed, queue->made().schema_hash, queue->made().schema_text, "open", here); !same)
    return same.error();
  if (auto added = queue->add_receiver(here, how.receivers); !added) return added.error();
  all.queues[name] = queue;
  all.appeared.notify_all();
  return std::make_unique<inproc_receiver>(name, std::move(queue), how);
}

result<std::unique_ptr<sending_end>> open_inproc_sender(const url& where, const options& how, const terms& agreed) {
  if (auto fits = check_options(where, how); !fits) return fits.error();
  const place here(where.text());
  const std::string name = where.identity();
  const deadline until = deadline::after(how.connect_timeout);
  registry& all = names();
  std::unique_lock lock(all.mutex);
  for (;;) {
    if (const auto found = all.queues.find(name); found != all.queues.end()) {
      queue_pointer queue = found->second;
      if (auto same = compare_terms(agreed, queue->made().schema_hash, queue->made().schema_text, "open", here); !same)
        return same.error();
      if (auto added = queue->add_sender(here, how.senders); !added) return added.error();
      return std::make_unique<inproc_sender>(name, std::move(queue), how);
    }
    if (until.expired()) return error(errc::no_peer, "open", here).with_detail("no receiver in this process");
    all.appeared.wait_for(lock, std::min<std::chrono::nanoseconds>(until.left(), std::chrono::hours(1)));
  }
}

result<ends> open_inproc_pair(const url& where, const options& how, const terms& agreed) {
  if (auto fits = check_options(where, how); !fits) return fits.error();
  const place here(where.text());
  queue_pointer queue = make_queue(how, agreed);
  if (auto added = queue->add_receiver(here, how.receivers); !added) return added.error();
  if (auto added = queue->add_sender(here, how.senders); !added) return added.error();
  ends both;
  both.rx = std::make_unique<inproc_receiver>(where.text(), queue, how);
  both.tx = std::make_unique<inproc_sender>(where.text(), queue, how);
  return both;
}

}  // namespace transom::transport
