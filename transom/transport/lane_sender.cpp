// transom/transport/lane_sender.cpp - see lane_sender.hpp.
//
// Ordering
//   E1  the readiness, whole  ->  a call that tells it that there is no room now
#include "transom/transport/lane_sender.hpp"

#include <cstring>
#include <mutex>

#include "transom/base/ensure.hpp"
#include "transom/transport/lane_end.hpp"

namespace transom::transport {
namespace {

using shm::sent;

class lane_sender final : public lane_end<sending_end> {
 public:
  lane_sender(lane_sender_parts from, os::waker waker)
      : lane_end(std::move(from.url), from.features, from.largest_message, std::move(waker)),
        how_(from.how),
        link_(std::move(from.link)),
        writer_(std::move(from.writer)),
        mine_(from.mine) {
    bell_is_ours_ = mine_.bell_is_ours_too;
  }
  ~lane_sender() override {
    lane_sender::close();
    if (forked()) {  // what it stands on is not here
      static_cast<void>(link_.release());
      static_cast<void>(readiness_.release());
    }
  }

  shm::lane_writer* quick_writer() noexcept override { return writer_.get(); }
  bool lends_many() const noexcept override { return true; }

  result<void> send(const outgoing& message, const patience& how) override {
    if (auto fits = check(message); !fits) return fits;
    const visit inside(*this, "send");
    if (!inside) return inside.error();
    return send_inside(message.payload, how, "send");
  }
  result<std::size_t> send_many(std::span<const outgoing> messages, const patience& how) override {
    const visit inside(*this, "send");
    if (!inside) return inside.error();
    std::size_t sent = 0;
    for (const outgoing& message : messages) {
      auto one = check(message);
      if (one) one = send_inside(message.payload, sent == 0 ? how : patience::none(), "send");
      if (!one && sent == 0) return one.error();
      if (!one) break;
      ++sent;
    }
    return sent;
  }

  result<std::span<std::byte>> claim(std::size_t size, const patience& how) override {
    if (auto dropped = forget_claim(); !dropped) return dropped.error();
    if (size <= small_.size()) return std::span(small_).first(size);
    auto room = lend(size, how);
    if (!room) return room.error();
    claimed_ = *room;
    return room->memory;
  }
  result<void> commit(const outgoing& message, const patience& how) override {
    if (claimed_.memory.empty()) return send(message, how);
    auto done = send_lent(claimed_, message, how);
    if (done) claimed_ = {};
    return done;
  }

  result<lent_room> lend(std::size_t size, const patience& how) override {
    if (auto fits = check_size(size); !fits) return fits.error();
    const visit inside(*this, "loan");
    if (!inside) return inside.error();
    shm::arena_run run;
    auto room = attempt([&] { return writer_->claim(size, run); }, size, how, "loan");
    if (!room) return room.error();
    return lent_room{writer_->memory_of(run).first(size), run.token()};
  }
  result<void> send_lent(const lent_room& room, const outgoing& message, const patience& how) override {
    if (auto fits = check(message); !fits) return fits;
    const visit inside(*this, "send");
    if (!inside) return inside.error();
    const std::size_t size = message.payload.size();
    if (size <= shm::inline_bytes) {
      auto done = send_inside(message.payload, how, "send");
      if (done) writer_->give_back(run_of(room));
      return done;
    }
    return attempt([&] { return writer_->publish_run(run_of(room), size); }, 0, how, "send");
  }
  void give_back(const lent_room& room) noexcept override {
    if (forked()) return;
    writer_->give_back(run_of(room));
    if (writer_->waiting().is_asleep_after_all()) rouse();  // a send of this handle may wait for the room
  }

  result<std::unique_ptr<sending_end>> clone() override {
    if (!open_here()) return refuse(forked() ? errc::forked : errc::closed, "clone");
    return link_->clone();
  }
  result<handover> give() override {
    if (!open_here()) return refuse(forked() ? errc::forked : errc::closed, "give");
    auto packed = link_->give();
    given_ = packed.has_value();
    if (given_) close();
    return packed;
  }

