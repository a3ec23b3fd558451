// transom/meter/record_opening.cpp - how a membership begins: own() and join() of record.hpp.
#include <algorithm>
#include <utility>

#include "transom/meter/record.hpp"
#include "transom/meter/record_layout.hpp"
#include "transom/meter/record_state.hpp"

namespace transom::meter {
namespace {

using shm::fate;
using shm::participants;
using shm::role;
using shm::segment;

// A name that leads elsewhere each time we look is being replaced faster than we can open it.
constexpr int attempts = 100;

template <std::size_t N>
std::uint32_t keep(std::array<char, N>& to, std::string_view text) noexcept {
  const std::size_t length = std::min(text.size(), N);
  std::copy_n(text.data(), length, to.data());
  return static_cast<std::uint32_t>(length);
}

void fill(segment& file, std::string_view identity, const record_terms& terms, bool many_owners, object_origin origin) {
  record_page& page = page_of(file);
  shm::begin_header(page.common, record_kind, record_size, record_participants);
  page.schema_hash = terms.schema_hash;
  page.capacity = terms.capacity;
  page.max_message = terms.max_message;
  page.identity_hash = shm::stable_hash(identity);
  page.identity_length = keep(page.identity, identity);
  page.schema_length = keep(page.schema, terms.schema_text);
  page.many_owners = many_owners ? 1 : 0;
  page.origin.store(static_cast<std::uint32_t>(origin), sync::relaxed);
}

record_terms terms_of(const record_page& page) {
  const std::size_t length = std::min<std::size_t>(page.schema_length, page.schema.size());
  return {page.schema_hash, std::string(page.schema.data(), length), page.capacity, page.max_message};
}

result<segment> open_record(const shm::directory& in, const std::string& file, std::string_view identity) {
  auto opened = segment::open(in, file, record_kind);
  if (!opened) return opened.error();
  const record_page& page = page_of(*opened);
  const std::string_view kept(page.identity.data(), std::min<std::size_t>(page.identity_length, page.identity.size()));
  if (page.identity_hash != shm::stable_hash(identity) || !identity.starts_with(kept))
    return error(errc::protocol_error, "open record",
                 place(in.path_of(file), "it is the record of " + std::string(kept)));
  return opened;
}

std::string described(const record_terms& terms) {
  return terms.schema_text.empty() ? "type " + std::to_string(terms.schema_hash) : terms.schema_text;
}

result<void> compare(const record_terms& mine, const record_terms& theirs, int pid, const place& where) {
  if (mine.schema_hash == 0 || theirs.schema_hash == 0 || mine.schema_hash == theirs.schema_hash) return {};
  if (mine.compatible != nullptr && mine.compatible(theirs.schema_hash, theirs.schema_text)) return {};
  const std::string both = "here " + described(mine) + ", there " + described(theirs);
  return error(errc::type_mismatch, "open record", place(where.url(), both)).with_peer(pid);
}

}  // namespace

// There is a living owner: become another one, if this object admits several. Under the lock of the name.
result<std::unique_ptr<record::state>> record::join_owners(std::unique_ptr<state> all, bool many_owners) {
  const std::string& identity = all->identity;
  const participants rows = all->rows();
  const unsigned other = rows.find_alive(role::owner).value_or(0);
  const int pid = pid_at(rows, other);
  if (!many_owners || all->page().many_owners == 0) {
    const std::string who = "it is owned by pid " + std::to_string(pid) + " (" + rows.comm(other) + ")";
    return error::system(static_cast<int>(std::errc::address_in_use), "open record", place(identity, who))
        .with_peer(pid);
  }
  record_terms theirs = terms_of(all->page());
  if (auto agreed = compare(all->terms, theirs, pid, place(identity)); !agreed) return agreed.error();
  all->terms = std::move(theirs);
  // While one lives, another's death is not the end of anything: its row is used again.
  while (rows.declare_one_dead(role::owner)) {}
  rows.recycle(role::owner);
  auto row = rows.claim(role::owner);
  if (!row) return row.error().at(place(identity, row.error().detail()));
  all->row = *row;
  if (auto settled = all->file.settle(all->in, all->name); !settled) {
    rows.finish_leaving(*row);
    return settled.error();
  }
  rows.arrive(*row);
  return all;
}

// There is none, or a leftover, whose place the new one takes. Under the lock of the name.
result<std::unique_ptr<record::state>> record::begin(std::unique_ptr<state> all, bool many_owners, object_origin before,
                                                     bool replacing) {
  fill(all->file, all->identity, all->terms, many_owners, before);
  const participants rows = all->rows();
  auto row = rows.claim(role::owner);
  if (!row) return row.error();
  all->row = *row;
  rows.arrive(*row);  // R1: nobody can see it yet
  auto named = replacing ? all->file.replace(all->in, all->name) : all->file.publish(all->in, all->name);
  if (!named) return named.error();
  return all;
}

result<record::ownership> record::own(std::string_view identity, const record_terms& terms, bool many_owners) {
  auto in = shm::directory::open();
  if (!in) return in.error();
  auto guard = in->lock_name(identity, deadline::after(longest_hold));
  if (!guard) return guard.error();
  const std::string name = shm::file_name(identity, record_suffix);
  const auto with = [&](segment file) {
    return std::make_unique<state>(std::move(file), *in, name, std::string(identity), terms, role::owner);
  };

  auto existing = open_record(*in, name, identity);
  const bool found = existing.has_value();
  if (!found && existing.error() != std::errc::no_such_file_or_directory) return existing.error();
  object_origin before = object_origin::unsaid;
  if (found) {
    auto owners = participants(*existing).fate_of(role::owner);
    if (!owners) return owners.error();
    if (*owners == fate::alive) {
      auto joined = join_owners(with(std::move(*existing)), many_owners);
      if (!joined) return joined.error();
      return ownership{record(std::move(*joined)), false, object_origin::unsaid, true, std::move(*guard)};
    }
    before = static_cast<object_origin>(page_of(*existing).origin.load(sync::relaxed));
  }
  auto fresh = segment::make(*in, record_size);
  if (!fresh) return fresh.error();
  auto begun = begin(with(std::move(*fresh)), many_owners, before, found);
  if (!begun) return begun.error();
  if (found) wake_everybody(*existing);
  return ownership{record(std::move(*begun)), found, before, false, std::move(*guard)};
}

result<record> record::join(std::string_view identity, const record_terms& terms) {
  const place where{identity};
  auto in = shm::directory::open();
  if (!in) return in.error();
  const std::string name = shm::file_name(identity, record_suffix);
  for (int attempt = 0; attempt < attempts; ++attempt) {
    auto opened = open_record(*in, name, identity);
    if (!opened && opened.error() == std::errc::no_such_file_or_directory)
      return error(errc::no_peer, "open record", place(identity, "nobody has opened it for receiving"));
    if (!opened) return opened.error();
    const participants rows(*opened);
    record_page& page = page_of(*opened);

    auto owners = rows.fate_of(role::owner);
    if (!owners) return owners.error();
    // Asked after the locks: R4, an owner that left in good order said so before it let go.
    const bool closed = page.owners_closed.load(sync::acquire) != 0;  // E1
    if (closed || *owners == fate::gone) return error(errc::closed, "open record", where);
    if (*owners == fate::dead)
      return error(errc::owner_died, "open record", place(identity, "the record is a leftover of a dead owner"));
    record_terms theirs = terms_of(page);
    const int owner = pid_at(rows, rows.find_alive(role::owner).value_or(0));
    if (auto agreed = compare(terms, theirs, owner, where); !agreed) return agreed.error();

    auto row = rows.claim(role::sender);
    if (!row) return row.error().at(place(identity, row.error().detail()));
    auto settled = opened->settle(*in, name);
    if (!settled) {
      rows.finish_leaving(*row);
      if (settled.error() == errc::would_block) continue;
      return settled.error();
    }
    rows.arrive(*row);
    page.ever_joined.store(1, sync::release);  // E2
    auto all = std::make_unique<state>(std::move(*opened), *in, name, std::string(identity), std::move(theirs),
                                       role::sender, *row);
    record self(std::move(all));
    if (self.owners_closed()) return error(errc::closed, "open record", where);
    return self;
  }
  return error(errc::no_peer, "open record", place(identity, "its owners change faster than it can be opened"));
}

}  // namespace transom::meter
