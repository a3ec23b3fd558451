// transom/shm/directory.cpp - see directory.hpp.
#include "transom/shm/directory.hpp"

#include <cstdlib>
#include <new>

#include "transom/os/byte_lock.hpp"
#include "transom/os/entry.hpp"
#include "transom/os/fork_guard.hpp"
#include "transom/os/tmpfile.hpp"

namespace transom::shm {
namespace {

constexpr std::string_view lock_file = "lock";
constexpr std::size_t lock_file_size = 4096;  // never touched: a mapping needs something to map

// Locked by whoever locks any byte of a name, and exclusively by whoever removes the file. The offset is a signed
// number for the kernel, and beyond the last one nothing can be locked.
constexpr std::uint64_t everybody = std::uint64_t{1} << 62;
std::uint64_t byte_of(std::string_view name) noexcept { return stable_hash(name) >> 2; }

std::string usual_name() { return "transom-" + std::to_string(os::effective_user()); }

constexpr int number_of(std::errc code) noexcept { return static_cast<int>(code); }

std::string octal(unsigned mode) {
  std::string digits;
  for (int shift = 9; shift >= 0; shift -= 3) digits += static_cast<char>('0' + ((mode >> shift) & 7));
  return digits;
}

// What is wrong with the directory, or nothing.
std::string fault_of(const os::entry& found, const std::string& path) {
  if (found.what == os::entry::kind::symbolic_link) return "it is a symbolic link; remove it or set TRANSOM_DIR";
  if (found.what != os::entry::kind::directory) return "it is not a directory; remove it or set TRANSOM_DIR";
  if (found.owner != os::effective_user())
    return "it belongs to uid " + std::to_string(found.owner) + ", not to uid " + std::to_string(os::effective_user()) +
           "; set TRANSOM_DIR to a directory of your own";
  if ((found.mode & 077) != 0)
    return "its mode is " + octal(found.mode) + " and must be 0700; after a look at what is in it: chmod 700 " + path;
  return {};
}

// That what stands at `path` is a directory for us alone.
result<void> verify(const std::string& path) {
  auto found = os::entry::look(path);
  if (!found) return found.error();
  const std::string fault = fault_of(*found, path);
  if (fault.empty()) return {};
  return error::system(number_of(std::errc::operation_not_permitted), "open directory", place(path, fault));
}

result<void> settle_path(std::string& path) {
  if (!path.starts_with('/'))
    return error::system(number_of(std::errc::invalid_argument), "open directory",
                         place(path, "TRANSOM_DIR must be an absolute path"));
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();  // a link with a slash behind it would be followed
  return {};
}

bool is_missing(const error& why) { return why == std::errc::no_such_file_or_directory; }

// Who comes and goes in between makes us try again; others cannot do that for ever without getting on themselves.
constexpr int attempts = 100;

// The file whose bytes are the locks of all names, born complete like everything else here.
result<fd> open_lock_file(const directory& in) {
  const std::string path = in.path_of(lock_file);
  error last(errc::no_peer, "lock name", place(path));
  for (int attempt = 0; attempt < attempts; ++attempt) {
    auto opened = os::open_file(path, true);
    if (opened || !is_missing(opened.error())) return opened;
    auto made = os::make_unnamed(in.path(), 0600, lock_file_size);
    auto named = made ? os::give_name(made->get(), path) : result<void>(made.error());
    if (named || named.error() == std::errc::file_exists) continue;
    if (!is_missing(named.error())) return named.error();
    last = named.error();
    if (auto again = directory::open(in.path()); !again) return again.error();
  }
  return last;
}

// Whether the file is still the one that the others lock, in a directory that is still ours: D1.
result<bool> still_stands(const directory& in, int lock) {
  auto safe = verify(in.path());
  if (!safe && is_missing(safe.error())) return false;
  if (!safe) return safe.error();
  auto named = os::entry::look(in.path_of(lock_file)), ours = os::entry::look(lock);
  if (!ours) return ours.error();
  if (!named && !is_missing(named.error())) return named.error();
  return named && named->same_object(*ours);
}

}  // namespace

std::uint64_t stable_hash(std::string_view text) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccd;
  hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53;
  return hash ^ (hash >> 33);
}

std::string file_name(std::string_view identity, std::string_view suffix) {
  constexpr std::size_t most = 100;
  constexpr std::string_view hex = "0123456789abcdef";
  std::string name;
  bool gap = false;
  for (const char c : identity) {
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '+';
    if (plain) {
      if (gap && !name.empty()) name += '-';
      name += c;
    }
    gap = !plain;
  }
  if (name.size() > most) name.erase(0, name.size() - most);  // the tail tells more than the head
  if (name.starts_with('.') || name.starts_with('-')) name.front() = '_';
  name += '-';
  const std::uint64_t hash = stable_hash(identity);
  for (int shift = 60; shift >= 0; shift -= 4) name += hex[(hash >> shift) & 15];
  return name.append(".").append(suffix);
}

