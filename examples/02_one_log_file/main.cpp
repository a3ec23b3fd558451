// examples/02_one_log_file/main.cpp - many processes, one log file: how lines get torn, and two ways to keep them
// whole.
#include <transom/channel.hpp>
#include <transom/process.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

constexpr int writers = 4, lines_each = 1000;
constexpr std::size_t line_length = 60;

// "3 0417 ddddd...": who, which, and a letter of its own to the end, so that a torn line shows.
std::string line_of(int writer, int number) {
  std::array<char, 16> head{};
  std::snprintf(head.data(), head.size(), "%d %04d ", writer, number);
  std::string line = head.data();
  line.resize(line_length, static_cast<char>('a' + writer));
  return line + '\n';
}

struct log_file {
  transom::fd file;
  explicit log_file(const std::string& path)
      : file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) {}
  void write(const char* data, std::size_t size) const {
    if (::write(file.get(), data, size) != static_cast<ssize_t>(size)) std::perror("write"), std::exit(1);
  }
};

// A writer waits until the parent closes its end of "go": all start at once.
int write_lines(const std::string& how, int writer, const std::string& where) {
  transom::inherited<transom::receiver<int>>("go").recv().ignore();
  if (how == "through-one") {
    transom::sender<std::string> to{where};
    for (int n = 0; n < lines_each; ++n) to.send(line_of(writer, n)).or_throw();
    return 0;
  }
  const log_file log(where);
  for (int n = 0; n < lines_each; ++n) {
    const std::string line = line_of(writer, n);
    if (how == "in-one-piece") {
      log.write(line.data(), line.size());
    } else {
      log.write(line.data(), 7);  // as a program does that prints the parts of a line as it knows them
      log.write(line.data() + 7, line.size() - 7);
    }
  }
  return 0;
}

std::vector<transom::child> start_writers(const std::string& how, const std::string& where) {
  std::vector<transom::child> running;
  std::vector<transom::sender<int>> go;
  for (int writer = 0; writer < writers; ++writer) {
    auto [tx, rx] = transom::channel<int>();
    running.push_back(transom::command{"/proc/self/exe"}
                          .arg(how)
                          .arg(std::to_string(writer))
                          .arg(where)
                          .give("go", std::move(rx))
                          .spawn()
                          .or_throw());
    go.push_back(std::move(tx));
  }
  return running;  // `go` ends here, and so does the waiting
}

// The one process that touches the file. It ends when the last of its senders has closed.
void keep(transom::receiver<std::string>& from, const std::string& path) {
  const log_file log(path);
  for (const std::string& line : from) log.write(line.data(), line.size());
}

struct verdict {
  int lines = 0, torn = 0;
};
verdict check(const std::string& path) {
  verdict found;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line); ++found.lines) {
    const int writer = line.empty() ? -1 : line[0] - '0', number = line.size() < 6 ? -1 : std::atoi(line.c_str() + 2);
    if (writer < 0 || number < 0 || line + '\n' != line_of(writer, number)) ++found.torn;
  }
  return found;
}

verdict try_out(const std::string& how, const std::string& path) {
  ::unlink(path.c_str());
  if (how == "through-one") {
    const std::string url = "unix://" + path + ".socket";
    transom::receiver<std::string> lines{url};
    transom::sender<std::string> hold{url};  // so that it does not end between one writer and the next
    auto running = start_writers(how, url);
    std::jthread waiting([&running, held = std::move(hold)]() mutable {
      for (auto& one : running) one.wait().or_throw();
      held.close();
    });
    keep(lines, path);
  } else {
    for (auto& one : start_writers(how, path)) one.wait().or_throw();
  }
  return check(path);
}

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() == 3 && arguments[0] == "keep") {
    transom::receiver<std::string> lines{arguments[1]};
    keep(lines, arguments[2]);
    const auto [count, torn] = check(arguments[2]);
    std::cout << count << " lines, " << torn << " torn\n";
    return 0;
  }
  if (arguments.size() == 2 && arguments[0] == "write") {
    const transom::sender<std::string> hold{arguments[1]};
    for (auto& one : start_writers("through-one", arguments[1])) one.wait().or_throw();
    return 0;
  }
  if (arguments.size() == 3) return write_lines(arguments[0], std::stoi(arguments[1]), arguments[2]);

  const std::string path = arguments.empty() ? "/tmp/transom-log" : arguments[0];
  for (const char* how : {"in-two-pieces", "in-one-piece", "through-one"}) {
    verdict found = try_out(how, path);
    // Nothing forbids that two writers never meet; it only becomes less likely every time.
    for (int again = 0; again < 100 && found.torn == 0 && how == std::string("in-two-pieces"); ++again) {
      found = try_out(how, path);
    }
    std::cout << std::left << std::setw(14) << how << found.lines << " lines, " << found.torn << " torn\n";
  }
  ::unlink(path.c_str());
}
