// tests/explore/sites.cpp - see sites.hpp.
#include "tests/explore/sites.hpp"

#include <algorithm>
#include <cstring>
#include <fstream>

#include "tests/explore/private_heap.hpp"

namespace transom::explore {

namespace {

std::vector<site> sites;
std::vector<bool> passed;
std::vector<std::uint32_t> index_of;  // by hash of the place; index + 1
mutant active;

std::size_t find(const std::source_location& where, kind what, std::memory_order order) {
  const private_heap::pause outside;
  if (index_of.empty()) index_of.assign(4096, 0);
  const auto file = reinterpret_cast<std::uintptr_t>(where.file_name());
  for (std::size_t at = (file / 8 + where.line() * 31 + where.column()) % index_of.size();;
       at = (at + 1) % index_of.size()) {
    if (index_of[at] == 0) {
      // The same file may have several addresses, one per source that includes it.
      const auto same = std::find_if(sites.begin(), sites.end(), [&](const site& s) {
        return s.line == where.line() && s.column == where.column() && s.what == what &&
               std::strcmp(s.file, where.file_name()) == 0;
      });
      index_of[at] = static_cast<std::uint32_t>(same - sites.begin()) + 1;
      if (same == sites.end()) {
        sites.push_back({where.file_name(), where.line(), where.column(), what, order});
        passed.push_back(false);
      }
      // Two addresses of one place: the slot must tell them apart, so it is found by what the site says.
    }
    const site& found = sites[index_of[at] - 1];
    if (found.line == where.line() && found.column == where.column() && found.what == what &&
        (found.file == where.file_name() || std::strcmp(found.file, where.file_name()) == 0)) {
      passed[index_of[at] - 1] = true;
      return index_of[at];
    }
  }
}

}  // namespace

const char* name_of(std::memory_order order) {
  switch (order) {
    case std::memory_order_relaxed: return "relaxed";
    case std::memory_order_acquire: return "acquire";
    case std::memory_order_release: return "release";
    case std::memory_order_acq_rel: return "acq_rel";
    default: return "seq_cst";
  }
}

const char* name_of(kind what) {
  constexpr const char* names[] = {"load",       "store",      "modify",      "compare",
                                   "full fence", "kill fence", "light fence", "heavy fence"};
  return names[static_cast<std::size_t>(what)];
}

std::string site::name() const {
  const char* from = std::strstr(file, "transom/sync/");
  for (const char* folder : {"transom/shm/", "tests/explore/"})
    if (from == nullptr) from = std::strstr(file, folder);
  const std::string column_text = column == 0 ? "" : ":" + std::to_string(column);
  return std::string(from != nullptr ? from : file) + ":" + std::to_string(line) + column_text;
}

std::string site::text() const {
  std::ifstream in(file);
  std::string found;
  for (std::uint32_t i = 0; i < line && std::getline(in, found);) ++i;
  const std::size_t begin = found.find_first_not_of(' ');
  return begin == std::string::npos ? "" : found.substr(begin);
}

std::string mutant::name() const {
  if (site == 0) return "the text as it is";
  const auto& at = sites[site - 1];
  if (at.what >= kind::full_fence) return at.name() + " " + name_of(at.what) + " removed";
  return at.name() + " " + name_of(at.what) + " " + name_of(at.order) + " -> " + name_of(order);
}

std::memory_order at_site(const std::source_location& where, kind what, std::memory_order order) {
  const std::size_t index = find(where, what, order);
  return index == active.site ? active.order : order;
}

bool fence_at_site(const std::source_location& where, kind what) {
  return find(where, what, std::memory_order_seq_cst) != active.site;
}

const std::vector<site>& all_sites() { return sites; }

std::vector<std::size_t> passed_sites() {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < passed.size(); ++i)
    if (passed[i]) found.push_back(i);
  return found;
}
void forget_passed() { passed.assign(passed.size(), false); }

std::vector<mutant> mutants_of(std::size_t index) {
  const site& at = sites[index];
  if (at.what >= kind::full_fence) return {{index + 1, std::memory_order_relaxed}};
  switch (at.order) {
    case std::memory_order_relaxed: return {};
    case std::memory_order_seq_cst: return {{index + 1, std::memory_order_acq_rel}};
    case std::memory_order_acq_rel:
      return {{index + 1, std::memory_order_acquire}, {index + 1, std::memory_order_release}};
    default: return {{index + 1, std::memory_order_relaxed}};
  }
}

void set_mutant(const mutant& changed) { active = changed; }

}  // namespace transom::explore
