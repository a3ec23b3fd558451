// bench/goals/ours.cpp - Transom as a user has it: sender<T> and receiver<T> by URL, nothing else of the library.
//
// spin: try_send and try_recv in a paced loop. block: plain send and recv, which wait as the library thinks best.
// value: a plain type; in_place: loan() and recv_view(); copied: bytes from and into the caller's memory.
#include <array>
#include <cstring>
#include <type_traits>

#include "bench/goals/contender.hpp"
#include "bench/goals/loops.hpp"
#include "bench/goals/ours.hpp"
#include "transom/transom.hpp"

namespace goals {
namespace {

using transom::bytes;
using transom::errc;

transom::options how(const task& t) {
  return {.capacity = t.depth, .max_message = t.size, .senders = 1, .receivers = 1};
}

// A result that may say would_block, asked for until it does not.
template <typename Attempt>
auto until_done(Attempt attempt) {
  for (;;) {
    auto done = attempt();
    if (done) [[likely]]
      return std::move(done).or_throw();
    if (done.error() != errc::would_block) done.or_throw();
    pause();
  }
}

template <typename T>
std::span<const word> words_of(const T& memory) {
  return {reinterpret_cast<const word*>(std::ranges::data(memory)), std::ranges::size(memory) / sizeof(word)};
}

/// The two ends of this side. Each side owns what it receives from.
template <typename T>
struct ends {
  explicit ends(side& s)
      : rx(transom::receiver<T>::open(our_url(s, s.name_in()), how(s.task())).or_throw()),
        tx(transom::sender<T>::open(our_url(s, s.name_out()), how(s.task())).or_throw()) {}
  transom::receiver<T> rx;
  transom::sender<T> tx;
};

template <std::size_t Words, wait How>
class value_wire : ends<std::array<word, Words>> {
  using T = std::array<word, Words>;

 public:
  explicit value_wire(side& s) : ends<T>(s) {}
  template <typename Fill>
  void send(Fill fill) {
    T message;
    fill(std::span<word, Words>(message));
    if constexpr (How == wait::spin) until_done([&] { return this->tx.try_send(message); });
    else this->tx.send(message).or_throw();
  }
  // Looks at the message inside the result: a copy more would be the bench's own, and its loads would stall behind the
  // narrower stores that made it.
  template <typename Look>
  void recv(Look look) {
    for (;;) {
      auto got = [&] {
        if constexpr (How == wait::spin) return this->rx.try_recv();
        else return this->rx.recv();
      }();
      if (got) [[likely]]
        return look(std::span<const word, Words>(*got));
      if (got.error() != errc::would_block) got.or_throw();
      pause();
    }
  }
};

template <std::size_t Words, wait How>
class loan_wire : ends<std::array<word, Words>> {
  using T = std::array<word, Words>;

 public:
  explicit loan_wire(side& s) : ends<T>(s) {}
  template <typename Fill>
  void send(Fill fill) {
    if constexpr (How == wait::spin) {
      auto slot = until_done([&] { return this->tx.try_loan(); });
      fill(std::span<word, Words>(*slot));
      this->tx.send(std::move(slot)).or_throw();
    } else {
      auto slot = this->tx.loan().or_throw();
      fill(std::span<word, Words>(*slot));
      this->tx.send(std::move(slot)).or_throw();
    }
  }
  template <typename Look>
  void recv(Look look) {
    if constexpr (How == wait::spin) {
      const auto seen = until_done([&] { return this->rx.try_recv_view(); });
      look(std::span<const word, Words>(*seen));
    } else {
      const auto seen = this->rx.recv_view().or_throw();
      look(std::span<const word, Words>(*seen));
    }
  }
};

template <wait How>
class bytes_loan_wire : ends<bytes> {
 public:
  explicit bytes_loan_wire(side& s) : ends<bytes>(s), size_(s.task().size) {}
  template <typename Fill>
  void send(Fill fill) {
    auto slot = [&] {
      if constexpr (How == wait::spin) return until_done([&] { return tx.try_loan(size_); });
      else return tx.loan(size_).or_throw();
    }();
    fill(std::span<word>(reinterpret_cast<word*>(slot.span().data()), size_ / sizeof(word)));
    tx.send(std::move(slot)).or_throw();
  }
  template <typename Look>
  void recv(Look look) {
    const auto seen = [&] {
      if constexpr (How == wait::spin) return until_done([&] { return rx.try_recv_view(); });
      else return rx.recv_view().or_throw();
    }();
    look(words_of(*seen));
  }

 private:
  std::size_t size_;
};

template <wait How>
class copied_wire : ends<bytes> {
 public:
  explicit copied_wire(side& s)
      : ends<bytes>(s), out_(s.task().size / sizeof(word)), in_(s.task().size / sizeof(word)) {}
  template <typename Fill>
  void send(Fill fill) {
    fill(std::span<word>(out_));
    const auto message = std::as_bytes(std::span<const word>(out_));
    if constexpr (How == wait::spin) until_done([&] { return tx.try_send(message); });
    else tx.send(message).or_throw();
  }
  template <typename Look>
  void recv(Look look) {
    const auto room = std::as_writable_bytes(std::span<word>(in_));
    std::size_t n = 0;
    if constexpr (How == wait::spin) n = until_done([&] { return rx.try_recv_into(room); });
    else n = rx.recv_into(room).or_throw();
    look(std::span<const word>(in_).first(n / sizeof(word)));
  }

 private:
  std::vector<word> out_, in_;
};

template <typename Wire>
void play_wire(side& s) {
  Wire wire(s);
  play(wire, s);
}

template <wait How>
void play_waiting(side& s) {
  const task& t = s.task();
  if (t.form == shape::copied) return play_wire<copied_wire<How>>(s);
  if (t.form == shape::in_place) {
    switch (t.size) {
      case 1'024: return play_wire<loan_wire<128, How>>(s);
      case 4'096: return play_wire<loan_wire<512, How>>(s);
      default: return play_wire<bytes_loan_wire<How>>(s);
    }
  }
  switch (t.size) {
    case 56: return play_wire<value_wire<7, How>>(s);
    case 64: return play_wire<value_wire<8, How>>(s);
    case 128: return play_wire<value_wire<16, How>>(s);
    case 256: return play_wire<value_wire<32, How>>(s);
    case 512: return play_wire<value_wire<64, How>>(s);
    default: throw refusal("the bench has no type of that size");
  }
}

void play_channel(side& s) {
  try {
    s.task().waiting == wait::spin ? play_waiting<wait::spin>(s) : play_waiting<wait::block>(s);
  } catch (const transom::exception& e) {
    if (e.reason() == errc::unsupported) throw refusal(e.reason().message());
    throw;
  }
}

}  // namespace

std::string our_url(const side& s, const std::string& name) {
  const std::string scheme = s.page().scheme;
  return scheme.ends_with("shm") ? scheme + "://" + (scheme == "shm" ? "" : "/") + name
                                 : scheme + "://" + s.directory() + "/" + name;
}

const contender& transom_channel() {
  static const contender it{
      .name = "transom",
      .mechanism = "shm",
      .expert =
          "sender<T> and receiver<T>, senders=1, receivers=1, capacity as the row's reference; defaults otherwise",
      .play = play_channel};
  return it;
}

}  // namespace goals
