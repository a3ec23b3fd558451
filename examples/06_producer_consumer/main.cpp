// examples/06_producer_consumer/main.cpp - the bounded buffer of the textbook, as a pipe and as shared memory with
// empty, full and mutex; and what an item costs on each way.
#include <transom/channel.hpp>
#include <transom/process.hpp>
#include <transom/sync.hpp>

#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <string>
#include <vector>

#include "system_calls.hpp"

struct item {
  long number = 0;
  std::array<long, 7> more{};  // 64 bytes
};

constexpr unsigned slots = 64;

struct bounded_buffer {
  transom::sync::semaphore empty{slots}, full{0};
  transom::sync::mutex mutex;
  std::array<item, slots> items{};
  unsigned in = 0, out = 0;

  void put(const item& one) {
    empty.acquire().or_throw();  // waits while it is full
    auto held = mutex.lock().or_throw();
    items[in++ % slots] = one;
    held.unlock();
    full.release();
  }
  item take() {
    full.acquire().or_throw();  // waits while it is empty
    auto held = mutex.lock().or_throw();
    const item one = items[out++ % slots];
    held.unlock();
    empty.release();
    return one;
  }
};

void produce(long count, auto put) {
  for (long n = 0; n < count; ++n) put(item{.number = n});
}

int consume(long count, auto take) {
  long sum = 0;
  for (long n = 0; n < count; ++n) sum += take().number;
  return sum == count * (count - 1) / 2 ? 0 : 1;
}

// What this process has had the kernel copy in or out with read, write and their kin. proc_pid_io(5).
long bytes_copied() {
  long total = 0, bytes = 0;
  std::ifstream io("/proc/self/io");
  for (std::string what; io >> what >> bytes;) {
    if (what == "rchar:" || what == "wchar:") total += bytes;
  }
  return total;
}

int move_items(const std::string& role, const std::string& way, long count, auto wait) {
  if (way == "pipe" && role == "producer") {
    auto to = transom::inherited<transom::sender<item>>("items");
    wait();
    return produce(count, [&](const item& one) { to.send(one).or_throw(); }), 0;
  }
  if (way == "pipe") {
    auto from = transom::inherited<transom::receiver<item>>("items");
    wait();
    return consume(count, [&] { return from.recv().or_throw(); });
  }
  const transom::shared<bounded_buffer> buffer{way};
  wait();
  if (role == "producer") return produce(count, [&](const item& one) { buffer->put(one); }), 0;
  return consume(count, [&] { return buffer->take(); });
}

// One of the two, started below: it waits until "go" is closed, so that whoever counts can get ready.
int side(const std::string& role, const std::string& way, long count) {
  auto copied = transom::inherited<transom::sender<long>>("copied");
  long before = 0;
  const int status = move_items(role, way, count, [&] {
    transom::inherited<transom::receiver<int>>("go").recv().ignore();
    before = bytes_copied();
  });
  copied.send(bytes_copied() - before).or_throw();
  return status;
}

struct both {
  transom::child producer, consumer;
  std::vector<transom::sender<int>> go;  // they run once these are gone
  std::vector<transom::receiver<long>> copied;
};

both start(const std::string& way, long count) {
  std::vector<transom::sender<int>> go;
  std::vector<transom::receiver<long>> copied;
  const auto prepared = [&](const char* role) {
    auto [tx, rx] = transom::channel<int>();
    auto [copied_tx, copied_rx] = transom::channel<long>();
    go.push_back(std::move(tx));
    copied.push_back(std::move(copied_rx));
    return transom::command{"/proc/self/exe"}
        .arg(role)
        .arg(way)
        .arg(std::to_string(count))
        .give("go", std::move(rx))
        .give("copied", std::move(copied_tx));
  };
  auto producer = prepared("producer"), consumer = prepared("consumer");
  if (way == "pipe") {
    auto [tx, rx] = transom::channel<item>("pipe:");
    producer.give("items", std::move(tx));
    consumer.give("items", std::move(rx));
  }
  return {producer.spawn().or_throw(), consumer.spawn().or_throw(), std::move(go), std::move(copied)};
}

long switches_of_children() {
  rusage used{};
  ::getrusage(RUSAGE_CHILDREN, &used);
  return used.ru_nvcsw + used.ru_nivcsw;
}

void measure(const std::string& name, const std::string& way, long count, long counted) {
  const long switches_before = switches_of_children();
  auto timed = start(way, count);
  const auto began = std::chrono::steady_clock::now();
  timed.go.clear();
  const bool put = timed.producer.wait().or_throw().success(), taken = timed.consumer.wait().or_throw().success();
  const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - began;
  const double switches = static_cast<double>(switches_of_children() - switches_before);
  if (!put || !taken) throw std::runtime_error("an item was lost");
  long copied = 0;
  for (auto& one : timed.copied) copied += one.recv().or_throw();

  // Counting stops the two at every call, so it is a run of its own, and a short one.
  auto watched = start(way, counted);
  const std::array pids{watched.producer.pid(), watched.consumer.pid()};
  const long calls = count_system_calls(pids, [&] { watched.go.clear(); });
  watched.producer.detach();
  watched.consumer.detach();

  const auto items = static_cast<double>(count);
  const double bytes = static_cast<double>(copied) / items;
  std::cout << std::left << std::setw(15) << name << std::right << std::fixed << std::setprecision(0) << std::setw(8)
            << took.count() / items << std::setprecision(2) << std::setw(14)
            << static_cast<double>(calls) / static_cast<double>(counted) << std::setw(18) << switches / items
            << std::setprecision(0) << std::setw(28) << bytes << '\n';
}

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() == 3) {
    const std::string& role = arguments[0];
    const long count = std::stol(arguments[2]);
    if (role == "producer" || role == "consumer") return side(role, arguments[1], count);
    const transom::shared<bounded_buffer> buffer{arguments[1]};
    if (role == "produce") return produce(count, [&](const item& one) { buffer->put(one); }), 0;
    const int wrong = consume(count, [&] { return buffer->take(); });
    std::cout << count << (wrong == 0 ? " items, each once\n" : " items, not the ones that were put\n");
    return wrong;
  }
  std::cout << "64 bytes each     ns/item  system calls  context switches  bytes copied by the kernel\n";
  measure("pipe", "pipe", 50'000, 2'000);
  measure("shared memory", "shm://transom-buffer-" + std::to_string(::getpid()), 50'000, 2'000);
}
