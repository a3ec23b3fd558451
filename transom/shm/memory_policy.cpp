// transom/shm/memory_policy.cpp - see memory_policy.hpp.
#include "transom/shm/memory_policy.hpp"

#include "transom/base/options.hpp"
#include "transom/os/paging.hpp"

namespace transom::shm {

namespace {

error unreadable(const url& where, const std::string& what) {
  return error(errc::bad_url, "open", place(where.text(), what));
}

result<void> read_flag(const url& where, const char* key, bool& into) {
  const auto text = where.value(key);
  if (!text) return {};
  if (*text != "yes" && *text != "no")
    return unreadable(where, std::string(key) + ": yes or no expected, not \"" + std::string(*text) + "\"");
  into = *text == "yes";
  return {};
}

}  // namespace

result<memory_policy> policy_of(const url& where) {
  memory_policy policy;
  if (auto ok = read_flag(where, "prefault", policy.prefault); !ok) return ok.error();
  if (auto ok = read_flag(where, "huge_pages", policy.huge_pages); !ok) return ok.error();
  if (auto ok = read_flag(where, "lock", policy.lock); !ok) return ok.error();
  if (const auto size = where.value("arena")) {
    auto bytes = parse_size(*size);
    if (!bytes) return unreadable(where, "arena: " + std::string(bytes.error().detail()));
    policy.arena = *bytes;
  }
  if (const auto dir = where.value("dir")) {
    if (!dir->starts_with('/'))
      return unreadable(where, "dir: an absolute path expected, not \"" + std::string(*dir) + "\"");
    policy.dir = *dir;
  }
  return policy;
}

// Large pages first: once a page is there its size stays.
result<void> apply(const memory_policy& policy, std::span<std::byte> memory, const place& where) {
  if (policy.huge_pages) {
    if (auto ok = os::prefer_huge_pages(memory, where); !ok) return ok;
  }
  if (policy.prefault) {
    if (auto ok = os::populate(memory, where); !ok) return ok;
  }
  if (policy.lock) return os::lock_pages(memory, where);
  return {};
}

}  // namespace transom::shm
