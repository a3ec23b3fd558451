// examples/04_parallel_job/main.cpp - one job divided over worker processes, each given its next part when it has
// answered the last, and none lost with a worker that dies.
#include <transom/channel.hpp>
#include <transom/process.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <deque>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

struct part {
  long first = 0, last = 0;
};
struct answer {
  long primes = 0;
};

constexpr long below = 200'000, part_size = 5'000;

long count_primes(part p) {
  long found = 0;
  for (long n = std::max(p.first, 2L); n < p.last; ++n) {
    bool prime = true;
    for (long d = 2; prime && d * d <= n; ++d) prime = n % d != 0;
    found += prime ? 1 : 0;
  }
  return found;
}

void work(transom::receiver<part> jobs, transom::sender<answer> answers, bool dies) {
  for (const part& job : jobs) {  // until the other side has nothing more
    if (dies) std::raise(SIGKILL);
    answers.send({count_primes(job)}).or_throw();
  }
}

struct worker {
  transom::sender<part> jobs;
  transom::receiver<answer> answers;
  std::optional<part> in_hand;
  transom::wait_set::id id = 0;
};

class job {
 public:
  explicit job(std::vector<worker> workers) : workers_(std::move(workers)) {
    for (long first = 0; first < below; first += part_size) open_.push_back({first, first + part_size});
    for (worker& one : workers_) one.id = events_.add(one.answers).or_throw();
  }

  long run() {
    for (;;) {
      for (worker& one : workers_) give(one);
      if (std::ranges::none_of(workers_, [](const worker& one) { return one.in_hand.has_value(); })) break;
      for (const auto& event : events_.wait().or_throw()) {
        if (event.kind == transom::wait_set::ended) continue;
        take(*std::ranges::find(workers_, event.id, &worker::id));
      }
    }
    if (!open_.empty()) throw std::runtime_error("no worker is left");
    return total_;
  }

 private:
  void give(worker& to) {
    if (to.in_hand || open_.empty()) return;
    if (!to.jobs.send(open_.front())) return;  // it is gone, or going: then its answers say so
    to.in_hand = open_.front();
    open_.pop_front();
  }

  void take(worker& from) {
    auto came = from.answers.try_recv();
    if (came) {
      total_ += came->primes;
      from.in_hand.reset();
    } else if (came.failed_with(transom::errc::peer_died)) {
      std::cout << "a worker died; its part is given to another\n";
      if (from.in_hand) open_.push_front(*from.in_hand);
      from.in_hand.reset();
      from.jobs.close();
    }
  }

  std::vector<worker> workers_;
  std::deque<part> open_;
  transom::wait_set events_;
  long total_ = 0;
};

double milliseconds_since(std::chrono::steady_clock::time_point began) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began).count();
}

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const std::string role = arguments.empty() ? "" : arguments[0];
  if (role == "child") {  // started below
    work(transom::inherited<transom::receiver<part>>("jobs"), transom::inherited<transom::sender<answer>>("answers"),
         arguments[1] == "that-dies");
    return 0;
  }
  if (role == "work") {  // started by hand
    transom::receiver<part> jobs{arguments[1] + ".jobs"};
    work(std::move(jobs), transom::sender<answer>{arguments[1] + ".answers"}, false);
    return 0;
  }

  std::vector<worker> workers;
  std::vector<transom::child> children;
  if (role == "divide") {
    for (std::size_t i = 1; i < arguments.size(); ++i) {
      transom::receiver<answer> answers{arguments[i] + ".answers"};
      workers.push_back({transom::sender<part>{arguments[i] + ".jobs"}, std::move(answers), {}});
    }
  } else {
    for (int i = 0; i < 4; ++i) {
      auto [jobs_tx, jobs] = transom::channel<part>();
      auto [answers, answers_rx] = transom::channel<answer>();
      children.push_back(transom::command{"/proc/self/exe"}
                             .arg("child")
                             .arg(role == "lose-one" && i == 0 ? "that-dies" : "that-lives")
                             .give("jobs", std::move(jobs))
                             .give("answers", std::move(answers))
                             .spawn()
                             .or_throw());
      workers.push_back({std::move(jobs_tx), std::move(answers_rx), {}});
    }
  }

  auto began = std::chrono::steady_clock::now();
  const std::size_t count = workers.size();
  const long together = job(std::move(workers)).run();
  const double shared_ms = milliseconds_since(began);
  for (auto& one : children) one.wait().or_throw();  // their jobs are closed, so they end
  began = std::chrono::steady_clock::now();
  const long alone = count_primes({0, below});
  std::cout << together << " primes below " << below << ", " << (together == alone ? "as" : "NOT as")
            << " counted alone\n"
            << count << " workers " << shared_ms << " ms, alone " << milliseconds_since(began) << " ms\n";
  return together == alone ? 0 : 1;
}
