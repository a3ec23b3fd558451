// transom/transport/lane_receiver.cpp - see lane_receiver.hpp.
//
// Ordering
//   E1  the readiness, whole      ->  a call that tells it that there is nothing now
#include "transom/transport/lane_receiver.hpp"

#include <cstring>
#include <mutex>

#include "transom/base/ensure.hpp"
#include "transom/shm/lane_reader.hpp"
#include "transom/transport/lane_end.hpp"

namespace transom::transport {
namespace {

using shm::found;

// Quick messages that one lane may deliver before the others, and those who come, get a look.
constexpr std::uint64_t turn_among_many = 64, turn_alone = 4096;
// Looks at an empty lane before a receive goes to sleep, and answers that it is empty before one looks further.
constexpr unsigned looks_before_waiting = 256, answers_alone = 32;

class lane_receiver final : public lane_end<receiving_end> {
 public:
  lane_receiver(lane_receiver_parts from, os::waker waker)
      : lane_end(std::move(from.url), from.features, from.largest_message, std::move(waker)),
        how_(from.how),
        sizes_(from.sizes),
        adopts_(from.adopt),
        trusting_(from.trusting),
        link_(std::move(from.link)),
        mine_(from.mine),
        waiting_(*mine_.waits, *mine_.bell) {
    bell_is_ours_ = mine_.bell_is_ours_too;
  }
  ~lane_receiver() override {
    lane_receiver::close();
    if (forked()) {
      static_cast<void>(link_.release());
      static_cast<void>(readiness_.release());
    }
  }

  lane_inlet* quick_inlet() noexcept override { return &inlet_; }
  bool keeps_many() const noexcept override { return true; }

  result<incoming> front(long type, const patience& how) override {
    const visit inside(*this, "recv");
    if (!inside) return inside.error();
    if (type != 0) return refuse(errc::unsupported, "recv").with_detail("shared memory has no types");
    auto there = await(how);
    let_channel_look();
    if (!there) return there.error();
    return incoming{.payload = payload_, .info = info_};
  }
  void release() noexcept override {
    if (forked() || lent_ == nullptr) return;
    lent_->reader->acknowledge();
    after_receiving();
  }
  result<std::size_t> receive_into(std::span<std::byte> into, long type, const patience& how) override {
    const visit inside(*this, "recv");
    if (!inside) return inside.error();
    if (type != 0) return refuse(errc::unsupported, "recv").with_detail("shared memory has no types");
    if (auto there = await(how, !how.nonblocking); !there) return there.error();
    if (growing_ != nullptr) return copy_behind(*growing_, into, how);
    const std::size_t size = payload_.size();
    if (size > into.size()) return refuse(errc::message_too_large, "recv").with_detail(std::to_string(size));
    if (size != 0) std::memcpy(into.data(), payload_.data(), size);
    release();
    return size;
  }
  result<kept_message> keep() override {
    const visit inside(*this, "recv");
    if (!inside) return inside.error();
    detail::ensure(lent_ != nullptr, "keep() keeps what front() has lent");
    std::span<const std::byte> payload = payload_;
    shm::lane_slot* const hold = lent_->reader->show(payload);
    if (hold == nullptr) {
      return error::system(static_cast<int>(std::errc::no_buffer_space), "recv", where_)
          .with_detail(std::to_string(sizes_.hold_count()) + " views are out, and there is room for no more");
    }
    lane* const from = lent_;
    after_receiving();
    return kept_message{payload, from, hold};
  }
  result<std::unique_ptr<receiving_end>> clone() override {
    return refuse(errc::unsupported, "clone").with_detail("these lanes have one receiver");
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
      readiness_->something();
      ready_.store(readiness_.get(), sync::release);  // E1
    }
    return readiness_->fd();
  }

 protected:
  void finish() noexcept override {
    for (const auto& lane : lanes_) lane->reader->close();
    if (given_) return;
    if (!how_.keep) waiting_.close();
    for (const auto& lane : lanes_) lane->reader->ring_loudly();
    link_->leave();
  }
  void rouse() noexcept override { (bell_is_ours_ ? *mine_.bell : rouse_).ring_loudly(); }

 private:
  // One sender's lane, and the keeper of what is kept of it.
  struct lane final : keeper {
    std::uint64_t serial = 0;  ///< no other lane of this receiver has the same
    lane_source source;
    std::unique_ptr<shm::lane_reader> reader;
    standing how = standing::live;
    bool over = false;  ///< drained and reported; it stays while its messages are held
    const std::uint32_t epoch = os::fork_epoch();

    void release(void* token) noexcept override {
      if (os::fork_epoch() != epoch) return;
      reader->release(*static_cast<shm::lane_slot*>(token));
    }
  };

