// transom/transport/inproc_queue.cpp - see inproc_queue.hpp.
#include "transom/transport/inproc_queue.hpp"

#include <algorithm>
#include <bit>

#include "transom/base/ensure.hpp"

namespace transom::transport {
namespace {

// One thread's stay in one end, under the mutex at both ends of its life.
class busy_mark {
 public:
  explicit busy_mark(inproc_participant& who) : who_(who) {
    transom::detail::ensure(!who.busy, "one handle is used by two threads at the same time");
    who_.busy = true;
  }
  busy_mark(const busy_mark&) = delete;
  busy_mark& operator=(const busy_mark&) = delete;
  ~busy_mark() { who_.busy = false; }

 private:
  inproc_participant& who_;
};

}  // namespace

std::span<std::byte> parcel::reserve(std::size_t bytes) {
  if (bytes > room || !memory) {
    const std::size_t more = std::bit_ceil(std::max<std::size_t>(bytes, 64));
    memory = std::make_unique_for_overwrite<std::byte[]>(more);
    room = more;
  }
  return {memory.get(), bytes};
}

result<void> parcel::copy_descriptors(std::span<const int> numbers) {
  transom::detail::ensure(numbers.size() <= most_descriptors, "at most 16 descriptors travel with one message");
  close_descriptors();
  for (const int number : numbers) {
    fd borrowed(number);
    auto copy = borrowed.duplicate();
    static_cast<void>(borrowed.release());
    if (!copy) {
      close_descriptors();
      return copy.error();
    }
    descriptors[descriptor_count++] = std::move(*copy);
  }
  return {};
}

void parcel::close_descriptors() noexcept {
  for (std::size_t i = 0; i < descriptor_count; ++i) descriptors[i].reset();
  descriptor_count = 0;
}

inproc_queue::inproc_queue(geometry made) : made_(std::move(made)), parcels_(made_.capacity) {}

void inproc_queue::stop_bell::operator()() const noexcept {
  const std::lock_guard held(queue->mutex_);
  queue->senders_side_.bell.notify_all();
  queue->receivers_side_.bell.notify_all();
}

result<void> inproc_queue::add_sender(const place& where, unsigned promised) {
  const std::lock_guard held(mutex_);
  if (receivers_ == 0) return error(errc::closed, "open", where);
  if (senders_ != 0 && (promised == 1 || made_.senders == 1)) {
    return error::system(static_cast<int>(std::errc::address_in_use), "open",
                         place(where.url(), "senders=1 was promised, and there is one already"));
  }
  ++senders_;
  ever_joined_ = true;
  return {};
}

result<void> inproc_queue::add_receiver(const place& where, unsigned promised) {
  const std::lock_guard held(mutex_);
  if (receivers_ != 0 && (promised == 1 || made_.receivers == 1)) {
    return error::system(static_cast<int>(std::errc::address_in_use), "open",
                         place(where.url(), "receivers=1 was promised, and there is one already"));
  }
  ++receivers_;
  return {};
}

void inproc_queue::end_all(inproc_participant& who, std::vector<inproc_participant*>& alarms) noexcept {
  who.closed = true;
  if (who.alarm && !std::exchange(who.alarm->on, true)) who.alarm->bell.ring();
  std::erase(alarms, &who);
  senders_side_.bell.notify_all();
  receivers_side_.bell.notify_all();
}

void inproc_queue::remove_sender(inproc_participant& who) noexcept {
  const std::lock_guard held(mutex_);
  if (who.closed) return;
  end_all(who, sender_alarms_);
  if (--senders_ == 0) raise(receiver_alarms_);
}

bool inproc_queue::remove_receiver(inproc_participant& who) noexcept {
  const std::lock_guard held(mutex_);
  if (who.closed) return false;
  end_all(who, receiver_alarms_);
  if (--receivers_ != 0) return false;
  for (; count_ != 0; --count_, head_ = (head_ + 1) % made_.capacity) parcels_[head_].reset();
  raise(sender_alarms_);
  return true;
}

// Sleeps until `look` says anything but not_now. Returns success for `go`.
template <typename Look>
result<void> inproc_queue::await(std::unique_lock<std::mutex>& lock, on_stop& stopping, side& here,
                                 inproc_participant& who, const patience& how, const char* operation, Look look) {
  if (how.stop.stop_requested()) return error(errc::canceled, operation, who.where);
  for (;;) {
    if (who.closed || who.ended) return error(errc::closed, operation, who.where);
    switch (look()) {
      case view::go: return {};
      case view::ended: who.ended = true; return error(errc::closed, operation, who.where);
      case view::not_now: break;
    }
    if (how.nonblocking) {
      if (who.alarm && std::exchange(who.alarm->on, false)) who.alarm->bell.clear();
      return error(errc::would_block, operation, who.where);
    }
    if (how.stop.stop_requested()) return error(errc::canceled, operation, who.where);
    if (how.until.expired()) return error(errc::timed_out, operation, who.where);
    if (how.stop.stop_possible() && !stopping) {
      // Outside the lock: a stop that was just requested rings from within this very line.
      lock.unlock();
      stopping.emplace(how.stop, stop_bell{this});
      lock.lock();
      continue;
    }
    ++here.asleep;
    if (how.until.is_never()) here.bell.wait(lock);
    else here.bell.wait_for(lock, std::min<std::chrono::nanoseconds>(how.until.left(), std::chrono::hours(1)));
    --here.asleep;
  }
}

inproc_queue::view inproc_queue::look_for_room(bool drops_oldest) const noexcept {
  if (receivers_ == 0) return view::ended;
  return count_ < made_.capacity || drops_oldest ? view::go : view::not_now;
}

result<void> inproc_queue::wait_for_room(inproc_participant& who, bool drops_oldest, const patience& how) {
  on_stop stopping;
  std::unique_lock lock(mutex_);
  const busy_mark mark(who);
  auto room = await(lock, stopping, senders_side_, who, how, "send", [&] { return look_for_room(drops_oldest); });
  // This one takes no room: whoever was not woken because of it is woken now.
  if (room) senders_side_.wake_one();
  return room;
}

void inproc_queue::drop_oldest() noexcept {
  auto& oldest = parcels_[head_];
  oldest->close_descriptors();
  empties_.push_back(std::move(oldest));
  head_ = (head_ + 1) % made_.capacity;
  --count_;
  ++dropped_;
}

result<void> inproc_queue::push(inproc_participant& who, std::unique_ptr<parcel>& full, bool drops_oldest,
                                const patience& how) {
  on_stop stopping;
  std::unique_lock lock(mutex_);
  const busy_mark mark(who);
  auto room = await(lock, stopping, senders_side_, who, how, "send", [&] { return look_for_room(drops_oldest); });
  if (!room) return room;
  if (count_ == made_.capacity) drop_oldest();
  std::unique_ptr<parcel> empty;
  if (empties_.empty()) {
    empty = std::make_unique<parcel>();
  } else {
    empty = std::move(empties_.back());
    empties_.pop_back();
  }
  parcels_[(head_ + count_) % made_.capacity] = std::exchange(full, std::move(empty));
  ++count_;
  raise(receiver_alarms_);
  receivers_side_.wake_one();
  return {};
}

result<std::unique_ptr<parcel>> inproc_queue::pop(inproc_participant& who, std::size_t largest, const patience& how) {
  on_stop stopping;
  std::unique_lock lock(mutex_);
  const busy_mark mark(who);
  if (who.returned) empties_.push_back(std::move(who.returned));
  auto found = await(lock, stopping, receivers_side_, who, how, "recv", [&] {
    if (count_ != 0) return view::go;
    return !who.keep_open && ever_joined_ && senders_ == 0 ? view::ended : view::not_now;
  });
  if (!found) return found.error();
  if (parcels_[head_]->size > largest) {
    receivers_side_.wake_one();  // for somebody with a larger buffer
    return error(errc::message_too_large, "recv", who.where).with_detail(std::to_string(parcels_[head_]->size));
  }
  auto taken = std::move(parcels_[head_]);
  head_ = (head_ + 1) % made_.capacity;
  --count_;
  raise(sender_alarms_);
  senders_side_.wake_one();
  return taken;
}

result<void> inproc_queue::still_open(inproc_participant& who, const patience& how, const char* operation) {
  if (how.stop.stop_requested()) return error(errc::canceled, operation, who.where);
  const std::lock_guard held(mutex_);
  if (who.closed) return error(errc::closed, operation, who.where);
  return {};
}

void inproc_queue::raise(const std::vector<inproc_participant*>& alarms) noexcept {
  for (inproc_participant* one : alarms) {
    if (!std::exchange(one->alarm->on, true)) one->alarm->bell.ring();
  }
}

result<int> inproc_queue::ready_fd(inproc_participant& who, std::vector<inproc_participant*>& alarms) {
  const std::lock_guard held(mutex_);
  if (!who.alarm) {
    auto bell = os::waker::make();
    if (!bell) return bell.error().at(who.where);
    bell->ring();  // perhaps for nothing: the first try_ call finds out
    who.alarm.emplace(std::move(*bell), true);
    if (!who.closed) alarms.push_back(&who);
  }
  return who.alarm->bell.fd();
}

std::uint64_t inproc_queue::dropped() const {
  const std::lock_guard held(mutex_);
  return dropped_;
}

}  // namespace transom::transport
