// tests/soak/named_soak.cpp - see named_soak.hpp.
#include "tests/soak/named_soak.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <optional>
#include <stdexcept>

#include "tests/soak/named_books.hpp"
#include "transom/channel/receiver.hpp"
#include "transom/os/testing.hpp"
#include "transom/process/child.hpp"
#include "transom/process/command.hpp"
#include "transom/process/inherited.hpp"
#include "transom/shm/storage.hpp"
#include "transom/shm/testing.hpp"

namespace transom::soak {
namespace {

using namespace std::chrono_literals;

constexpr const char* role_variable = "TRANSOM_SOAK_ROLE";
constexpr unsigned producers = 3;
constexpr std::int64_t most_patience = 4'000'000'000;

std::int64_t monotonic_ns() {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1'000'000'000LL + t.tv_nsec;
}

named_books* map_books(int memory) {
  void* const page = ::mmap(nullptr, sizeof(named_books), PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
  if (page == MAP_FAILED) throw std::runtime_error("mmap");
  return static_cast<named_books*>(page);
}

// One scheme: rounds on one name.
class named_run {
 public:
  named_run(std::string url, std::uint64_t seed, bool defective = false)
      : url_(std::move(url)), random_(seed), options_seed_(random_()), memory_(::memfd_create("books", MFD_CLOEXEC)) {
    if (::ftruncate(memory_.get(), sizeof(named_books)) != 0) throw std::runtime_error("ftruncate");
    books_ = map_books(memory_.get());
    books_->defective.store(defective ? 1 : 0, sync::relaxed);
  }
  named_run(const named_run&) = delete;
  named_run& operator=(const named_run&) = delete;
  ~named_run() {
    kill_all();
    ::munmap(books_, sizeof(named_books));
  }

  void round(std::uint64_t kills, soak_totals& totals) {
    books_->common.finish.store(0, sync::relaxed);
    books_->common.finished.store(0, sync::relaxed);
    const std::uint64_t first = incarnations_;
    start_consumer();
    for (unsigned i = 0; i < producers; ++i) start_producer(i);
    for (std::uint64_t left = kills; left != 0 && bad() == 0; --left) {
      const std::int64_t next = monotonic_ns() + 500'000 +
                                static_cast<std::int64_t>(random_.below(random_.one_in(4) ? 20'000'000 : 4'000'000));
      do {
        pause();
        measure(totals);
        replace_departed();
      } while (monotonic_ns() < next);
      if (left % 32 == 0) calm(totals);
      const unsigned victim = static_cast<unsigned>(random_.below(producers + 2));
      ++totals.kills;
      if (victim < producers) {
        ++totals.producer_kills;
        kill(producers_[victim]);
        producer_died_[victim] = monotonic_ns();
        start_producer(victim);
      } else {
        ++totals.consumer_kills;
        kill_consumer();
        start_consumer();
      }
    }
    kill_all();
    totals.kills += producers + 1;
    ++totals.consumer_kills;
    totals.producer_kills += producers;
    finish(first, totals);
    ++totals.rounds;
  }

  // The last close without keep.
  void remove(const shm::testing::scratch& records) {
    if (bad() != 0) return;
    options how = named_options(options_seed_);
    how.keep = false;
    auto last = receiver<bytes>::open(url_, how);
    if (!last) return complain(fault::wedged, "the last open: " + last.error().message());
    last->close();
    for (const std::string& file : records.files()) complain(fault::leaked, "left behind: " + file);
  }

  std::uint64_t bad() const { return books_->common.bad(); }
  void add_to(soak_totals& totals) const {
    totals.copied += books_->copied.load(sync::relaxed);
    totals.viewed += books_->viewed.load(sync::relaxed);
    totals.redelivered += books_->redelivered.load(sync::relaxed);
    totals.unnoted += books_->unnoted.load(sync::relaxed);
    totals.messages += messages_;
    for (unsigned i = 0; i < fault_kinds; ++i) totals.faults[i] += books_->common.faults[i].load(sync::relaxed);
    if (bad() != 0) totals.complaints.emplace_back(books_->common.complaint.data());
  }
  void complain(fault what, const std::string& why, std::uint64_t count = 1) {
    books_->common.complain(what, count, why.c_str());
  }

 private:
  child start(const char* role, std::uint64_t incarnation) {
    command program("/proc/self/exe");
    program.env(role_variable, role).env("TRANSOM_SOAK_URL", url_);
    program.env("TRANSOM_SOAK_SEED", std::to_string(random_()));
    program.env("TRANSOM_SOAK_OPTIONS", std::to_string(options_seed_));
    program.env("TRANSOM_SOAK_INCARNATION", std::to_string(incarnation));
    program.give("books", fd(::fcntl(memory_.get(), F_DUPFD_CLOEXEC, 0)));
    return program.spawn().or_throw();
  }
  void start_consumer() { consumer_.emplace(start("consumer", 0)); }
  void start_producer(unsigned i) {
    if (incarnations_ + 1 == named_books::most_incarnations) throw std::runtime_error("too many incarnations");
    running_[i] = ++incarnations_;
    producers_[i].emplace(start("producer", running_[i]));
  }
  static void kill(std::optional<child>& who) {
    if (!who) return;
    who->kill(SIGKILL).ignore();
    who->wait().ignore();
    who.reset();
  }
  void kill_consumer() {
    kill(consumer_);
    if (books_->copies.exchange(0, sync::relaxed) != 0) books_->allowance.fetch_add(1, sync::relaxed);
    died_ = monotonic_ns();
    handled_then_ = books_->common.handled.load(sync::relaxed);
  }
  void measure(soak_totals& totals) {
    const std::int64_t now = monotonic_ns();
    if (died_ != 0 && books_->common.handled.load(sync::relaxed) != handled_then_) {
      totals.recovery_after_consumer.push_back(static_cast<std::uint64_t>(now - died_));
      died_ = 0;
    }
    for (unsigned i = 0; i < producers; ++i) {
      if (producer_died_[i] == 0 || books_->sent[running_[i]].load(sync::relaxed) == 0) continue;
      totals.recovery_after_producer.push_back(static_cast<std::uint64_t>(now - producer_died_[i]));
      producer_died_[i] = 0;
    }
  }
  void kill_all() {
    if (consumer_) consumer_->kill(SIGKILL).ignore();
    for (auto& one : producers_)
      if (one) one->kill(SIGKILL).ignore();
    if (consumer_) kill_consumer();
    for (auto& one : producers_) kill(one);
  }
  // Those who left by themselves.
  void replace_departed() {
    for (unsigned i = 0; i < producers; ++i) {
      if (!producers_[i] || !producers_[i]->try_wait()) continue;
      producers_[i].reset();
      start_producer(i);
    }
    if (consumer_ && consumer_->try_wait() && bad() == 0) complain(fault::torn, "a consumer ended by itself");
  }
  void pause() {
    moment_.once(200us).or_throw();
    (void)moment_.take().or_throw();
  }
  // Until `moved`, at most as long as nobody may stand still.
  void await(auto moved, const char* otherwise) {
    std::int64_t waited = 0;
    for (std::int64_t last = monotonic_ns(); bad() == 0 && !moved();) {
      pause();
      const std::int64_t now = monotonic_ns();
      waited += std::min<std::int64_t>(now - last, 10'000'000);
      last = now;
      if (waited > most_patience) complain(fault::wedged, otherwise);
    }
  }
  void calm(soak_totals& totals) {
    const std::uint64_t handled = books_->common.handled.load(sync::relaxed);
    await([&] { return books_->common.handled.load(sync::relaxed) != handled; }, "the consumer stands still");
    for (unsigned i = 0; i < producers; ++i) {
      const std::uint64_t who = running_[i], sent = books_->sent[who].load(sync::relaxed);
      await(
          [&] {
            replace_departed();
            return running_[i] != who || books_->sent[who].load(sync::relaxed) != sent;
          },
          "a producer stands still");
    }
    ++totals.calms;
  }

  // All are dead. The next consumer is let in at once, gets what is left, and leaves: N3.
  void finish(std::uint64_t first, soak_totals& totals) {
    if (bad() != 0) return;
    died_ = 0;
    producer_died_ = {};
    const std::int64_t died = monotonic_ns();
    const std::uint64_t opened = books_->opened.load(sync::relaxed);
    books_->common.finish.store(1, sync::relaxed);
    start_consumer();
    await([&] { return books_->opened.load(sync::relaxed) != opened; }, "after the death of all nobody gets in");
    totals.recovery_after_consumer.push_back(static_cast<std::uint64_t>(monotonic_ns() - died));
    std::uint64_t handled = books_->common.handled.load(sync::relaxed);
    const auto done = [&] { return books_->common.finished.load(sync::acquire) == 1; };
    while (bad() == 0 && !done()) {
      await([&] { return done() || books_->common.handled.load(sync::relaxed) != handled; },
            "what is left does not come");
      handled = books_->common.handled.load(sync::relaxed);
    }
    if (bad() != 0) return;
    consumer_->wait().ignore();
    consumer_.reset();
    books_->copies.store(0, sync::relaxed);
    for (std::uint64_t i = first + 1; i <= incarnations_; ++i) {
      const std::uint64_t sent = books_->sent[i].load(sync::relaxed), passed = books_->passed[i].load(sync::relaxed);
      messages_ += passed;
      if (sent > passed && sent - passed <= books_->allowance.load(sync::relaxed)) {
        books_->allowance.fetch_add(passed - sent, sync::relaxed);
        books_->unnoted.fetch_add(sent - passed, sync::relaxed);
      } else if (passed < sent) {
        complain(fault::lost, "not all came of what an incarnation had sent", sent - passed);
      } else if (passed > sent + 1) {
        complain(fault::doubled, "more came than an incarnation had sent", passed - sent - 1);
      }
    }
    books_->allowance.store(0, sync::relaxed);
    for (const word& one : books_->shown)
      if (one.load(sync::relaxed) != 0) complain(fault::leaked, "a view is still out at the end");
  }

  const std::string url_;
  dice random_;
  const std::uint64_t options_seed_;
  fd memory_;
  named_books* books_;
  os::timerfd moment_ = os::timerfd::make().or_throw();
  std::optional<child> consumer_;
  std::array<std::optional<child>, producers> producers_;
  std::array<std::uint64_t, producers> running_{};
  std::uint64_t incarnations_ = 0, messages_ = 0, handled_then_ = 0;
  std::int64_t died_ = 0;  // the consumer, whose successor has not handled anything yet
  std::array<std::int64_t, producers> producer_died_{};
};

std::uint64_t number_of(const char* variable) { return std::strtoull(std::getenv(variable), nullptr, 10); }

}  // namespace

void play_the_named_role_if_told() {
  const char* const told = std::getenv(role_variable);
  if (told == nullptr) return;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::alarm(600);  // whatever happens, it does not stay
  {
    const fd memory = inherited<fd>("books");
    const named_role role{std::getenv("TRANSOM_SOAK_URL"), number_of("TRANSOM_SOAK_SEED"),
                          number_of("TRANSOM_SOAK_OPTIONS"), number_of("TRANSOM_SOAK_INCARNATION"),
                          map_books(memory.get())};
    if (std::string_view(told) == "consumer") be_named_consumer(role);
    else be_named_producer(role);
  }
  ::_exit(0);
}

std::vector<soak_row> soak_names(std::uint64_t seed, double seconds, std::uint64_t kills) {
  std::vector<soak_row> rows;
  const os::testing::temporary_directory files;
  const std::string name = os::testing::unique_name(), key = files / "key";
  std::ofstream(key) << "for ftok";
  dice seeds(seed);
  const std::array<std::pair<std::string, std::string>, 3> urls{
      {{"shm", "shm://" + name}, {"posix-shm", "posix-shm:///" + name}, {"sysv-shm", "sysv-shm://" + key + "?id=1"}}};
  for (const auto& [scheme, url] : urls) {
    const shm::testing::scratch records;
    soak_row row{scheme, {}};
    const std::int64_t begin = monotonic_ns();
    const auto share = static_cast<std::int64_t>(seconds * 1e9 / static_cast<double>(urls.size()));
    named_run run(url, seeds());
    for (bool over = false; !over;) {
      run.round(64 + seeds.below(128), row.totals);
      over = run.bad() != 0 || monotonic_ns() - begin >= share || (kills != 0 && row.totals.kills >= kills);
      if (!over && seeds.one_in(2)) continue;  // the next round goes on with the same object
      run.remove(records);
      for (const auto& storage : {shm::storage_name::posix("/" + name), shm::storage_name::system_v(key, 1)}) {
        const auto removed = shm::storage::remove(storage);
        if (run.bad() == 0 && removed && *removed) run.complain(fault::leaked, "the storage itself was left behind");
      }
    }
    run.add_to(row.totals);
    rows.push_back(std::move(row));
  }
  return rows;
}

soak_control soak_names_without_holds(std::uint64_t seed) {
  const shm::testing::scratch records;
  dice seeds(seed);
  soak_totals totals;
  named_run run("shm://" + os::testing::unique_name(), seeds(), true);
  for (int i = 0; i < 4 && run.bad() == 0; ++i) run.round(64, totals);
  run.add_to(totals);
  return control_of("named_no_holds", totals);
}

}  // namespace transom::soak