  void after_receiving() noexcept {
    lent_ = nullptr;
    payload_ = {};
  }
  void make_current(lane& one) noexcept {
    inlet_.current = one.reader.get();
    inlet_.keeps = trusting_ ? &one : nullptr;
    inlet_.pid = one.source.pid;
    inlet_.uid = one.source.uid;
  }
  void lend(lane& from, const shm::lane_front& front) {
    lent_ = &from;
    make_current(from);
    info_ = {.sequence = front.n - from.reader->first_of_sender() + 1,
             .pid = from.source.pid,
             .uid = from.source.uid,
             .redelivered = front.redelivered};
    payload_ = front.payload;
    if (trusting_) return;
    copy_.assign(payload_.begin(), payload_.end());  // read once: what the peer changes later is not seen
    payload_ = copy_;
  }

  error finished(error why) {
    ended_ = true;
    return why;
  }

  // Until a message is lent, or one is growing if that will do. R1: data, then ends, then not now.
  result<void> await(const patience& how, bool growing_will_do = false) {
    growing_ = nullptr;
    if (how.stop.stop_requested()) return refuse(errc::canceled, "recv");
    if (lent_ != nullptr) return {};
    for (;;) {
      if (ended_) return refuse(errc::closed, "recv");
      look_for_lanes();
      if (turn_is_over() && is_due(how)) {  // others' ends are not forgotten over the messages of one
        if (auto over = look_for_ends(true); !over) return over.error();
      }
      const found there = look();
      if (there != found::growing) growing_ = nullptr;
      if (there == found::message || (growing_ != nullptr && growing_will_do)) return {};
      if (there == found::broken)
        return finished(
            refuse(errc::protocol_error, "recv").with_detail("what a sender wrote into its lane cannot be"));
      auto over = look_for_ends(is_due(how));
      if (!over) return over.error();
      if (*over) continue;
      if (how.nonblocking && announce_nothing()) continue;
      link_->publish_cpu(os::own_cpu() + 1);
      if (auto rested = rest(waiting_, sender_cpu(), how, "recv", [this] { return has_something(); }); !rested)
        return rested;
    }
  }
  // Copies a message while its sender writes it. It counts once it is whole; until then nothing has happened.
  result<std::size_t> copy_behind(lane& from, std::span<std::byte> into, const patience& how) {
    const std::uint64_t serial = from.serial;
    std::size_t copied = 0;
    for (;;) {
      const std::span<const std::byte> grown = from.reader->grown();
      if (grown.size() > into.size() || grown.size() < copied) break;  // too large, or nonsense: said once it is whole
      std::memcpy(into.data() + copied, grown.data() + copied, grown.size() - copied);
      copied = grown.size();
      if (!from.reader->is_growing()) break;
      const auto more = [&] { return from.reader->grown().size() > copied || !from.reader->is_growing(); };
      if (auto rested = rest(waiting_, from.reader->sender_cpu(), how, "recv", more); !rested) return rested.error();
      if (!more() && is_due(how)) break;  // is he alive?
    }
    if (auto there = await(how); !there) return there.error();
    const std::size_t size = payload_.size();
    if (size > into.size()) return refuse(errc::message_too_large, "recv").with_detail(std::to_string(size));
    if (lent_->serial != serial || copied > size) copied = 0;
    std::memcpy(into.data() + copied, payload_.data() + copied, size - copied);
    release();
    return size;
  }
  // What the channel may do by itself until the next call. Among many lanes: only what is left of a turn.
  void let_channel_look() noexcept {
    const bool alone = lanes_.size() == 1 && !lanes_.front()->over;
    if (alone) make_current(*lanes_.front());
    const bool apart = alone && sender_cpu() != os::own_cpu() + 1 && os::online_cpus() > 1;
    inlet_.spins = apart ? looks_before_waiting : 0;
    inlet_.answers = alone && ready_.load(sync::acquire) == nullptr ? answers_alone : 0;  // E1
    inlet_.changes = &link_->change_word();
    inlet_.seen = link_->seen();
  }
  bool turn_is_over() const noexcept { return !lanes_.empty() && !lanes_[turn_ % lanes_.size()]->reader->is_quick(); }

  // The next message of the lane whose turn it is, or else of any.
  found look() {
    found best = found::nothing;
    const std::size_t count = lanes_.size();
    if (count > 1 && !lanes_[turn_ % count]->reader->is_quick()) ++turn_;
    for (std::size_t i = 0; i < count; ++i) {
      lane& one = *lanes_[(turn_ + i) % count];
      if (one.over) continue;
      shm::lane_front front;
      const found here = one.reader->look(front);
      if (here == found::broken) return here;
      if (here == found::growing) {
        best = here;
        growing_ = &one;
      }
      if (here != found::message) continue;
      turn_ = (turn_ + i) % count;
      one.reader->stop_quick_at(one.reader->next() + (count > 1 ? turn_among_many : turn_alone));
      lend(one, front);
      return here;
    }
    return best;
  }

