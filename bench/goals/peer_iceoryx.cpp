// bench/goals/peer_iceoryx.cpp - iceoryx 2.0: a publisher and a subscriber for each side, and RouDi beside them.
//
// As its expert would: loans on both sides, nothing copied; a blocking producer instead of lost messages; queues as
// deep as the row says, at most 256, which is the limit it was built with; memory pools that fit the sizes (roudi.cpp);
// no log. Polling is take() in a paced loop, sleeping is a WaitSet. RouDi has no part in a message, only its core's
// share.
#include <algorithm>
#include <chrono>
#include <optional>
#include <stdexcept>
#include <thread>

#include <iceoryx_hoofs/log/logmanager.hpp>
#include <iceoryx_posh/popo/untyped_publisher.hpp>
#include <iceoryx_posh/popo/untyped_subscriber.hpp>
#include <iceoryx_posh/popo/wait_set.hpp>
#include <iceoryx_posh/runtime/posh_runtime.hpp>

#include "bench/goals/contender.hpp"
#include "bench/goals/loops.hpp"

namespace goals {
namespace {

using iox::cxx::TruncateToCapacity;

iox::capro::ServiceDescription service(const std::string& name) {
  return {"transom-goals", "bench", iox::capro::IdString_t(TruncateToCapacity, name)};
}
iox::popo::PublisherOptions publishing() {
  iox::popo::PublisherOptions how;
  how.subscriberTooSlowPolicy = iox::popo::ConsumerTooSlowPolicy::WAIT_FOR_CONSUMER;
  return how;
}
iox::popo::SubscriberOptions subscribing(const task& t) {
  iox::popo::SubscriberOptions how;
  how.queueCapacity = std::min<std::size_t>(t.depth, 256);
  how.queueFullPolicy = iox::popo::QueueFullPolicy::BLOCK_PRODUCER;
  return how;
}

class iceoryx_wire {
 public:
  explicit iceoryx_wire(side& s)
      : spin_(s.task().waiting == wait::spin),
        size_(static_cast<std::uint32_t>(s.task().size)),
        publisher_(service(s.name_out()), publishing()),
        subscriber_(service(s.name_in()), subscribing(s.task())) {
    if (!spin_) {
      waiting_.emplace();
      waiting_->attachState(subscriber_, iox::popo::SubscriberState::HAS_DATA).or_else([](auto&) {
        throw std::runtime_error("iceoryx: the subscriber cannot be waited for");
      });
    }
    s.meet();
    while (!publisher_.hasSubscribers() || subscriber_.getSubscriptionState() != iox::SubscribeState::SUBSCRIBED) {
      s.still_wanted();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

  template <typename Fill>
  void send(Fill fill) {
    void* room = nullptr;
    publisher_.loan(size_, alignof(word)).and_then([&](void* payload) { room = payload; });
    if (room == nullptr) throw std::runtime_error("iceoryx: no memory for a message");
    fill(std::span<word>(static_cast<word*>(room), size_ / sizeof(word)));
    publisher_.publish(room);
  }
  template <typename Look>
  void recv(Look look) {
    const void* payload = nullptr;
    for (;;) {
      subscriber_.take().and_then([&](const void* got) { payload = got; });
      if (payload != nullptr) break;
      if (spin_) pause();
      else waiting_->wait();
    }
    look(std::span<const word>(static_cast<const word*>(payload), size_ / sizeof(word)));
    subscriber_.release(payload);
  }

 private:
  bool spin_;
  std::uint32_t size_;
  iox::popo::UntypedPublisher publisher_;
  iox::popo::UntypedSubscriber subscriber_;
  std::optional<iox::popo::WaitSet<>> waiting_;
};

}  // namespace

void play_iceoryx(side& s) {
  iox::log::LogManager::GetLogManager().SetDefaultLogLevel(iox::log::LogLevel::kOff,
                                                           iox::log::LogLevelOutput::kHideLogLevel);
  iox::runtime::PoshRuntime::initRuntime(
      iox::RuntimeName_t(TruncateToCapacity, std::string(s.page().token) + (s.begins() ? "-a" : "-b")));
  iceoryx_wire wire(s);
  play(wire, s);
}

}  // namespace goals
