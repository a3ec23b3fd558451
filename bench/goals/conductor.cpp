// bench/goals/conductor.cpp - see conductor.hpp.
#include "bench/goals/conductor.hpp"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "bench/goals/idle_polling.hpp"
#include "transom/process/inherited.hpp"

namespace goals {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

constexpr auto longest = 60s;
constexpr auto grace = 300ms;
enum : int { done_well = 0, gave_up = 1, refused_it = 3, was_abandoned = 4 };

template <std::size_t Size>
void put(char (&into)[Size], const std::string& text) {
  into[text.copy(into, Size - 1)] = '\0';
}

bool ended_within(const transom::child& c, std::chrono::milliseconds time) {
  pollfd item{c.fd(), POLLIN, 0};
  return ::poll(&item, 1, static_cast<int>(time.count())) == 1;
}

std::string how_it_ended(const transom::exit_status& status) {
  if (status.signal != 0) return std::string("a side was ended by ") + ::strsignal(status.signal);
  return "a side ended with status " + std::to_string(status.code);
}

}  // namespace

conductor::conductor(std::string scheme, std::stop_token stop) : scheme_(std::move(scheme)), stop_(std::move(stop)) {
  std::string made = "/dev/shm/transom-goals-XXXXXX";
  if (::mkdtemp(made.data()) == nullptr) throw std::system_error(errno, std::generic_category(), "mkdtemp in /dev/shm");
  directory_ = made;
}

conductor::~conductor() {
  roudi_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

answer conductor::measure(const contender& who, const task& what) {
  if (who.play == nullptr) return {answer::kind::not_installed, std::string("not installed: ") + who.package, {}};
  if (who.refuses != nullptr) {
    if (std::string words = who.refuses(what); !words.empty()) return {answer::kind::refused, std::move(words), {}};
  }
  if (&who == &iceoryx() && roudi_ == nullptr && no_roudi_.empty()) roudi_ = roudi::start(directory_, no_roudi_);
  if (&who == &iceoryx() && roudi_ == nullptr) return {answer::kind::failed, no_roudi_, {}};
  answer got = run(who, what);
  sweep();
  return got;
}

answer conductor::run(const contender& who, const task& what) {
  idle_polling awake(what.idle_polling);
  if (!awake.words().empty()) return {answer::kind::refused, awake.words(), {}};
  const meeting met = prepare(who, what);
  if (what.what == pattern::recovery) return kill_again_and_again(met);
  transom::child answering = start(met, false), beginning = start(met, true);
  std::string words;
  const bool well = both_ended(beginning, answering, words);
  return judge(met, well, std::move(words));
}

meeting conductor::prepare(const contender& who, const task& what) {
  meeting met = meeting::make(who.arena == nullptr ? 0 : who.arena(what));
  page& p = met.page();
  p.task = what;
  put(p.directory, directory_);
  put(p.token, "goals-" + std::to_string(::getpid()) + "-" + std::to_string(++measured_));
  put(p.scheme, scheme_);
  while (everybody()[p.contender] != &who) ++p.contender;
  return met;
}

transom::child conductor::start(const meeting& met, bool begins) const {
  return transom::command{"/proc/self/exe"}
      .arg("--side")
      .arg(begins ? "0" : "1")
      .env("TRANSOM_DIR", directory_)
      .give("meeting", met.another_fd())
      .spawn()
      .or_throw();
}

bool conductor::both_ended(transom::child& one, transom::child& other, std::string& words) {
  const auto until = clock::now() + longest;
  transom::child* running[] = {&one, &other};
  bool well = true;
  for (int left = 2; left > 0;) {
    pollfd items[] = {{running[0]->fd(), POLLIN, 0}, {running[1]->fd(), POLLIN, 0}};
    ::poll(items, static_cast<nfds_t>(left), 100);
    if (stop_.stop_requested()) throw transom::exception(transom::error(transom::errc::canceled, "measure"));
    if (clock::now() > until) {
      words = "no end within " + std::to_string(longest.count()) + " s";
      return false;  // the children's destructors kill
    }
    for (int i = left - 1; i >= 0; --i) {
      if (items[i].revents == 0) continue;
      const auto status = running[i]->wait().or_throw();
      if (!status.success() && well) {
        well = false;
        if (status.signal != 0 || status.code > was_abandoned) words = how_it_ended(status);
        if (left == 2) ended_within(*running[1 - i], grace);  // it may have words of its own
        return false;
      }
      running[i] = running[left - 1];
      --left;
    }
  }
  return well;
}

answer conductor::judge(const meeting& met, bool ended_well, std::string words) const {
  const page& p = met.page();
  answer got;
  if (!ended_well) {
    got.what = p.refused.load(std::memory_order_acquire) == refused_it ? answer::kind::refused : answer::kind::failed;
    for (const auto& said : p.words) {
      if (said[0] != '\0') words += (words.empty() ? "" : "; ") + std::string(said);
    }
    got.words = words.empty() ? "it failed without a word" : words;
    return got;
  }
  got.what = answer::kind::measured;
  const outcome &begun = p.results[0], &answered = p.results[1];
  got.result = p.task.what == pattern::stream ? answered : begun;
  outcome& all = got.result;
  if (p.task.what == pattern::open_close) {
    for (auto part : {&outcome::best, &outcome::p50, &outcome::p90, &outcome::p99, &outcome::p999, &outcome::max})
      all.*part += answered.*part;
  }
  all.cpu_ns = begun.cpu_ns + answered.cpu_ns;
  all.preempted = begun.preempted + answered.preempted;
  all.sleeps = answered.sleeps;
  return got;
}

void conductor::sweep() const {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(directory_, ignored))
    if (roudi_ == nullptr || entry.path().filename() != roudi::file_name) std::filesystem::remove_all(entry, ignored);
  // What a killed side may have left under a name outside of the directory.
  const std::string token = "goals-" + std::to_string(::getpid()) + "-" + std::to_string(measured_);
  for (const char* way : {"-there", "-back"}) std::filesystem::remove("/dev/shm/" + token + way, ignored);
}

int take_side(const std::string& which) {
  side s(meeting::open(transom::inherited<transom::fd>("meeting")), which == "0");
  auto& words = s.page().words[s.begins() ? 0 : 1];
  int code = gave_up;
  try {
    everybody().at(s.page().contender)->play(s);
    return done_well;
  } catch (const refusal& e) {
    code = refused_it;
    put(words, e.what());
  } catch (const abandoned&) {
    return was_abandoned;
  } catch (const std::exception& e) {
    put(words, e.what());
  }
  s.page().refused.store(static_cast<std::uint32_t>(code), std::memory_order_release);
  return code;
}

}  // namespace goals
