// tests/conformance/matrix.hpp - the feature matrix of the documentation, written out a second time, by hand, and what
// follows from it for each side. The suite holds the library to this table and never asks features() what to expect.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "tests/support/peer.hpp"
#include "transom/base/features.hpp"

namespace transom::conformance {

using testing::sides;

/// How the two sides of a row come together.
enum class meeting {
  named,       ///< the receiver owns a name, the sender attaches
  anonymous,   ///< made with both ends, one is given away
  descriptor,  ///< fd: channels over a pipe or a socket pair that somebody else made
};

/// What one side is told about the end of the other. "never": it is not told, and its calls go on waiting.
struct endings {
  const char* sender_closes = "closed";     ///< the receiver sees
  const char* sender_dies = "peer_died";    ///< the receiver sees
  const char* receiver_closes = "closed";   ///< the sender sees
  const char* receiver_dies = "peer_died";  ///< the sender sees
};

struct row {
  const char* name;  ///< of the tests
  meeting meets = meeting::named;
  /// The URL; %p a path that does not exist, %n a free name, %k an existing file for ftok.
  const char* url;
  feature_set features;
  endings sees = {};
  std::size_t max_message = 64 * 1024;  ///< the default; 0: what the system's limit leaves
  const char* limited_by = nullptr;     ///< the sysctl of that limit
  /// Keys with which 16 MiB go through; null: they cannot.
  const char* keys_for_16_MiB = "max_message=16M";
  bool keeps = false;             ///< with keep=true it outlives its processes; others refuse that
  bool one_process = false;       ///< inproc
  bool stream = false;            ///< framing=raw on a byte stream: bytes without boundaries
  bool foreign = false;           ///< framing that knows no types, no handshake and no deaths
  bool empty_is_the_end = false;  ///< no header, no boundaries but packets: an empty one cannot be told from the end
  bool refuses_users = true;      ///< what is named is closed to other users
  const char* pair = nullptr;     ///< meeting::descriptor: "pipe" or "stream"

  bool has(feature_set wanted) const { return features.contains(wanted); }
  bool loses() const { return !has(reliable); }
  /// The limit of a message in this system, if none was asked for.
  std::size_t largest() const;
  /// The URL with a path, a name and a file for ftok put in.
  std::string url_at(const std::string& path, const std::string& free_name, const std::string& key) const;
  bool named() const { return meets == meeting::named; }
};

/// Every row.
std::span<const row> matrix();

/// A row, and whether the other side is a thread or a process: the parameter of every test.
struct circumstance {
  const row* of = nullptr;
  sides as = sides::threads;
};
void PrintTo(const circumstance& c, std::ostream* to);
std::string name_of(const circumstance& c);

/// Which kinds of sides a test is for.
enum class with { both, threads, processes };

/// The circumstances of all rows for which `wanted(row)`.
template <typename Wanted>
std::vector<circumstance> where(Wanted wanted, with which = with::both) {
  std::vector<circumstance> all;
  for (const row& r : matrix()) {
    if (!wanted(r)) continue;
    if (which != with::processes) all.push_back({&r, sides::threads});
    if (which != with::threads && !r.one_process) all.push_back({&r, sides::processes});
  }
  return all;
}

}  // namespace transom::conformance
