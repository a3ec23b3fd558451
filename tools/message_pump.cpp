// tools/message_pump.cpp - see message_pump.hpp.
#include "tools/message_pump.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "transom/os/poll.hpp"
#include "transom/os/stream.hpp"

namespace tools {
namespace {

struct size_argument {
  std::size_t& into;
  std::string operator()(const std::string& text) const {
    auto size = transom::parse_size(text);
    if (!size || *size == 0) return "a size such as 512, 64k or 16M expected, not \"" + text + "\"";
    into = *size;
    return {};
  }
};

}  // namespace

void transfer_options::add_to(CLI::App& command, bool sends) {
  command.add_option("--framing", framing, "What a message is on a byte stream: native, length, line or raw")
      ->check(CLI::IsMember({"native", "length", "line", "raw"}));
  if (sends) {
    command.add_option_function<std::string>(
        "--size",
        [this](const std::string& text) {
          if (auto complaint = size_argument{size}(text); !complaint.empty())
            throw CLI::ValidationError("--size", complaint);
        },
        "Bytes per message (default 64k, or what the mechanism takes)");
    command.add_option("--priority", priority, "Priority of the messages, 0..32000 (posix-mq)");
  }
  command.add_option("--type", type,
                     sends ? "Type of the messages, > 0 (sysv-mq)" : "Only messages of this type (sysv-mq)");
  command.add_option("--count", count, "Stop after so many messages");
  command.add_flag("--text", text, "Messages are strings, one line each");
  command.add_flag("--quiet,-q", quiet, "No progress on stderr");
  command.add_flag("--json", json,
                   sends ? "Say what was done as JSON on stdout" : "Say what was done as JSON on stderr");
}

std::string transfer_options::with_framing(const std::string& url) const {
  if (framing.empty()) return url;
  return url + (url.find('?') == url.npos ? "?" : "&") + "framing=" + framing;
}

bool carries_lines(const std::string& url, const transfer_options& how) {
  if (how.text) return true;
  auto parsed = transom::url::parse(url);
  return parsed && parsed->value("framing") == "line";
}

void announce(const char* command, std::string_view asked, std::string_view got) {
  if (got != asked) fmt::print(stderr, "transom {}: listening at {}\n", command, got);
}

void print_tally(std::FILE* to, const char* command, const std::string& url, const tally& t) {
  const nlohmann::json document{{"schema", fmt::format("transom.{}/1", command)},
                                {"url", url},
                                {"messages", t.messages},
                                {"bytes", t.bytes},
                                {"seconds", t.seconds},
                                {"bytes_per_s", t.seconds > 0 ? static_cast<double>(t.bytes) / t.seconds : 0.0}};
  fmt::print(to, "{}\n", document.dump());
}

int failed(const char* command, const transom::error& e) {
  if (e == transom::errc::canceled) {
    fmt::print(stderr, "transom {}: interrupted\n", command);
    return 1;
  }
  fmt::print(stderr, "transom {}: {}\n", command, e.message());
  return e == transom::errc::bad_url ? 2 : 1;
}

byte_source::byte_source(std::vector<std::string> files) : files_(std::move(files)), from_stdin_(files_.empty()) {
  for (const std::string& file : files_) {
    struct stat info{};
    if (::stat(file.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) {
      total_ = 0;
      return;
    }
    total_ += static_cast<std::uint64_t>(info.st_size);
  }
}

transom::result<void> byte_source::open_next() {
  const std::string& file = files_[next_++];
  current_.reset(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (current_) return {};
  return transom::error::system(errno, "open", transom::place(file));
}

transom::result<std::size_t> byte_source::read(std::span<std::byte> into, const std::stop_token& stop) {
  for (;;) {
    if (!from_stdin_ && !current_) {
      if (next_ == files_.size()) return std::size_t{0};
      if (auto ok = open_next(); !ok) return ok.error();
    }
    const int number = from_stdin_ ? 0 : current_.get();
    const transom::place where(from_stdin_ ? "stdin" : files_[next_ - 1]);
    auto ready = transom::os::wait_ready(number, transom::os::interest::readable, transom::patience::forever(stop),
                                         "read", where);
    if (!ready) return ready.error();
    const transom::os::space all{into.data(), into.size()};
    auto n = transom::os::try_read_stream(number, transom::os::stream_kind::foreign, {&all, 1}, where);
    if (!n && n.error() == transom::errc::would_block) continue;
    if (!n) return n.error();
    if (*n != 0 || from_stdin_) return *n;
    current_.reset();
  }
}

transom::result<void> write_stdout(std::span<const std::byte> data, const std::stop_token& stop) {
  static const transom::place where("stdout");
  while (!data.empty()) {
    auto ready =
        transom::os::wait_ready(1, transom::os::interest::writable, transom::patience::forever(stop), "write", where);
    if (!ready) return ready.error();
    const transom::os::buffer all{data.data(), data.size()};
    auto n = transom::os::try_write_stream(1, transom::os::stream_kind::foreign, {&all, 1}, where);
    if (!n && n.error() == transom::errc::would_block) continue;
    if (!n) return n.error();
    data = data.subspan(*n);
  }
  return {};
}

}  // namespace tools
