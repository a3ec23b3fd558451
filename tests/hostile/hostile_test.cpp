// tests/hostile/hostile_test.cpp - a child that was given one end of a memfd: channel scribbles on every byte it may
// write, for TRANSOM_HOSTILE_SECONDS (default 2) in each test, while this process goes on using the other end.
//
// Oracle: every call returns, with a message or an error value; a protocol_error finishes the handle; nothing of this
// process is written but what it read itself (AddressSanitizer watches in the asan build); the memory cannot be
// resized. The control shows that the scribbling is felt: without it none of these errors occurs.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <map>
#include <random>
#include <string>

#include "transom/os/testing.hpp"
#include "transom/transom.hpp"
#include "transom/transport/transport.hpp"

using namespace std::chrono_literals;
using transom::errc;
namespace transport = transom::transport;

namespace {

std::chrono::seconds budget() {
  const char* seconds = std::getenv("TRANSOM_HOSTILE_SECONDS");
  return std::chrono::seconds(seconds == nullptr ? 2 : std::atoi(seconds));
}
std::uint64_t seed() {
  const char* given = std::getenv("TRANSOM_SEED");
  return given == nullptr ? std::random_device()() : std::strtoull(given, nullptr, 0);
}

transport::ends make_pair(const std::string& keys) {
  auto where = transom::url::parse("memfd:?" + keys).or_throw();
  auto how = transom::with_url_keys({}, where).or_throw();
  return std::move(transport::open_pair(where, how, {}).or_throw());
}

// What the child does with the memory it can write.
class scribbler {
 public:
  scribbler(int fd, std::uint64_t from) : random_(from) {
    size_ = static_cast<std::size_t>(::lseek(fd, 0, SEEK_END));
    void* const at = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) ::_exit(3);
    words_ = static_cast<std::uint64_t*>(at);
    if (::ftruncate(fd, 0) == 0 || ::ftruncate(fd, static_cast<long>(2 * size_)) == 0) ::_exit(4);  // sealed
  }
  [[noreturn]] void go_on() {
    for (;;) step();
  }

 private:
  void put(std::size_t word, std::uint64_t value) {
    __atomic_store_n(&words_[word % (size_ / 8)], value, __ATOMIC_RELAXED);
  }
  void step() {
    const std::uint64_t r = random_();
    const std::size_t word = random_() % (size_ / 8);
    switch (r % 16) {
      case 0: put(word, random_()); break;
      case 1: put(word, 0); break;
      case 2: put(word, ~std::uint64_t{0}); break;
      case 3: put(word, random_() % 8); break;
      case 4: ++words_[word]; break;
      case 5: words_[word] ^= std::uint64_t{1} << (r >> 8) % 64; break;
      case 6: put(r % 64, random_() % 512); break;  // the words at the beginning of either memory
      default: plausible(random_() % 256); break;
    }
    if (r % 1024 == 0) std::memset(words_, static_cast<int>(r >> 16), size_ % (random_() % size_ + 1));
  }
  // What a slot may look like, with an offset and a length near the edges.
  void plausible(std::uint64_t n) {
    static constexpr std::uint64_t kinds[] = {0, 1, 8, 55, 56, 57, 0xA0, 0xA0, 0xA0, 0xA1, 0xFF};
    static constexpr std::uint64_t edges[] = {
        0, 1, 56, 57, 64, 4095, 4096, 65535, 65536, 65537, ~std::uint64_t{0}, 1ULL << 63};
    const std::size_t slot = 48 + (n % 64) * 8;  // behind lane_out
    put(slot + 1, edges[random_() % std::size(edges)]);
    put(slot + 2, edges[random_() % std::size(edges)]);
    put(slot, (n + 1) << 8 | kinds[random_() % std::size(kinds)]);
  }
  std::mt19937_64 random_;
  std::size_t size_ = 0;
  std::uint64_t* words_ = nullptr;
};

std::string word_for(const transom::error& e) { return e.code().message(); }

using outcomes = std::map<std::string, std::uint64_t>;

