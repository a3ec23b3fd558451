// bench/goals/peer_boost.cpp - Boost.Interprocess message_queue: one queue for each direction.
//
// As its expert would: priority 0 for all (no sorting), depth as the row says, at most 1,024 because every slot is
// allocated and sorted through an index; removed by name at the end. Its spinning form is try_send and try_receive.
#include <algorithm>
#include <boost/interprocess/ipc/message_queue.hpp>
#include <optional>

#include "bench/goals/contender.hpp"
#include "bench/goals/loops.hpp"

namespace goals {
namespace {

namespace ipc = boost::interprocess;

class boost_wire {
 public:
  explicit boost_wire(side& s)
      : spin_(s.task().waiting == wait::spin),
        name_(s.name_in()),
        out_words_(s.task().size / sizeof(word)),
        in_words_(s.task().size / sizeof(word)) {
    ipc::message_queue::remove(name_.c_str());
    in_.emplace(ipc::create_only, name_.c_str(), std::min<std::size_t>(s.task().depth, 1'024), s.task().size);
    s.meet();
    out_.emplace(ipc::open_only, s.name_out().c_str());
    s.meet();
    ipc::message_queue::remove(name_.c_str());  // both have it open: whoever dies now leaves no name
  }

  template <typename Fill>
  void send(Fill fill) {
    fill(std::span<word>(out_words_));
    const std::size_t size = out_words_.size() * sizeof(word);
    if (!spin_) return out_->send(out_words_.data(), size, 0);
    while (!out_->try_send(out_words_.data(), size, 0)) pause();
  }
  template <typename Look>
  void recv(Look look) {
    ipc::message_queue::size_type got = 0;
    unsigned priority = 0;
    const std::size_t room = in_words_.size() * sizeof(word);
    if (spin_) {
      while (!in_->try_receive(in_words_.data(), room, got, priority)) pause();
    } else {
      in_->receive(in_words_.data(), room, got, priority);
    }
    look(std::span<const word>(in_words_).first(got / sizeof(word)));
  }

 private:
  bool spin_;
  std::string name_;
  std::optional<ipc::message_queue> in_, out_;
  std::vector<word> out_words_, in_words_;
};

}  // namespace

void play_boost(side& s) {
  boost_wire wire(s);
  play(wire, s);
}

}  // namespace goals
