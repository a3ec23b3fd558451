// tests/step/operations_memfd.cpp - memory without a name: an end that travelled, in the hands of a child.
//
// Oracle: each message comes once; the end of the other side is told once, as a departure if it had left and as a death
// if it had not; there is nothing that could stay.
#include "tests/step/channel_fixture.hpp"
#include "transom/transport/memfd.hpp"

namespace transom::step {
namespace {

class on_memory_without_a_name : public operation {
 public:
  void fresh() override {
    both_ = {};
    packed_.reset();
    notes_.renew();
    both_ = transport::open_memfd_pair(where_, how_, {}).or_throw();
  }

 protected:
  struct notes {
    note done, sent, got;
  };
  static std::size_t size_of(std::uint64_t n) { return n % 2 == 0 ? 24 : 300; }
  static result<void> send(sending_end& by, std::uint64_t n) {
    std::array<std::byte, 300> bytes;
    bytes.fill(static_cast<std::byte>(n));
    std::memcpy(bytes.data(), &n, sizeof n);
    return by.send({.payload = std::span(bytes).first(size_of(n))}, patience::none());
  }
  static result<std::uint64_t> receive(receiving_end& by, const patience& how) {
    auto front = by.front(0, how);
    if (!front) return front.error();
    std::uint64_t n = 0;
    std::memcpy(&n, front->payload.data(), sizeof n);
    demand(front->payload.size() == size_of(n), "a torn message");
    by.release();
    return n;
  }
  static patience shortly() { return patience::until_time(deadline::after(2s)); }
  // Another channel, three times: nothing of the old one is in the way.
  void three_lives() {
    for (int life = 0; life < 3; ++life) {
      auto both = transport::open_memfd_pair(where_, how_, {}).or_throw();
      send(*both.tx, 7).or_throw();
      demand(receive(*both.rx, shortly()).or_throw() == 7, "a message does not arrive");
    }
  }

  const url where_ = url::parse("memfd:").or_throw();
  const options how_{.capacity = 4, .max_message = 512};
  transport::ends both_;
  std::optional<transport::handover> packed_;
  shared<notes> notes_;
};

class travelled_sender : public on_memory_without_a_name {
 public:
  void fresh() override {
    on_memory_without_a_name::fresh();
    packed_ = both_.tx->give().or_throw();
    both_.tx.reset();
  }
  void victim() override {
    both_.rx.reset();
    begin();
    auto mine = transport::adopt_memfd_sender(where_, std::move(*packed_), how_).or_throw();
    for (std::uint64_t n = 0; n < 2; ++n) {
      send(*mine, n).or_throw();
      write(notes_->sent, n + 1);
    }
    mine->close();
    write(notes_->done, 1);
    end();
  }
  verdict judge() override {
    return judged([&] {
      packed_.reset();  // the victim is dead, and now nobody has the other end
      std::uint64_t came = 0;
      unsigned deaths = 0;
      for (;;) {
        auto next = receive(*both_.rx, shortly());
        if (next) demand(*next == came++, "a message is lost or came twice");
        else if (next.error() == errc::peer_died) ++deaths;
        else {
          demand(next.error() == errc::closed, "its end is not told: " + next.error().message());
          break;
        }
      }
      demand(came >= read(notes_->sent), "a message is lost");
      demand(deaths <= 1, "a death is reported twice");
      demand(read(notes_->done) == 0 || deaths == 0, "it had left, and is reported as dead");
      three_lives();
      return std::to_string(came) + (deaths != 0 ? " came, died" : " came, left");
    });
  }
};

class travelled_receiver : public on_memory_without_a_name {
 public:
  void fresh() override {
    on_memory_without_a_name::fresh();
    for (std::uint64_t n = 0; n < 3; ++n) send(*both_.tx, n).or_throw();
    packed_ = both_.rx->give().or_throw();
    both_.rx.reset();
  }
  void victim() override {
    both_.tx.reset();
    begin();
    auto mine = transport::adopt_memfd_receiver(where_, std::move(*packed_), how_).or_throw();
    for (std::uint64_t n = 0; n < 2; ++n) {
      demand(receive(*mine, patience::none()).or_throw() == n, "a message is lost or came twice");
      write(notes_->got, n + 1);
    }
    mine->close();
    write(notes_->done, 1);
    end();
  }
  verdict judge() override {
    return judged([&] {
      packed_.reset();
      error told(errc::would_block, "send");
      for (std::uint64_t n = 0; n < 12; ++n) {  // more than there is room for, if nobody takes any
        auto sent = send(*both_.tx, n);
        if (sent) continue;
        told = sent.error();
        if (told != errc::would_block) break;
        ::poll(nullptr, 0, 2);  // who does not wait asks for deaths at most once in a millisecond
      }
      demand(told == errc::closed || told == errc::peer_died, "its end is not told: " + told.message());
      demand(read(notes_->done) == 0 || told == errc::closed, "it had left, and is reported as dead");
      demand(send(*both_.tx, 9).failed_with(errc::closed), "told twice");
      three_lives();
      return std::to_string(read(notes_->got)) + (told == errc::closed ? " taken, left" : " taken, died");
    });
  }
};

}  // namespace

void add_memfd_operations(entries& all) {
  all.push_back(row<travelled_sender>("memfd: a sender that travelled sends and leaves", steps));
  all.push_back(row<travelled_receiver>("memfd: a receiver that travelled receives and leaves", steps));
}

}  // namespace transom::step
