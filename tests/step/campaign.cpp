// tests/step/campaign.cpp - see campaign.hpp: the stages, what they write down, and the watchdog over them.
#include "tests/step/campaign.hpp"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstring>
#include <deque>
#include <memory>
#include <span>

#include "tests/step/fixtures.hpp"
#include "transom/os/process.hpp"
#include "transom/shm/storage.hpp"

namespace transom::step {
namespace {

using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr unsigned most_stages = 8;
constexpr std::uint64_t fewest_points = 20;  // of a row, however little time there is
constexpr std::size_t most_findings = 6, most_instructions = 1 << 18;

template <std::size_t Size>
void put(std::array<char, Size>& to, const std::string& text) {
  to.fill('\0');
  std::memcpy(to.data(), text.data(), std::min(text.size(), Size - 1));
}

// What one stage writes down. Only that stage writes here; the watchdog reads when it is over.
struct ledger {
  note begun, finished;  // points; unequal while one is being run
  note current;          // its index
  note bad, drifted;
  struct {
    std::array<char, 48> history;
    note count;
  } histogram[24];
  struct {
    note index;
    std::array<char, 400> what;
  } findings[most_findings];

  void enter(std::size_t index, const verdict& result) {
    for (auto& slot : histogram) {
      if (read(slot.count) != 0 && result.history != slot.history.data()) continue;
      if (read(slot.count) == 0) put(slot.history, result.history);
      write(slot.count, read(slot.count) + 1);
      break;
    }
    if (result.wrong.empty()) return;
    if (const auto at = read(bad); at < most_findings) {
      write(findings[at].index, index);
      put(findings[at].what, result.wrong);
    }
    write(bad, read(bad) + 1);
  }
};

struct measured {
  struct way {
    note instructions, place_count, call_count;
    std::array<std::uint64_t, most_instructions> places, calls;
  } ways[2];
};

struct board {
  note next;
  ledger ledgers[most_stages];
};

std::string directory_of(unsigned stage) {
  return "/dev/shm/transom-step-" + std::to_string(::getpid()) + "-" + std::to_string(stage);
}

// A child with a directory of its own, ended with all it started at the latest with this object.
class stage {
 public:
  template <typename Body>
  stage(unsigned number, Body body) : directory_(directory_of(number)), pid_(::fork()), made_(pid_) {
    if (pid_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::setenv("TRANSOM_DIR", usual_name_in(directory_).c_str(), 1);
    int status = 0;
    try {
      body();
    } catch (const std::exception& fault) {
      std::fprintf(stderr, "stage: %s\n", fault.what());
      status = 98;
    }
    ::_exit(status);
  }
  stage(stage&& other) noexcept
      : directory_(std::move(other.directory_)),
        pid_(std::exchange(other.pid_, -1)),
        made_(std::exchange(other.made_, 0)) {}
  stage& operator=(stage&&) = delete;
  ~stage() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    shm::storage::remove(segment_of(made_)).ignore();
    shm::storage::remove(shm::storage_name::system_v(key_in(directory_), 1)).ignore();
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  // Waits at most `time`; true: it has ended, and status() says how.
  bool ended(milliseconds time) {
    if (pid_ <= 0) return true;
    if (auto handle = os::process::open(pid_)) {
      pollfd end{.fd = handle->fd(), .events = POLLIN, .revents = 0};
      ::poll(&end, 1, static_cast<int>(time.count()));
    }
    if (::waitpid(pid_, &status_, WNOHANG) != pid_) return false;
    pid_ = -1;
    return true;
  }
  std::string fault() const {
    if (WIFEXITED(status_) && WEXITSTATUS(status_) == 0) return {};
    if (WIFEXITED(status_)) return "the stage ended with status " + std::to_string(WEXITSTATUS(status_));
    return "the stage ended by signal " + std::to_string(WTERMSIG(status_));
  }

 private:
  std::string directory_;
  pid_t pid_;
  pid_t made_;  // what it may leave outside of its directory bears this number
  int status_ = 0;
};

milliseconds patience_of(proof of, const traces& known) {
  const std::uint64_t steps = known.victim.instructions + known.partner.instructions;
  return milliseconds((of == proof::pairs ? 1000 : 5000) + steps / 10);
}

// Puts one trace where the parent finds it, and takes it from there.
void keep(measured::way& to, const trace& from) {
  const auto copy = [](const auto& source, auto& target, note& count) {
    const std::size_t size = std::min(source.size(), most_instructions);
    std::copy_n(source.begin(), size, target.begin());
    write(count, size);
  };
  copy(from.places, to.places, to.place_count);
  copy(from.calls, to.calls, to.call_count);
  write(to.instructions, from.instructions);
}

trace kept(const measured::way& from) {
  trace way;
  way.instructions = read(from.instructions);
  way.places.assign(from.places.begin(), from.places.begin() + static_cast<std::ptrdiff_t>(read(from.place_count)));
  way.calls.assign(from.calls.begin(), from.calls.begin() + static_cast<std::ptrdiff_t>(read(from.call_count)));
  way.prepare();
  return way;
}

// The stages of one campaign.
class crew {
 public:
  crew(const entry& row, const campaign& how, const traces& known, std::span<const point> points, outcome& out)
      : row_(row), how_(how), known_(known), points_(points), out_(out) {}

  void work() {
    const unsigned count = std::min({how_.stages, most_stages, static_cast<unsigned>(points_.size())});
    for (unsigned number = 0; number < count; ++number) hands_.push_back(hire(number));
    while (!hands_.empty()) {
      for (std::size_t at = 0; at < hands_.size();) at = watch(at);
    }
    for (unsigned number = 0; number < most_stages; ++number) collect(board_->ledgers[number]);
  }

