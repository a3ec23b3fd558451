// transom/sync/wait_graph.cpp - see wait_graph.hpp.
#include "transom/sync/wait_graph.hpp"

#include <algorithm>
#include <vector>

#include "transom/sync/mutex.hpp"

namespace transom::sync {
namespace {

struct somebody {
  std::uint32_t participant = 0, thread = 0;
  friend bool operator==(const somebody&, const somebody&) = default;
};

// One link of a chain: who waits, in his so-manieth wait, for what, and who has it.
struct wait_link {
  somebody waiter;
  note_kind kind = note_kind::none;
  std::uint64_t object = 0;
  std::uint32_t wait = 0;
  somebody holder{};
  friend bool operator==(const wait_link&, const wait_link&) = default;
};

bool is_wait(note_kind kind) noexcept {
  return kind == note_kind::waits_for_mutex || kind == note_kind::waits_to_read || kind == note_kind::waits_to_write;
}

}  // namespace

class wait_graph {
 public:
  explicit wait_graph(const standing& me) noexcept : in_(*me.in), me_{me.participant, me.thread & 0xffffff} {}

  // The links from me to me; empty if there is no such way. Whoever waits to write needs all readers to go, so any one
  // of them that cannot is enough.
  std::vector<wait_link> cycle() const {
    std::vector<wait_link> chain;
    std::vector<somebody> seen;
    if (!comes_back(me_, chain, seen)) chain.clear();
    return chain;
  }
  std::string name_of(std::uint64_t object) const {
    const auto* lock = static_cast<const mutex*>(in_.object_at(object, sizeof(mutex)));
    return lock == nullptr ? "a lock" : lock->name();
  }

 private:
  static constexpr std::size_t most_waiters = 256;

  bool comes_back(const somebody& from, std::vector<wait_link>& chain, std::vector<somebody>& seen) const {
    if (seen.size() == most_waiters || std::ranges::find(seen, from) != seen.end()) return false;
    seen.push_back(from);
    wait_link link{.waiter = from};
    if (!read_wait(link)) return false;
    for (const somebody& holder : holders_of(link)) {
      link.holder = holder;
      chain.push_back(link);
      if (holder == me_) return true;
      if (!in_.is_gone(holder.participant) && comes_back(holder, chain, seen)) return true;
      chain.pop_back();
    }
    return false;
  }

  bool read_wait(wait_link& link) const {
    const unsigned row = link.waiter.participant & 255;
    for (const note& one : in_.notes_of(row < in_.rows() ? row : 0)) {
      const std::uint64_t about = one.says();
      if (note::participant_of(about) != link.waiter.participant || !is_wait(note::kind_of(about))) continue;
      if ((one.thread.load(relaxed) & 0xffffff) != link.waiter.thread) continue;
      link.kind = note::kind_of(about);
      link.object = one.object.load(relaxed);
      link.wait = one.own.load(relaxed);
      return true;
    }
    return false;
  }

  std::vector<somebody> holders_of(const wait_link& link) const {
    if (link.kind == note_kind::waits_to_write) return readers_of(link.object);
    const auto* lock = static_cast<const mutex*>(in_.object_at(link.object, sizeof(mutex)));
    if (lock == nullptr) return {};
    const std::uint64_t word = lock->word_.load(relaxed);
    if (!lock_word::is_held(word)) return {};
    return {{lock_word::participant_of(word), lock_word::thread_of(word)}};
  }

  std::vector<somebody> readers_of(std::uint64_t object) const {
    std::vector<somebody> all;
    for (unsigned row = 0; row < in_.rows(); ++row) {
      for (const note& one : in_.notes_of(row)) {
        const std::uint64_t about = one.says();
        if (note::kind_of(about) == note_kind::reads && one.object.load(relaxed) == object)
          all.push_back({note::participant_of(about), one.thread.load(relaxed) & 0xffffff});
      }
    }
    return all;
  }

  const membership& in_;
  somebody me_;
};

std::string find_cycle(const standing& me) {
  const wait_graph graph(me);
  const std::vector<wait_link> chain = graph.cycle();
  if (chain.empty() || graph.cycle() != chain) return {};
  const auto described = [&](const somebody& who) {
    return me.in->describe(who.participant) + " thread " + std::to_string(who.thread);
  };
  std::string text = described(chain.front().waiter);
  for (const wait_link& link : chain) {
    text += &link == chain.data() ? " waits for " : ", which waits for ";
    text += graph.name_of(link.object) + ", held by " + described(link.holder);
  }
  return text;
}

}  // namespace transom::sync
