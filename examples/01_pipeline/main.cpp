// examples/01_pipeline/main.cpp - generate | filter | sort | count, made of four processes and typed channels.
#include <transom/channel.hpp>
#include <transom/process.hpp>

#include <algorithm>
#include <cctype>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

using words = transom::receiver<std::string>;
using words_out = transom::sender<std::string>;

void generate(words_out out) {
  std::istringstream text(
      "A pipe joins two programs. What one program writes the other program reads, and neither has to know the other. "
      "A pipe is full when the reader is slow, and empty when the writer is slow: the slow one sets the pace.");
  for (std::string word; text >> word;) {
    std::erase_if(word, [](unsigned char c) { return std::ispunct(c) != 0; });
    std::ranges::transform(word, word.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    out.send(word).or_throw();
  }
}  // out closes here: that is the end of the stream

void filter(words in, words_out out) {
  for (auto& word : in) {
    if (word.size() > 3) out.send(std::move(word)).or_throw();
  }
}

void sort(words in, words_out out) {
  std::vector<std::string> all;
  for (auto& word : in) all.push_back(std::move(word));  // nothing is sorted before everything is there
  std::ranges::sort(all);
  for (auto& word : all) out.send(std::move(word)).or_throw();
}

void count(words in) {
  std::vector<std::pair<std::string, int>> groups;
  for (auto& word : in) {
    if (groups.empty() || groups.back().first != word) groups.emplace_back(std::move(word), 0);
    ++groups.back().second;
  }
  for (const auto& [word, times] : groups) {
    if (times > 1) std::cout << times << ' ' << word << '\n';
  }
}

// A stage finds its ends by the names under which the parent gave them; the first of a chain that was begun elsewhere
// opens its source itself, because a name is owned by the process that opened it.
int stage(const std::string& name, const std::string& source) {
  const auto in = [&] { return source.empty() ? transom::inherited<words>("in") : words{source}; };
  const auto out = [] { return transom::inherited<words_out>("out"); };
  if (name == "generate") generate(out());
  else if (name == "filter") filter(in(), out());
  else if (name == "sort") sort(in(), out());
  else if (name == "count") count(in());
  else return 2;
  return 0;
}

// Starts the stages one after the other and joins each to the next; waits for all. An empty source: the first
// generates.
int run(const std::vector<std::string>& stages, const std::string& source) {
  std::vector<transom::child> running;
  std::optional<words> from_before;
  for (const auto& name : stages) {
    auto one = transom::command{"/proc/self/exe"}.arg("stage").arg(name).arg(running.empty() ? source : "");
    if (from_before) one.give("in", std::move(*from_before));
    if (name != stages.back()) {
      auto [tx, rx] = transom::channel<std::string>();
      one.give("out", std::move(tx));
      from_before = std::move(rx);
    }
    running.push_back(one.spawn().or_throw());
  }
  bool good = true;
  for (auto& one : running) good = one.wait().or_throw().success() && good;
  return good ? 0 : 1;
}

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const std::string role = arguments.empty() ? "" : arguments[0];
  if (role == "stage" && arguments.size() == 3) return stage(arguments[1], arguments[2]);
  if (role == "send" && arguments.size() == 2) return generate(words_out{arguments[1]}), 0;
  if (role == "receive" && arguments.size() == 2) return run({"filter", "sort", "count"}, arguments[1]);
  return run({"generate", "filter", "sort", "count"}, "");
}