  result<int> ready_fd() override {
    if (forked()) return refuse(errc::forked, "ready_fd");
    const std::lock_guard held(making_);
    if (!readiness_) {
      auto bell = link_->bell_fd();
      if (!bell) return bell.error().at(where_);
      auto made = queue_readiness::of_descriptor(*bell, os::interest::readable, waker_.fd(), true);
      if (!made) return made.error().at(where_);
      readiness_ = std::move(*made);
      readiness_->something();                        // perhaps for nothing: the first try_ call finds out
      ready_.store(readiness_.get(), sync::release);  // E1
    }
    return readiness_->fd();
  }

 protected:
  void finish() noexcept override {
    writer_->close();
    if (!given_) link_->part();
  }
  void rouse() noexcept override { (bell_is_ours_ ? *mine_.bell : rouse_).ring_loudly(); }

 private:
  static shm::arena_run run_of(const lent_room& room) noexcept { return shm::arena_run::of(room.token); }
  result<void> check_size(std::size_t size) const {
    if (size <= largest_message_) return {};
    return refuse(errc::message_too_large, "send")
        .with_detail(std::to_string(size) + " bytes; max_message is " + std::to_string(largest_message_));
  }
  result<void> check(const outgoing& message) const {
    if (message.priority != 0 || message.type != 0)
      return refuse(errc::unsupported, "send").with_detail("shared memory has neither priorities nor types");
    if (!message.descriptors.empty())
      return refuse(errc::unsupported, "send").with_detail("descriptors do not travel through shared memory");
    return check_size(message.payload.size());
  }
  result<void> forget_claim() {
    if (claimed_.memory.empty()) return {};
    give_back(claimed_);
    claimed_ = {};
    return {};
  }
  result<void> send_inside(std::span<const std::byte> payload, const patience& how, const char* operation) {
    const bool apart = link_->receiver_cpu() != os::own_cpu() + 1;
    return attempt([&] { return writer_->send(payload, apart); }, payload.size(), how, operation);
  }

  // Makes `step` until it works. `size`: what it needs room for.
  template <typename Step>
  result<void> attempt(Step step, std::size_t size, const patience& how, const char* operation) {
    if (how.stop.stop_requested()) return refuse(errc::canceled, operation);
    for (;;) {
      if (ended_) return refuse(errc::closed, operation);
      switch (step()) {
        case sent::yes: return {};
        case sent::closed: return end(refuse(errc::closed, operation));
        case sent::broken:
          return end(
              refuse(errc::protocol_error, operation).with_detail("the receiver's place in the lane went astray"));
        case sent::full: break;
      }
      if (is_due(how)) {
        if (auto alive = link_->look_at_receiver(operation); !alive) return end(alive.error().at(where_));
      }
      if (how.nonblocking && announce_no_room(size)) continue;
      const auto ready = [&] { return writer_->look_for_room(size) != sent::full; };
      auto rested = rest(writer_->waiting(), link_->receiver_cpu(), how, operation, ready);
      if (!rested) return rested;
    }
  }
  error end(error why) {
    ended_ = true;
    writer_->stop();
    return why;
  }
  // For those who wait in poll(2): true if there is room after all.
  bool announce_no_room(std::size_t size) noexcept {
    queue_readiness* const ready = ready_.load(sync::acquire);  // E1
    if (ready == nullptr) return false;
    link_->clear_bell_fd();
    ready->nothing_now();
    writer_->waiting().announce(sync::wait_word::by_fd);
    if (writer_->look_for_room(size) == sent::full) return false;
    writer_->waiting().stop_waiting();
    ready->something();
    return true;
  }

  const options how_;
  std::unique_ptr<sender_link> link_;
  std::unique_ptr<shm::lane_writer> writer_;
  lane_side mine_;
  bool ended_ = false, given_ = false;
  std::array<std::byte, shm::inline_bytes> small_{};
  lent_room claimed_;
  std::mutex making_;
  std::unique_ptr<queue_readiness> readiness_;
  sync::atomic<queue_readiness*> ready_;
};

}  // namespace

std::unique_ptr<sending_end> make_lane_sender(lane_sender_parts from, os::waker waker) {
  return std::make_unique<lane_sender>(std::move(from), std::move(waker));
}

}  // namespace transom::transport
