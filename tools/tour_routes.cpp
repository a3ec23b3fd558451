// tools/tour_routes.cpp - see tour_routes.hpp.
#include "tools/tour_routes.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <thread>

#include <fmt/core.h>

#include "tools/message_pump.hpp"
#include "tools/udp_courier.hpp"
#include "transom/channel/end_access.hpp"

namespace tools {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;
using transom::bytes;
using transom::errc;
using out_end = transom::sender<bytes>;
using in_end = transom::receiver<bytes>;

constexpr int pings = 300, warm_up = 50;
constexpr std::size_t ping_size = 64;

std::size_t piece_size(out_end& tx) {
  return std::min<std::size_t>(65'536, transom::detail::end_access::core_of(tx).largest_message);
}

// First questions, each answered; then the file.
transom::result<void> produce_over(out_end& tx, in_end& back, const std::string& file) {
  const bytes ping(ping_size);
  bytes pong(ping_size);
  for (int i = 0; i < pings; ++i) {
    if (auto ok = tx.send(ping); !ok) return ok;
    if (auto n = back.recv_into(pong); !n) return n.error();
  }
  byte_source source({file});
  bytes piece(piece_size(tx));
  for (;;) {
    auto n = source.read(piece, {});
    if (!n) return n.error();
    if (*n == 0) break;
    if (auto ok = tx.send(std::span<const std::byte>(piece).first(*n)); !ok) return ok;
  }
  tx.close();
  return {};
}

transom::result<arrival> consume_over(in_end& rx, out_end& back, std::size_t size, const std::stop_token& stop) {
  arrival got;
  bytes ping(ping_size);
  std::vector<std::int64_t> trips;
  auto asked = clock::now();
  for (int i = 0; i < pings; ++i) {
    if (auto n = rx.recv_into_for(ping, 10s, stop); !n) return n.error();
    if (i > warm_up) trips.push_back((clock::now() - asked) / 1ns);
    asked = clock::now();
    if (auto ok = back.send(std::span<const std::byte>(ping), stop); !ok) return ok.error();
  }
  std::ranges::nth_element(trips, trips.begin() + static_cast<std::ptrdiff_t>(trips.size() / 2));
  got.p50_ns = trips[trips.size() / 2] / 2;

  got.data.resize(size + 65'536);  // whatever is more than announced would show as a difference
  std::size_t at = 0;
  const auto begun = clock::now();
  for (;;) {
    auto n = rx.recv_into_for(std::span(got.data).subspan(at), 10s, stop);
    if (n.failed_with(errc::closed)) break;
    if (!n) return n.error();
    at += *n;
    ++got.messages;
  }
  got.seconds = std::chrono::duration<double>(clock::now() - begun).count();
  got.data.resize(at);
  return got;
}

transom::command producer(const std::string& out, const std::string& back, const std::string& file) {
  return transom::command{"/proc/self/exe"}.arg("tour").arg("--produce").arg(out).arg(back).arg(file);
}

transom::result<arrival> check_producer(transom::result<arrival> got, transom::child& c) {
  if (!got) return got;
  auto ended = c.wait_for(10s);
  if (!ended) return ended.error();
  if (!ended->success())
    return transom::error(errc::remote, "tour",
                          transom::place("producer", "it ended with status " + std::to_string(ended->code)));
  return got;
}

// Named mechanisms: the way out and the way back are two names of the same scheme.
transom::result<arrival> travel_named(const std::string& out, const std::string& back_url, const std::string& file,
                                      std::size_t size, const std::stop_token& stop) {
  auto rx = in_end::open(out);
  if (!rx) return rx.error();
  auto child = producer(std::string(rx->url()), back_url, file).spawn();
  if (!child) return child.error();
  auto back = out_end::open(back_url);
  if (!back) return back.error();
  return check_producer(consume_over(*rx, *back, size, stop), *child);
}

// Anonymous ones: the ends are given to the child.
transom::result<arrival> travel_given(const std::string& url, const std::string& file, std::size_t size,
                                      const std::stop_token& stop) {
  transom::channel<bytes> there(url), back(url);
  auto child = producer("", "", file).give("out", std::move(there.tx)).give("back", std::move(back.rx)).spawn();
  if (!child) return child.error();
  return check_producer(consume_over(there.rx, back.tx, size, stop), *child);
}

// A descriptor that the child finds open: the ends of two pipes, adopted by number on both sides.
transom::result<arrival> travel_descriptor(const std::string& file, std::size_t size, const std::stop_token& stop) {
  auto there = transom::os::pipe::make(), back = transom::os::pipe::make();
  if (!there) return there.error();
  if (!back) return back.error();
  auto child = producer("fd", "fd", file)
                   .give("out", std::move(there->writer).release())
                   .give("back", std::move(back->reader).release())
                   .spawn();
  if (!child) return child.error();
  auto rx = in_end::open("fd:" + std::to_string(std::move(there->reader).release().release()));
  if (!rx) return rx.error();
  auto tx = out_end::open("fd:" + std::to_string(std::move(back->writer).release().release()));
  if (!tx) return tx.error();
  return check_producer(consume_over(*rx, *tx, size, stop), *child);
}

transom::result<arrival> travel_inproc(const std::string& file, std::size_t size, const std::stop_token& stop) {
  transom::channel<bytes> there("inproc:"), back("inproc:");
  std::jthread thread(
      [tx = std::move(there.tx), rx = std::move(back.rx), &file]() mutable { produce_over(tx, rx, file).ignore(); });
  auto got = consume_over(there.rx, back.tx, size, stop);
  if (got) got->note = "between threads";
  there.rx.close();
  return got;
}

transom::result<arrival> travel_udp(const std::string& file, std::size_t size, const std::stop_token& stop) {
  auto rx = courier_receiver::open("udp://127.0.0.1:0");
  if (!rx) return rx.error();
  auto child = producer(std::string(rx->url()), "", file).spawn();
  if (!child) return child.error();
  arrival got;
  got.note = "lossy: pieces are numbered and acknowledged by the two programs";
  got.data.reserve(size);
  auto begun = clock::now();
  for (;;) {
    auto piece = rx->next(stop);
    if (piece.failed_with(errc::closed)) break;
    if (!piece) return piece.error();
    if (got.messages++ == 0) begun = clock::now();
    got.data.insert(got.data.end(), piece->begin(), piece->end());
    got.seconds = std::chrono::duration<double>(clock::now() - begun).count();
  }
  return check_producer(std::move(got), *child);
}

}  // namespace

const std::vector<std::string>& tour_schemes() {
  static const std::vector<std::string> schemes{"inproc",      "pipe",       "fd",       "fifo",    "unix",
                                                "unix+stream", "unix+dgram", "posix-mq", "sysv-mq", "shm",
                                                "posix-shm",   "sysv-shm",   "memfd",    "tcp",     "udp"};
  return schemes;
}

transom::result<arrival> travel(const std::string& scheme, const std::string& file, std::size_t size,
                                const std::stop_token& stop) {
  const std::string id = std::to_string(::getpid());
  if (scheme == "inproc") return travel_inproc(file, size, stop);
  if (scheme == "pipe") return travel_given("pipe:", file, size, stop);
  if (scheme == "fd") return travel_descriptor(file, size, stop);
  if (scheme == "udp") return travel_udp(file, size, stop);
  if (scheme == "memfd") return travel_given("memfd:", file, size, stop);
  if (scheme == "shm")
    return travel_named("shm://transom-tour-" + id, "shm://transom-tour-back-" + id, file, size, stop);
  if (scheme == "posix-mq" || scheme == "posix-shm")
    return travel_named(scheme + ":///transom-tour-" + id, scheme + ":///transom-tour-back-" + id, file, size, stop);
  if (scheme == "sysv-mq" || scheme == "sysv-shm") {
    const int first = 1 + (::getpid() % 127) * 2;
    const std::string path = scheme + ":///proc/self/exe?id=";
    return travel_named(path + std::to_string(first), path + std::to_string(first + 1), file, size, stop);
  }
  if (scheme == "tcp") {
    // The way back needs a port that is known before the producer owns it.
    auto free_port = in_end::open("tcp://127.0.0.1:0");
    if (!free_port) return free_port.error();
    const std::string back(free_port->url());
    free_port->close();
    return travel_named("tcp://127.0.0.1:0", back, file, size, stop);
  }
  const std::string path = scheme + ":///tmp/transom-tour-" + id;
  return travel_named(path, path + "-back", file, size, stop);
}

int produce(const std::string& out, const std::string& back, const std::string& file) {
  transom::result<void> done;
  if (is_udp(out)) {
    auto courier = courier_sender::open(out);
    if (!courier) done = courier.error();
    byte_source source({file});
    bytes piece(courier_sender::piece_size);
    while (done) {
      auto n = source.read(piece, {});
      if (!n) done = n.error();
      else if (*n == 0) break;
      else done = courier->send(std::span(piece).first(*n), {});
    }
    if (done) done = courier->finish({});
  } else if (out.empty()) {
    auto tx = transom::inherited<out_end>("out");
    auto rx = transom::inherited<in_end>("back");
    done = produce_over(tx, rx, file);
  } else if (out == "fd") {
    out_end tx("fd:" + std::to_string(transom::inherited<transom::fd>("out").release()));
    in_end rx("fd:" + std::to_string(transom::inherited<transom::fd>("back").release()));
    done = produce_over(tx, rx, file);
  } else {
    in_end rx(back);
    out_end tx(out);
    done = produce_over(tx, rx, file);
  }
  return done ? 0 : failed("tour (producer)", done.error());
}

}  // namespace tools
