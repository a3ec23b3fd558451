// examples/05_graceful_shutdown/main.cpp - SIGTERM ends a server in good order: what it has accepted is still done.
#include <transom/channel.hpp>
#include <transom/process.hpp>

#include <unistd.h>

#include <csignal>
#include <fstream>
#include <iostream>
#include <string>

int serve(const std::string& url, const std::string& pid_file) {
  // First of all, before any thread: from here on SIGTERM and SIGINT are a request and interrupt nothing.
  transom::stop_on_signals stop{SIGINT, SIGTERM};
  transom::receiver<int> jobs{url, {.keep_open = true}};  // clients come and go
  std::ofstream(pid_file) << ::getpid() << '\n';

  int done = 0, sum = 0;
  const auto perform = [&](int job) { sum += job, ++done; };
  while (const auto job = jobs.recv(stop.token())) perform(*job);  // canceled: the loop ends between two jobs

  const int before = done;
  while (const auto job = jobs.try_recv()) perform(*job);  // whoever was told "accepted" was not told a lie
  std::cout << "signal " << stop.signal() << ": " << done << " jobs done, sum " << sum << '\n'
            << done - before << " of them after the signal\n";
  ::unlink(pid_file.c_str());
  return 0;
}  // the receiver closes: clients that are still there see `closed`, not a death

int send(const std::string& url, int count) {
  transom::sender<int> jobs{url};
  for (int n = 1; n <= count; ++n) jobs.send(n).or_throw();
  std::cout << count << " jobs accepted\n";
  return 0;
}

int main(int argc, char** argv) {
  const std::string role = argc > 3 ? argv[1] : "";
  if (role == "serve") return serve(argv[2], argv[3]);
  if (role == "send") return send(argv[2], std::stoi(argv[3]));
  std::cerr << "usage: graceful_shutdown serve URL PID-FILE | send URL COUNT\n";
  return 2;
}
