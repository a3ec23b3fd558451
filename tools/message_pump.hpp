// tools/message_pump.hpp - what send, recv and pipe share: options on the command line, and bytes in and out of files.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "transom/transom.hpp"

namespace tools {

/// The options that the transfer commands have in common.
struct transfer_options {
  std::string framing;  ///< laid into the URL
  std::size_t size = 0;
  std::uint64_t count = 0;  ///< messages; 0: to the end
  int priority = 0;
  long type = 0;
  bool text = false, quiet = false, json = false;

  void add_to(CLI::App& command, bool sends);
  /// The URL with --framing as a key.
  std::string with_framing(const std::string& url) const;
};

/// Do messages of this URL travel as std::string (lines) rather than bytes?
bool carries_lines(const std::string& url, const transfer_options& how);

/// What a transfer has done.
struct tally {
  std::uint64_t messages = 0, bytes = 0;
  double seconds = 0;
};

/// Prints {"schema":"transom.<command>/1",...} to `to`.
void print_tally(std::FILE* to, const char* command, const std::string& url, const tally& t);

/// Says where a receiver really listens, if that is not what was asked for: port 0 became a number.
void announce(const char* command, std::string_view asked, std::string_view got);

/// The failure's sentence on stderr, or "interrupted" after a signal; returns the exit status, 2 for a bad URL.
int failed(const char* command, const transom::error& e);

/// Where bytes come from: files in order, or stdin.
class byte_source {
 public:
  explicit byte_source(std::vector<std::string> files);
  /// Some bytes, or 0 at the end of everything. canceled if the token fires first.
  transom::result<std::size_t> read(std::span<std::byte> into, const std::stop_token& stop);
  /// Bytes of all files together, 0 if that is not known.
  std::uint64_t total() const noexcept { return total_; }

 private:
  transom::result<void> open_next();
  std::vector<std::string> files_;
  std::size_t next_ = 0;
  std::uint64_t total_ = 0;
  transom::fd current_;
  bool from_stdin_;
};

/// Writes all of it to stdout. A reader that has gone is std::errc::broken_pipe.
transom::result<void> write_stdout(std::span<const std::byte> data, const std::stop_token& stop);

}  // namespace tools