private_hold& private_hold::operator=(private_hold&& other) noexcept {
  reset();
  held_ = std::move(other.held_);
  epoch_ = other.epoch_;
  return *this;
}

bool private_hold::forked() const noexcept { return held_ && epoch_ != os::fork_epoch(); }

void private_hold::reset() noexcept {
  if (forked()) {
    // MADV_DONTFORK took the memory away, and the address may be somebody else's by now: forget it.
    alignas(os::mapping) std::byte nowhere[sizeof(os::mapping)];
    ::new (nowhere) os::mapping(std::move(held_));
  }
  held_.reset();
}

result<private_hold> private_hold::map(int fd, std::size_t length, const place& where, os::access how) {
  auto mapped = os::mapping::map(fd, 0, length, how, os::share::shared, where);
  if (!mapped) return mapped.error();
  return keep(std::move(*mapped), where);
}

result<private_hold> private_hold::keep(os::mapping mapped, const place& where) {
  private_hold hold(std::move(mapped), os::fork_epoch());
  if (auto ok = hold.held_.advise(os::advice::dont_fork); !ok) return ok.error().at(where);
  if (auto ok = hold.held_.advise(os::advice::dont_dump); !ok) return ok.error().at(where);
  return hold;
}

std::string directory::usual_path() {
  if (const char* chosen = std::getenv("TRANSOM_DIR"); chosen != nullptr && *chosen != '\0') return chosen;
  return "/dev/shm/" + usual_name();
}

result<directory> directory::open() { return open(usual_path()); }

result<directory> directory::find(std::string path) {
  if (auto ok = settle_path(path); !ok) return ok.error();
  if (auto ok = verify(path); !ok) return ok.error();
  return directory(std::move(path));
}

result<directory> directory::open(std::string path) {
  if (auto ok = settle_path(path); !ok) return ok.error();
  auto found = verify(path);
  for (int attempt = 0; !found && is_missing(found.error()) && attempt < attempts; ++attempt) {
    auto made = os::make_directory(path, 0700);
    if (!made && made.error() != std::errc::file_exists) return made.error();
    found = verify(path);
  }
  if (!found) return found.error();
  return directory(std::move(path));
}

std::string directory::path_of(std::string_view file) const { return path_ + '/' + std::string(file); }

result<name_guard> directory::lock_name(std::string_view name, deadline limit) const {
  auto taken = try_lock_name(name, limit);
  if (!taken) tidy();  // others may have left it to us meanwhile
  return taken;
}

result<name_guard> directory::try_lock_name(std::string_view name, deadline limit) const {
  const place where(path_of(lock_file));
  for (int attempt = 0; attempt < attempts || !limit.expired(); ++attempt) {
    auto opened = open_lock_file(*this);
    if (!opened) return opened.error();
    auto hold = private_hold::map(opened->get(), lock_file_size, where);
    if (!hold) return hold.error();
    auto taken = os::byte_lock::lock_until(opened->get(), everybody, os::byte_lock::kind::shared, limit);
    if (taken) {
      auto stands = still_stands(*this, opened->get());
      if (!stands) return stands.error();
      if (!*stands) continue;
      taken = os::byte_lock::lock_until(opened->get(), byte_of(name), os::byte_lock::kind::exclusive, limit);
    }
    if (taken) return name_guard(std::move(*hold), *this);  // the descriptor goes; only the mapping keeps the locks
    if (taken.error() != errc::timed_out) return taken.error();
    break;
  }
  return error(errc::timed_out, "lock name",
               place(path_of(lock_file), "another process is opening or closing \"" + std::string(name) +
                                             "\" and does not finish; /proc/locks names it"));
}

// All of it may fail, and then somebody else comes later. Nothing may be looked at and left alone while the byte is
// held: who removes the last object meanwhile does not get the byte, and trusts us to go on.
void directory::tidy() const noexcept {
  auto names = os::names_in(path_, 2);
  const bool bare = names && (names->empty() || (names->size() == 1 && names->front() == lock_file));
  if (!bare) return;  // the usual case, which disturbs nobody
  auto opened = os::open_file(path_of(lock_file), true);
  if (opened) {
    auto alone = os::byte_lock::try_lock(opened->get(), everybody, os::byte_lock::kind::exclusive);
    if (!alone || !*alone) return;
    auto stands = still_stands(*this, opened->get());
    if (!stands || !*stands) return;
    os::remove_file(path_of(lock_file)).ignore();
  }
  if (path_.ends_with("/" + usual_name())) os::remove_directory(path_).ignore();  // unless somebody came
}

name_guard& name_guard::operator=(name_guard&& other) noexcept {
  release();
  hold_ = std::move(other.hold_);
  in_ = std::move(other.in_);
  return *this;
}

void name_guard::release() noexcept {
  const bool ours = hold_ && !hold_.forked();
  hold_.reset();
  if (ours) in_->tidy();
}

}  // namespace transom::shm
