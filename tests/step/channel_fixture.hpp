// tests/step/channel_fixture.hpp - a whole channel of shared memory, as its users see it, and what every judge of one
// asks.
#pragma once
#include <poll.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstring>
#include <fstream>
#include <memory>
#include <vector>

#include "tests/step/fixtures.hpp"
#include "transom/shm/storage.hpp"
#include "transom/transport/named_lanes.hpp"
#include "transom/transport/transport.hpp"

namespace transom::step {

using namespace std::chrono_literals;
using transport::receiving_end;
using transport::sending_end;

/// The mechanisms; the object beside the record, if there is one, has a name of this stage's own.
enum class kind { shm, posix_shm, sysv_shm };

class on_a_channel : public operation {
 public:
  explicit on_a_channel(bool keep, kind of = kind::shm)
      : where_(url_of(of)), how_{.capacity = 4, .max_message = 512, .connect_timeout = 0ms, .keep = keep} {}
  void fresh() override {
    receiver_.reset();
    empty_directory();
    std::ofstream(key_file()) << "for ftok";
    notes_.renew();
    deaths_ = 0;
    got_.clear();
  }

 protected:
  struct notes {
    note done;       // the operation has returned
    note refused;    // with an error that is no good
    note sent, got;  // messages, as counted by the victim after each
    note reported;   // deaths that the victim was told of
  };
  using receiver_pointer = std::unique_ptr<receiving_end>;
  using sender_pointer = std::unique_ptr<sending_end>;

  result<receiver_pointer> try_receiver() const { return transport::open_named_lanes_receiver(where_, how_, {}); }
  result<sender_pointer> try_sender() const { return transport::open_named_lanes_sender(where_, how_, {}); }
  receiver_pointer receiver() const { return try_receiver().or_throw(); }
  sender_pointer sender() const { return try_sender().or_throw(); }
  static void send(sending_end& by, std::uint64_t n) {
    std::array<std::byte, 300> bytes;
    bytes.fill(static_cast<std::byte>(n));
    std::memcpy(bytes.data(), &n, sizeof n);
    by.send({.payload = std::span(bytes).first(n % 2 == 0 ? 24 : bytes.size())}, patience::none()).or_throw();
  }
  // The next message: its number; what recv says otherwise.
  static result<std::uint64_t> receive(receiving_end& by) {
    // Who does not wait asks for deaths at most once in a millisecond.
    auto front = by.front(0, patience::none());
    for (int looks = 0; looks < 3 && !front && front.error() == errc::would_block; ++looks) {
      ::poll(nullptr, 0, 2);
      front = by.front(0, patience::none());
    }
    if (!front) return front.error();
    std::uint64_t n = 0;
    demand(front->payload.size() >= sizeof n, "a torn message");
    std::memcpy(&n, front->payload.data(), sizeof n);
    for (const std::byte one : front->payload.subspan(sizeof n))
      demand(one == static_cast<std::byte>(n), "a torn message");
    by.release();
    return n;
  }
  // Takes messages, and deaths, until the channel is closed or empty.
  errc drain(receiving_end& by) {
    for (;;) {
      auto next = receive(by);
      if (next) got_.push_back(*next);
      else if (next.error() == errc::peer_died) ++deaths_;
      else if (next.error() == errc::closed) return errc::closed;
      else {
        demand(next.error() == errc::would_block, next.error().message());
        return errc::would_block;
      }
    }
  }
  // Somebody sends `count` messages and dies, in a child.
  void leave_a_dead_sender(std::uint64_t count) {
    tracee dead([&] {
      const auto mine = sender();
      for (std::uint64_t n = 0; n < count; ++n) send(*mine, n);
      begin();
    });
    demand(dead.fault().empty(), dead.fault());
  }
  static void demand_in_order(const std::vector<std::uint64_t>& got, std::uint64_t from) {
    for (std::size_t at = 0; at < got.size(); ++at)
      demand(got[at] == from + at, "message " + std::to_string(from + at) + " is lost or came twice");
  }
  // Three channels of this name, one after the other, each with more senders than there are lanes in use at once.
  void three_lives() {
    how_.keep = false;
    for (int life = 0; life < 3; ++life) {
      auto mine = receiver();
      for (int visitor = 0; visitor < 3; ++visitor) {
        auto visiting = sender();
        send(*visiting, 7);
        demand(receive(*mine).or_throw() == 7, "a message sent afterwards does not arrive");
        visiting->close();
        visiting.reset();
      }
      mine->close();
      mine.reset();
      demand_all_gone();
      demand_no_object();
    }
  }

  /// All that may stand outside of the directory is gone.
  void demand_no_object() const {
    const std::string_view rest = where_.address();
    if (where_.scheme() == scheme::posix_shm)
      demand(!shm::storage::remove(shm::storage_name::posix(std::string(rest))).or_throw(), "left behind: a segment");
    if (where_.scheme() == scheme::sysv_shm)
      demand(!shm::storage::remove(shm::storage_name::system_v(std::string(rest), 1)).or_throw(),
             "left behind: a segment");
  }

  const url where_;
  options how_;
  shared<notes> notes_;
  receiver_pointer receiver_;
  unsigned deaths_ = 0;
  std::vector<std::uint64_t> got_;

 private:
  static std::string key_file() { return key_in(std::filesystem::path(std::getenv("TRANSOM_DIR")).parent_path()); }
  static url url_of(kind of) {
    if (of == kind::posix_shm) return url::parse("posix-shm://" + segment_of(::getpid()).path).or_throw();
    if (of == kind::sysv_shm) return url::parse("sysv-shm://" + key_file() + "?id=1").or_throw();
    return url::parse("shm://step").or_throw();
  }
};

}  // namespace transom::step