 private:
  struct hand {
    unsigned number = 0;
    std::unique_ptr<stage> runs;
    std::uint64_t begun = 0;
    clock::time_point since = clock::now();
  };

  hand hire(unsigned number) {
    auto& mine = board_->ledgers[number];
    write(mine.finished, read(mine.begun));
    const std::uint64_t begun = read(mine.begun);
    return {number, std::make_unique<stage>(number, [&] { go_through(mine); }), begun};
  }

  void go_through(ledger& mine) {
    const auto what = row_.make();
    warm_up(*what, how_.of);
    for (;;) {
      const auto index = board_->next.fetch_add(1, sync::relaxed);
      if (index >= points_.size() || (index >= fewest_points && out_of_time())) return;
      write(mine.current, index);
      write(mine.begun, read(mine.begun) + 1);
      run_one(*what, mine, index);
      write(mine.finished, read(mine.finished) + 1);
    }
  }

  bool out_of_time() const {
    return how_.seconds > 0 && clock::now() - start_ > std::chrono::duration<double>(how_.seconds);
  }
  void run_one(operation& what, ledger& mine, std::size_t index) {
    bool drifted = false;
    mine.enter(index, run_at(what, how_.of, known_, points_[index], drifted));
    if (drifted) write(mine.drifted, read(mine.drifted) + 1);
  }

  // Looks after one hand; returns the index of the next one to look at.
  std::size_t watch(std::size_t at) {
    hand& one = hands_[at];
    const auto& mine = board_->ledgers[one.number];
    const bool over = one.runs->ended(milliseconds(5));
    const std::string fault = over ? one.runs->fault() : "";
    if (over && fault.empty()) {
      hands_.erase(hands_.begin() + static_cast<std::ptrdiff_t>(at));
      return at;
    }
    if (const std::uint64_t begun = read(mine.begun); begun != one.begun) {
      one.begun = begun;
      one.since = clock::now();
    }
    const bool late = clock::now() - one.since > patience_of(how_.of, known_);
    if (!over && !late) return at + 1;

    const std::size_t index = read(mine.current);
    const bool in_point = read(mine.begun) != read(mine.finished);
    const unsigned number = one.number;
    one.runs.reset();
    if (!in_point) {
      out_.fault = over ? fault : "a stage hangs between two points";
      write(board_->next, points_.size());
      hands_.erase(hands_.begin() + static_cast<std::ptrdiff_t>(at));
      return at;
    }
    settle(number, index, over ? fault : "hangs");
    // A control has shown what it had to when it hung a few times.
    if (row_.must_fail && out_.hung >= 4) write(board_->next, points_.size());
    hands_[at] = hire(number);
    return at + 1;
  }

  // A hang may be a machine that had no time for us: so once more, alone, with more patience. Nothing excuses a crash.
  void settle(unsigned number, std::size_t index, const std::string& what) {
    auto& mine = board_->ledgers[number];
    if (what == "hangs") {
      if (!row_.must_fail) {
        stage again(number, [&] {
          const auto operation = row_.make();
          run_one(*operation, mine, index);
        });
        if (again.ended(5 * patience_of(how_.of, known_)) && again.fault().empty()) return;
      }
      ++out_.hung;
    }
    mine.enter(index, {.history = what == "hangs" ? what : "crashed", .wrong = what});
  }

  void collect(const ledger& from) {
    for (const auto& slot : from.histogram) {
      if (read(slot.count) == 0) continue;
      out_.histogram[slot.history.data()] += read(slot.count);
      out_.points += read(slot.count);
    }
    for (std::size_t at = 0; at < std::min<std::size_t>(read(from.bad), most_findings); ++at)
      out_.findings.push_back({points_[read(from.findings[at].index)], from.findings[at].what.data()});
    out_.bad += read(from.bad);
    out_.drifted += read(from.drifted);
  }

  const entry& row_;
  const campaign& how_;
  const traces& known_;
  std::span<const point> points_;
  outcome& out_;
  clock::time_point start_ = clock::now();
  shared<board> board_;
  std::deque<hand> hands_;
};

}  // namespace

bool outcome::crossed() const noexcept {
  std::size_t good = 0;
  for (const auto& [history, count] : histogram) good += history != "bad" && history != "hangs" && history != "crashed";
  return good >= 2;
}

bool outcome::passed(const entry& row, proof of) const noexcept {
  if (!fault.empty() || points == 0) return false;
  if (row.must_fail) return bad > 0;
  return bad == 0 && (of != proof::step || crossed());
}

prepared prepare(const entry& row, proof of) {
  const auto start = clock::now();
  prepared out{.row = &row, .known = {}, .fault = {}, .seconds = 0};
  const shared<measured> notes;
  stage one(0, [&] {
    const auto what = row.make();
    const traces known = measure(*what, of);
    keep(notes->ways[0], known.victim);
    keep(notes->ways[1], known.partner);
  });
  if (!one.ended(milliseconds(60000))) out.fault = "it never reaches its end, even if nobody is killed";
  else out.fault = one.fault();
  out.known = {kept(notes->ways[0]), kept(notes->ways[1])};
  if (out.fault.empty() && out.known.victim.instructions == 0) out.fault = "it has no instruction";
  out.seconds = std::chrono::duration<double>(clock::now() - start).count();
  return out;
}

outcome run(const prepared& row, const campaign& how) {
  const auto start = clock::now();
  outcome out;
  out.fault = row.fault;
  out.instructions = row.known.victim.instructions;
  out.partner_instructions = row.known.partner.instructions;
  if (out.fault.empty()) {
    const std::vector<point> points = choose(how, row.known);
    crew(*row.row, how, row.known, points, out).work();
  }
  out.seconds = row.seconds + std::chrono::duration<double>(clock::now() - start).count();
  return out;
}

}  // namespace transom::step
