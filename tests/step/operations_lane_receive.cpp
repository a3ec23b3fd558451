// tests/step/operations_lane_receive.cpp - the receiving side of a lane (transom/shm/lane_reader.hpp).
//
// Oracle: what was acknowledged does not come again; what was not, comes; what was shown and comes again is marked as
// redelivered, and redeliveries come first; the sender, who lives on, loses neither slots nor arena.
#include "tests/step/lane_fixture.hpp"

namespace transom::step {
namespace {

enum class way { quick, copied, viewed, out_of_order, taken_over };

// Messages 5 (small), 6 (large) and 7 (small) are there, and the victim receives some of them.
class receiving : public on_a_lane {
 public:
  explicit receiving(way how) : how_(how) {}
  void fresh() override {
    on_a_lane::fresh();
    for (const auto n : numbers{5, 6, 7}) {
      messages_[n] = message(n, n == 6 ? large() : small);
      send(*writer_, n, messages_[n].size());
    }
    if (how_ == way::taken_over) {  // somebody died with 5 and 6 in his hands
      view(*reader_, 5);
      view(*reader_, 6);
    }
    notes_.renew();
  }
  void victim() override {
    if (how_ == way::taken_over) {
      begin();
      const auto mine = make_reader();
      const auto first = view(*mine, 5);
      copy(*mine, 6);
      copy(*mine, 7);
      release(*mine, 5, first);
      mine->close();
      end();
    }
    const auto mine = make_reader();
    begin();
    receive(*mine);
    end();
  }
  void partner() override { send_more(); }
  std::string while_stopped() override {
    return complaint([&] {
      std::uint64_t taken = 0;
      while (writer_->send(message(writer_->next(), small)) == shm::sent::yes) ++taken;
      demand(writer_->next() <= read(body().lane(0).in->head) + sizes_.capacity, "more room than there is");
      demand(taken <= sizes_.capacity, "more room than there is");
      demand(read(notes_->damaged) == 0, "a message was overwritten while it was read");
    });
  }
  std::string after_stop() override {
    return complaint([&] {
      demand(read(notes_->damaged) == 0, "a message was overwritten while it was read");
      demand(read(notes_->done[last()]) != 0, "it did not go on");
    });
  }
  verdict judge() override {
    return judged([&] {
      demand(read(notes_->damaged) == 0, "a torn message");
      const auto heir = make_reader();
      const std::uint64_t sent = sent_for_certain();
      drain(*heir);
      demand_each_once();
      std::string history;
      for (std::uint64_t n = 5; n < sent; ++n) {
        const auto found = std::ranges::find(delivered_, n, &delivery::n);
        const bool comes = found != delivered_.end();
        const bool asked = n < 8 && read(notes_->asked[n]) != 0;
        demand(comes || asked, "message " + std::to_string(n) + " is lost");
        demand(!comes || n >= 8 || read(notes_->done[n]) == 0, "an acknowledged message comes again");
        const bool shown = n < 8 && (read(notes_->shown[n]) != 0 || (how_ == way::taken_over && n < 7));
        demand(!comes || !shown || found->again, "shown, and not marked when it comes again");
        if (n < 8) history += comes ? (found->again ? 'R' : 'N') : '-';
      }
      demand(std::ranges::is_sorted(delivered_, {}, [](const delivery& one) { return one.n + (one.again ? 0 : 100); }),
             "not in order");
      if (make_writer()->next() == writer_->next()) three_laps(*writer_, *heir);  // else the partner was the sender
      three_laps(*make_writer(), *heir);
      return history;
    });
  }

 private:
  // The message that is dealt with last.
  std::uint64_t last() const { return how_ == way::copied ? 7 : how_ == way::viewed ? 6 : 5; }
  // How many messages were certainly sent.
  std::uint64_t sent_for_certain() const {
    std::uint64_t count = writer_->next();
    while (count < 16 && read(notes_->sent[count]) != 0) ++count;
    return count;
  }

  void receive(lane_reader& by) {
    if (how_ == way::quick) {
      std::array<std::byte, small> bytes;
      write(notes_->asked[5], 1);
      if (!by.receive_quick(bytes.data(), small) || !is_whole(bytes, 5)) write(notes_->damaged, 1);
      write(notes_->done[5], 1);
      return;
    }
    if (how_ == way::copied) {
      for (const auto n : numbers{5, 6, 7}) copy(by, n);
      return;
    }
    const auto five = view(by, 5), six = view(by, 6);
    if (how_ == way::out_of_order) release(by, 6, six);
    release(by, 5, five);
    if (how_ == way::viewed) release(by, 6, six);
  }
  struct held {
    shm::lane_slot* hold = nullptr;
    std::span<const std::byte> payload;
  };
  void copy(lane_reader& by, std::uint64_t n) {
    shm::lane_front front;
    if (by.look(front) != shm::found::message || front.n != n || !is_whole(front.payload, n)) write(notes_->damaged, 1);
    write(notes_->asked[n], 1);
    by.acknowledge();
    write(notes_->done[n], 1);
  }
  held view(lane_reader& by, std::uint64_t n) {
    shm::lane_front front;
    if (by.look(front) != shm::found::message || front.n != n) write(notes_->damaged, 1);
    held mine{.hold = nullptr, .payload = front.payload};
    mine.hold = by.show(mine.payload);
    write(notes_->shown[n], 1);
    if (mine.hold == nullptr || !is_whole(mine.payload, n)) write(notes_->damaged, 1);
    return mine;
  }
  void release(lane_reader& by, std::uint64_t n, const held& mine) {
    if (!is_whole(mine.payload, n)) write(notes_->damaged, 1);
    write(notes_->asked[n], 1);
    by.release(*mine.hold);
    write(notes_->done[n], 1);
  }
  // The stage's writer, in a child: it knows what it had sent, and sends two more.
  void send_more() {
    begin();
    for (const auto n : numbers{8, 9}) {
      if (writer_->send(message(n, small)) != shm::sent::yes) break;
      write(notes_->sent[n], 1);
    }
    end();
  }
  // Cheap, for those who are stepped. The bytes behind a message of a view are not its own.
  bool is_whole(std::span<const std::byte> bytes, std::uint64_t n) const {
    return bytes.size() >= messages_[n].size() &&
           std::memcmp(bytes.data(), messages_[n].data(), messages_[n].size()) == 0;
  }
  way how_;
  std::array<std::vector<std::byte>, 8> messages_;
};

}  // namespace

void add_lane_receive_operations(entries& all) {
  all.push_back(row<receiving>("lane: receive, quick", steps | pairs | stops, way::quick));
  all.push_back(row<receiving>("lane: receive, copied", steps | pairs | stops, way::copied));
  all.push_back(row<receiving>("lane: view and release", steps | pairs | stops, way::viewed));
  all.push_back(row<receiving>("lane: release out of order", steps | pairs | stops, way::out_of_order));
  all.push_back(row<receiving>("lane: receiver takes over", steps | pairs, way::taken_over));
}

}  // namespace transom::step