// Receives, forever renewing the channel once it is finished, until time is up; at least one round ends.
outcomes receive_from_hostile(const std::string& keys, bool scribbles) {
  outcomes seen;
  const auto end = std::chrono::steady_clock::now() + budget();
  const std::uint64_t first = seed();
  ::testing::Test::RecordProperty("seed", std::to_string(first));
  std::uint64_t round = 0;
  do {
    auto both = make_pair(keys);
    auto packed = both.tx->give().or_throw();
    transom::os::testing::forked peer([&]() -> int {
      if (!scribbles) ::pause();
      scribbler(packed.descriptors[0].get(), first + round).go_on();
    });
    bool finished = false;
    for (int i = 0; i < 20'000 && !finished; ++i) {
      auto got = both.rx->front(0, transom::patience::until_time(transom::deadline::after(1ms)));
      if (got) {
        for (const std::byte b : got->payload) seen["sum"] += std::to_integer<unsigned>(b);  // each byte is read
        both.rx->release();
        ++seen["message"];
        continue;
      }
      ++seen[word_for(got.error())];
      finished = got.failed_with(errc::protocol_error) || got.failed_with(errc::closed);
      if (std::chrono::steady_clock::now() > end) break;
    }
    if (finished) {
      EXPECT_TRUE(both.rx->front(0, transom::patience::none()).failed_with(errc::closed));
      ++seen["rounds that ended"];
    }
    peer.kill();
    peer.wait();
    ++round;
  } while (std::chrono::steady_clock::now() < end);
  return seen;
}

outcomes send_to_hostile(bool scribbles) {
  outcomes seen;
  const auto end = std::chrono::steady_clock::now() + budget();
  const std::uint64_t first = seed();
  ::testing::Test::RecordProperty("seed", std::to_string(first));
  std::uint64_t round = 0;
  transom::bytes payload(5000);
  do {
    auto both = make_pair("capacity=64");
    auto packed = both.rx->give().or_throw();
    transom::os::testing::forked peer([&]() -> int {
      if (!scribbles) ::pause();
      scribbler(packed.descriptors[1].get(), first + round).go_on();
    });
    bool finished = false;
    for (std::size_t i = 0; i < 20'000 && !finished; ++i) {
      const auto some = std::span(payload).first(i * 37 % payload.size());
      auto done = both.tx->send({.payload = some}, transom::patience::until_time(transom::deadline::after(1ms)));
      ++seen[done ? "sent" : word_for(done.error())];
      finished = !done && !done.failed_with(errc::timed_out);
      if (std::chrono::steady_clock::now() > end) break;
    }
    if (finished) ++seen["rounds that ended"];
    peer.kill();
    peer.wait();
    ++round;
  } while (std::chrono::steady_clock::now() < end);
  return seen;
}

void tell(const outcomes& seen) {
  for (const auto& [what, count] : seen)
    std::printf("    %12llu  %s\n", static_cast<unsigned long long>(count), what.c_str());
}

}  // namespace

TEST(a_hostile_sender, ends_its_own_channel_and_nothing_else) {
  const outcomes seen = receive_from_hostile("capacity=64", true);
  tell(seen);
  EXPECT_GT(seen.contains("rounds that ended") ? seen.at("rounds that ended") : 0, 0u);
}

TEST(a_hostile_sender, ends_nothing_else_where_its_messages_are_read_in_place) {
  const outcomes seen = receive_from_hostile("capacity=64&trust=peer", true);
  tell(seen);
  EXPECT_GT(seen.contains("rounds that ended") ? seen.at("rounds that ended") : 0, 0u);
}

TEST(a_hostile_receiver, ends_its_own_channel_and_nothing_else) {
  const outcomes seen = send_to_hostile(true);
  tell(seen);
  EXPECT_GT(seen.contains("rounds that ended") ? seen.at("rounds that ended") : 0, 0u);
}

TEST(control, a_peer_that_only_waits_causes_none_of_these_errors) {
  const outcomes receiving = receive_from_hostile("capacity=64", false), sending = send_to_hostile(false);
  EXPECT_FALSE(receiving.contains("rounds that ended"));
  EXPECT_FALSE(sending.contains("rounds that ended"));
}
