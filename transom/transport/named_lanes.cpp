// transom/transport/named_lanes.cpp - see named_lanes.hpp.
//
// Ordering
//   E1  ready  all that a sender wrote into its lane, and that the row is its  ->  the receiver's first look at it
#include "transom/transport/named_lanes.hpp"

#include <map>

#include "transom/os/entry.hpp"
#include "transom/os/poll.hpp"
#include "transom/shm/lane_writer.hpp"
#include "transom/transport/lane_home.hpp"
#include "transom/transport/lane_receiver.hpp"
#include "transom/transport/lane_sender.hpp"

namespace transom::transport {
namespace {

using shm::row_state;

// Among the words that a participant owns in its row: 1 once its lane can be read.
constexpr std::size_t ready_word = 15;

feature_set features_with(const options& how) {
  feature_set all = lane_features | many_senders;
  if (how.keep) all = all | outlives_processes;
  if (how.on_full == overflow::drop_newest) all = all.without(reliable | backpressure);
  return all;
}

class named_sender final : public sender_link {
 public:
  explicit named_sender(lane_home home)
      : home_(std::move(home)),
        receiver_bell_(home_.bell_path()),
        alarm_path_(home_.bell_path(home_.membership.row())) {}

  fifo_bell& receiver_bell() noexcept { return receiver_bell_; }
  lane_home& home() noexcept { return home_; }

  result<void> look_at_receiver(const char* operation) override {
    if (home_.how.keep) return {};
    if (home_.membership.owners_closed()) return error(errc::closed, operation);
    auto owners = home_.membership.owners();
    if (!owners) return owners.error();
    switch (*owners) {
      case meter::owner_standing::alive:
      case meter::owner_standing::kept: return {};
      case meter::owner_standing::gone: return error(errc::closed, operation);
      case meter::owner_standing::dead: break;
    }
    return error(errc::peer_died, operation).with_peer(home_.membership.owner_pid());
  }
  void part() noexcept override {
    alarm_.remove();
    home_.membership.part();
    home_.body.announce_change();
  }
  std::uint32_t receiver_cpu() const noexcept override { return home_.body.control().receiver_cpu.load(sync::relaxed); }
  result<std::unique_ptr<sending_end>> clone() override {
    return open_named_lanes_sender(home_.where, home_.how, home_.agreed);
  }
  result<handover> give() override {
    return error(errc::unsupported, "give",
                 place(home_.where.text(), "this end cannot travel; give the URL, and open it there"));
  }
  result<int> bell_fd() override { return alarm_.fd(alarm_path_); }
  void clear_bell_fd() noexcept override { alarm_.clear(); }

 private:
  lane_home home_;
  fifo_bell receiver_bell_;
  const std::string alarm_path_;
  fifo_alarm alarm_;
};

class named_receiver final : public receiver_link {
 public:
  explicit named_receiver(lane_home home)
      : home_(std::move(home)), rows_(home_.membership.rows()), known_(rows_.size()) {}

  lane_home& home() noexcept { return home_; }

  bool changed() const noexcept override { return home_.body.changes() != seen_; }
  const sync::atomic<std::uint32_t>& change_word() const noexcept override { return home_.body.control().changes; }
  std::uint32_t seen() const noexcept override { return seen_; }

  void find_lanes(std::vector<lane_source>& found) override {
    seen_ = home_.body.changes();
    for (unsigned row = 0; row < rows_.size(); ++row) {
      const shm::row_word word = rows_.word(row);
      if (word.role != shm::role::sender || word.generation == known_[row]) continue;
      if (word.state != row_state::live && word.state != row_state::parted && word.state != row_state::dead) continue;
      if (!is_ready(row)) continue;
      known_[row] = word.generation;
      anybody_came_ = true;
      const shm::participant_row& who = rows_.row(row);
      auto& bell = bells_[row];
      if (!bell) bell = std::make_unique<fifo_bell>(home_.bell_path(row));
      const shm::lane_memory memory = home_.body.lane(row);
      found.push_back({.row = row,
                       .generation = word.generation,
                       .pid = static_cast<int>(who.pid.load(sync::relaxed)),
                       .uid = who.uid.load(sync::relaxed),
                       .memory = memory,
                       .waits = &memory.out->waits,
                       .bell = &memory.in->room_bell,
                       .descriptor = bell.get()});
    }
  }

  standing look_at(const lane_source& lane, bool ask) override {
    const shm::row_word word = rows_.word(lane.row);
    if (word.generation != lane.generation) return standing::parted;
    if (word.state == row_state::dead) return standing::dead;
    if (word.state != row_state::live) return standing::parted;
    if (ask && rows_.declare_dead(lane.row)) return standing::dead;
    return standing::live;
  }