  bool has_something() const noexcept {
    if (link_->changed()) return true;
    return std::ranges::any_of(lanes_, [this](const auto& one) {
      if (one->over) return false;
      if (one->how == standing::live && link_->look_at(one->source, false) != standing::live) return true;
      return one->reader->has_something() && !(growing_ == one.get() && one->reader->is_growing());
    });
  }
  std::uint32_t sender_cpu() const noexcept { return lanes_.size() == 1 ? lanes_.front()->reader->sender_cpu() : 0; }

  // Finds those who have come, and what those who have left say of themselves.
  void look_for_lanes() {
    if (looked_ && !link_->changed()) return;
    looked_ = true;
    sources_.clear();
    link_->find_lanes(sources_);
    for (const lane_source& source : sources_) {
      auto fresh = std::make_unique<lane>();
      fresh->serial = ++lanes_seen_;
      fresh->source = source;
      fresh->reader = std::make_unique<shm::lane_reader>(source.memory, sizes_, *source.waits, *source.bell);
      if (source.descriptor != nullptr) fresh->reader->ring_through(*source.descriptor);
      if (adopts_) fresh->reader->adopt();
      fresh->reader->stop_quick_at(fresh->reader->next() + turn_among_many);
      lanes_.push_back(std::move(fresh));
    }
    for (const auto& one : lanes_)
      if (one->how == standing::live) one->how = link_->look_at(one->source, false);
  }

  // True: look for messages once more. Fails with peer_died, once for each, and closed.
  result<bool> look_for_ends(bool ask) {
    bool again = false;
    for (const auto& one : lanes_) {
      if (one->over) continue;
      if (one->how == standing::live) one->how = link_->look_at(one->source, ask);
      if (one->how == standing::live) continue;
      // All that it ever published can be seen by now.
      if (one->reader->is_growing()) one->reader->skip_torn();  // never to be whole
      if (one->reader->has_something()) {
        again = true;
        continue;
      }
      one->over = true;
      if (inlet_.current == one->reader.get()) inlet_.current = nullptr;
      if (one->how == standing::dead && !how_.keep_open)
        return refuse(errc::peer_died, "recv").with_peer(one->source.pid);
    }
    give_up_drained();
    if (again) return true;
    if (ask) {
      if (const int pid = link_->dead_without_lane(); pid != 0 && !how_.keep_open)
        return refuse(errc::peer_died, "recv").with_peer(pid);
    }
    if (!how_.keep_open && lanes_done() && !link_->changed() && link_->everybody_left() && !link_->changed())
      return finished(refuse(errc::closed, "recv"));
    return false;
  }
  bool lanes_done() const noexcept {
    return std::ranges::all_of(lanes_, [](const auto& one) { return one->over; });
  }
  void give_up_drained() noexcept {
    std::erase_if(lanes_, [this](const std::unique_ptr<lane>& one) {
      if (!one->over || !one->reader->all_released()) return false;
      link_->give_up(one->source);
      return true;
    });
  }

  // For those who wait in poll(2): true if there is something after all.
  bool announce_nothing() noexcept {
    queue_readiness* const ready = ready_.load(sync::acquire);  // E1
    if (ready == nullptr) return false;
    link_->clear_bell_fd();
    ready->nothing_now();
    waiting_.announce(sync::wait_word::by_fd);
    if (!has_something()) return false;
    waiting_.stop_waiting();
    ready->something();
    return true;
  }

  const options how_;
  const shm::lane_geometry sizes_;
  const bool adopts_, trusting_;
  std::unique_ptr<receiver_link> link_;
  lane_side mine_;
  sync::sleeper waiting_;
  lane_inlet inlet_;
  std::vector<std::unique_ptr<lane>> lanes_;
  std::vector<lane_source> sources_;
  std::size_t turn_ = 0;
  std::uint64_t lanes_seen_ = 0;
  bool looked_ = false, ended_ = false, given_ = false;
  lane* growing_ = nullptr;  // whose next message is still being written

  lane* lent_ = nullptr;
  std::span<const std::byte> payload_;
  message_info info_;
  bytes copy_;

  std::mutex making_;
  std::unique_ptr<queue_readiness> readiness_;
  sync::atomic<queue_readiness*> ready_;
};

}  // namespace

std::unique_ptr<receiving_end> make_lane_receiver(lane_receiver_parts from, os::waker waker) {
  return std::make_unique<lane_receiver>(std::move(from), std::move(waker));
}

}  // namespace transom::transport
