// bench/goals/peers.cpp - who else is there. What the build did not find stays in the list, as not installed.
#include <algorithm>

#include "bench/goals/contender.hpp"

namespace goals {

#ifdef GOALS_ICEORYX
void play_iceoryx(side& s);
#else
constexpr void (*play_iceoryx)(side&) = nullptr;
#endif
#ifdef GOALS_BOOST
void play_boost(side& s);
#else
constexpr void (*play_boost)(side&) = nullptr;
#endif
#ifdef GOALS_ZEROMQ
void play_zeromq(side& s);
#else
constexpr void (*play_zeromq)(side&) = nullptr;
#endif
#ifdef GOALS_NNG
void play_nng(side& s);
#else
constexpr void (*play_nng)(side&) = nullptr;
#endif

const contender& iceoryx() {
  static const contender it{.name = "iceoryx",
                            .mechanism = "shm",
                            .expert =
                                "2.0, loans on both sides, blocking producer, queue min(depth, 256), pools that "
                                "fit, RouDi without monitoring; poll take() or sleep in a WaitSet",
                            .play = play_iceoryx,
                            .fewer_messages = 20,
                            .package = "iceoryx libiceoryx-posh-dev"};
  return it;
}
const contender& boost_queue() {
  static const contender it{.name = "boost",
                            .mechanism = "shm",
                            .expert =
                                "Interprocess message_queue, one priority, depth min(depth, 1024); poll try_ or "
                                "sleep in send and receive",
                            .play = play_boost,
                            .fewer_messages = 10,
                            .package = "libboost-dev"};
  return it;
}
const contender& zeromq() {
  static const contender it{.name = "zeromq",
                            .mechanism = "ipc",
                            .expert =
                                "PAIR, marks max(depth, 1000), linger 0, kernel buffers 8 MiB, one I/O thread "
                                "each, not pinned (unfair here: it wants a core of its own)",
                            .play = play_zeromq,
                            .fewer_trips = 10,
                            .fewer_messages = 10,
                            .package = "libzmq3-dev"};
  return it;
}
const contender& nng() {
  static const contender it{.name = "nng",
                            .mechanism = "ipc",
                            .expert =
                                "pair0, buffers min(depth, 8192), any size, messages handed over uncopied, its "
                                "thread pool not pinned (unfair here: it wants cores of its own)",
                            .play = play_nng,
                            .fewer_trips = 10,
                            .fewer_messages = 100,
                            .package = "libnng-dev"};
  return it;
}

const std::vector<const contender*>& peers() {
  static const std::vector<const contender*> all{&iceoryx(), &boost_queue(), &zeromq(), &nng()};
  return all;
}

bool is_peer(const contender& who) { return std::ranges::find(peers(), &who) != peers().end(); }

const std::vector<const contender*>& everybody() {
  static const std::vector<const contender*> all = [] {
    std::vector<const contender*> list{&one_line(),        &bulk_ring(),       &bare_futex(),   &unix_socket(),
                                       &transom_channel(), &transom_opening(), &transom_idle(), &transom_recovery()};
    list.insert(list.end(), peers().begin(), peers().end());
    return list;
  }();
  return all;
}

}  // namespace goals