  int dead_without_lane() override {
    while (rows_.declare_one_dead(shm::role::sender)) {}
    for (unsigned row = 0; row < rows_.size(); ++row) {
      const shm::row_word word = rows_.word(row);
      if (word.role != shm::role::sender || word.state != row_state::dead) continue;
      if (known_[row] == word.generation) continue;  // it has a lane, and that tells
      if (is_ready(row)) {
        seen_ = home_.body.changes() - 1;  // it died before it could say so: look for it
        continue;
      }
      const int pid = static_cast<int>(rows_.row(row).pid.load(sync::relaxed));
      if (rows_.free_row(row, word.generation)) return pid;
    }
    return 0;
  }

  void give_up(const lane_source& lane) noexcept override {
    os::remove_file(home_.bell_path(lane.row)).ignore();
    rows_.free_row(lane.row, lane.generation);
  }
  bool everybody_left() const noexcept override { return anybody_came_ && home_.membership.live_senders() == 0; }
  void leave() noexcept override {
    alarm_.remove();
    if (!home_.how.keep) forget_the_dead();
    home_.leave();
  }
  void publish_cpu(std::uint32_t cpu_plus_1) noexcept override {
    home_.body.control().receiver_cpu.store(cpu_plus_1, sync::relaxed);
  }
  result<handover> give() override {
    return error(errc::unsupported, "give",
                 place(home_.where.text(), "this end cannot travel; give the URL, and open it there"));
  }
  result<int> bell_fd() override { return alarm_.fd(home_.bell_path()); }
  void clear_bell_fd() noexcept override { alarm_.clear(); }

 private:
  bool is_ready(unsigned row) const noexcept {
    return rows_.row(row).own_words[ready_word].load(sync::acquire) == 1;  // E1
  }

  // Their bells stand beside the record: once that is gone, nobody would know of them.
  void forget_the_dead() noexcept {
    for (const auto& [row, bell] : bells_) {
      const bool dead = rows_.declare_dead(row) || rows_.word(row).state == row_state::dead;
      if (dead) os::remove_file(home_.bell_path(row)).ignore();
    }
  }

  lane_home home_;
  shm::participants rows_;
  std::uint32_t seen_ = 0;
  bool anybody_came_ = false;         // and had a lane: who only tried does not count
  std::vector<std::uint32_t> known_;  // the incarnation found in each row
  std::map<unsigned, std::unique_ptr<fifo_bell>> bells_;
  fifo_alarm alarm_;
};

}  // namespace

result<std::unique_ptr<receiving_end>> open_named_lanes_receiver(const url& where, const options& how,
                                                                 const terms& agreed) {
  auto waker = os::waker::make();  // whatever can fail comes before there is something to give up
  if (!waker) return waker.error().at(place(where.text()));
  auto home = own_lanes(where, how, agreed, lane_features | many_senders);
  if (!home) return home.error();
  shm::lane_control& control = home->body.control();
  const bool adopted = home->adopted;
  lane_receiver_parts parts{.url = where.text(),
                            .how = how,
                            .features = features_with(how),
                            .largest_message = home->max_message,
                            .sizes = home->body.sizes(),
                            .mine = {.waits = &control.receiver_waits, .bell = &control.receiver_bell},
                            .adopt = adopted};
  sync::sleeper(control.receiver_waits, control.receiver_bell).introduce();
  home->arranging = {};
  parts.link = std::make_unique<named_receiver>(std::move(*home));
  return make_lane_receiver(std::move(parts), std::move(*waker));
}

result<std::unique_ptr<sending_end>> open_named_lanes_sender(const url& where, const options& how,
                                                             const terms& agreed) {
  auto waker = os::waker::make();
  if (!waker) return waker.error().at(place(where.text()));
  auto home = join_lanes(where, how, agreed);
  if (!home) return home.error();
  const unsigned row = home->membership.row();
  if (auto there = home->allocate_lane(row); !there) return there.error();
  const shm::lane_body body = home->body;
  const shm::lane_memory memory = body.lane(row);
  lane_sender_parts parts{.url = where.text(),
                          .how = how,
                          .features = features_with(how),
                          .largest_message = home->max_message,
                          .mine = {.waits = &memory.out->waits, .bell = &memory.in->room_bell}};
  if (how.max_message != 0) parts.largest_message = std::min(parts.largest_message, how.max_message);
  if (const auto missing = parts.features.lacking(how.require); !missing.empty())
    return error(errc::unsupported, "open", place(where.text(), "this mechanism lacks " + missing.names()));
  parts.writer = std::make_unique<shm::lane_writer>(memory, body.sizes(), body.control().receiver_waits,
                                                    body.control().receiver_bell);
  auto link = std::make_unique<named_sender>(std::move(*home));
  parts.writer->ring_through(link->receiver_bell());
  link->home().membership.rows().row(row).own_words[ready_word].store(1, sync::release);  // E1
  body.announce_change();
  parts.link = std::move(link);
  return make_lane_sender(std::move(parts), std::move(*waker));
}

}  // namespace transom::transport
