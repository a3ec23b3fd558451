// transom/meter/record_opening.cpp - how a membership begins: own() and join() of record.hpp.
#include <algorithm>
#include <utility>

#include "transom/base/ensure.hpp"
#include "transom/meter/record.hpp"
#include "transom/meter/record_layout.hpp"
#include "transom/meter/record_state.hpp"

namespace transom::meter {
namespace {

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

// R1: nobody can see it yet.
void fill(segment& file, std::string_view identity, const record_terms& terms, bool many_owners, object_origin origin,
          const record_shape& shape) {
  record_page& page = page_of(file);
  shm::begin_header(page.common, record_kind, file.bytes().size(), shape.rows);
  page.schema_hash = terms.schema_hash;
  page.capacity = terms.capacity;
  page.max_message = terms.max_message;
  page.identity_hash = shm::stable_hash(identity);
  page.identity_length = keep(page.identity, identity);
  page.schema_length = keep(page.schema, terms.schema_text);
  page.many_owners = many_owners ? 1 : 0;
  page.origin.store(static_cast<std::uint32_t>(origin), sync::relaxed);
  page.body_offset = shape.body_size == 0 ? 0 : body_begin(shape.rows);
  page.body_size = shape.body_size;
  if (shape.fill) shape.fill(body_of(file));
}

result<segment> make_record(const shm::directory& in, const record_shape& shape) {
  detail::ensure(shape.rows >= 1 && shape.rows <= record_participants, "a record has 1 to 256 rows");
  detail::ensure(shape.body_allocated <= shape.body_size, "what is allocated lies within the body");
  if (shape.body_size == 0) return segment::make(in, rows_end(shape.rows));
  const std::size_t begin = body_begin(shape.rows);
  return segment::make(in, begin + shape.body_size, begin + shape.body_allocated);
}

// segment::open() has checked the rows against the size.
bool sound(const record_page& page) noexcept {
  const unsigned rows = page.common.row_count;
  if (rows < 1 || rows > record_participants) return false;
  const std::uint64_t size = page.common.total_size;
  if (page.body_size == 0) return page.body_offset == 0 && size == rows_end(rows);
  return page.body_offset == body_begin(rows) && size > page.body_offset && size - page.body_offset == page.body_size;
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
  if (!sound(page))
    return error(errc::protocol_error, "open record",
                 place(in.path_of(file), "its geometry is impossible; remove the file if nobody uses it"));
  return opened;
}

std::string directory_of(const std::string& chosen) { return chosen.empty() ? shm::directory::usual_path() : chosen; }

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
  return settle_as_owner(std::move(all), pid);
}

// Another owner of a record that there is: beside living ones, or after dead ones. Under the lock of the name.
result<std::unique_ptr<record::state>> record::settle_as_owner(std::unique_ptr<state> all, int other_pid) {
  const std::string& identity = all->identity;
  record_terms theirs = terms_of(all->page());
  if (auto agreed = compare(all->terms, theirs, other_pid, place(identity)); !agreed) return agreed.error();
  all->terms = std::move(theirs);
  // Where the object goes on, the death of one owner is not the end of anything: its row is used again. Not before we
  // are LIVE, lest our own death here leave a record without any owner to have died.
  const participants rows = all->rows();
  while (rows.declare_one_dead(role::owner)) {}
  auto row = rows.claim(role::owner);
  if (!row && row.error() == std::errc::no_buffer_space) {  // no other row is left: with the word that says the same
    say_kept(all->page(), true);
    rows.recycle(role::owner);
    row = rows.claim(role::owner);
  }
  if (!row) return row.error().at(place(identity, row.error().detail()));
  all->row = *row;
  if (auto settled = all->file.settle(all->in, all->name); !settled) {
    rows.finish_leaving(*row);
    return settled.error();
  }
  rows.arrive(*row);
  say_kept(all->page(), false);
  rows.recycle(role::owner);
  return all;
}

// There is none, or a leftover, whose place the new one takes. Under the lock of the name.
result<std::unique_ptr<record::state>> record::begin(std::unique_ptr<state> all, bool replacing) {
  const participants rows = all->rows();
  auto row = rows.claim(role::owner);
  if (!row) return row.error();
  all->row = *row;
  rows.arrive(*row);  // R1: nobody can see it yet
  auto named = replacing ? all->file.replace(all->in, all->name) : all->file.publish(all->in, all->name);
  if (!named) return named.error();
  return all;
}

result<record::ownership> record::own(std::string_view identity, const record_terms& terms, bool many_owners,
                                      const record_shape& shape, bool adopt) {
  auto in = shm::directory::open(directory_of(shape.directory));
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
    const record_page& page = page_of(*existing);
    auto owners = standing_of(*existing);
    if (!owners) return owners.error();
    if (*owners == owner_standing::alive) {
      auto joined = join_owners(with(std::move(*existing)), many_owners);
      if (!joined) return joined.error();
      return ownership{.self = record(std::move(*joined)), .joined_others = true, .guard = std::move(*guard)};
    }
    before = static_cast<object_origin>(page.origin.load(sync::relaxed));
    const bool goes_on = *owners == owner_standing::kept || (adopt && *owners == owner_standing::dead);
    if (goes_on && page.owners_closed.load(sync::acquire) == 0) {  // E1
      auto adopted = settle_as_owner(with(std::move(*existing)), 0);
      if (!adopted) return adopted.error();
      return ownership{
          .self = record(std::move(*adopted)), .origin_before = before, .adopted = true, .guard = std::move(*guard)};
    }
  }
  auto fresh = make_record(*in, shape);
  if (!fresh) return fresh.error();
  fill(*fresh, identity, terms, many_owners, before, shape);
  auto begun = begin(with(std::move(*fresh)), found);
  if (!begun) return begun.error();
  if (found) wake_everybody(*existing);
  return ownership{.self = record(std::move(*begun)),
                   .replaced_leftover = found,
                   .origin_before = before,
                   .guard = std::move(*guard)};
}

result<record> record::join(std::string_view identity, const record_terms& terms, const std::string& directory) {
  const place where{identity};
  const auto nobody = [&] {
    return error(errc::no_peer, "open record", place(identity, "nobody has opened it for receiving"));
  };
  auto in = shm::directory::find(directory_of(directory));
  if (in.failed_with(std::errc::no_such_file_or_directory)) return nobody();
  if (!in) return in.error();
  const std::string name = shm::file_name(identity, record_suffix);
  for (int attempt = 0; attempt < attempts; ++attempt) {
    auto opened = open_record(*in, name, identity);
    if (!opened && opened.error() == std::errc::no_such_file_or_directory) return nobody();
    if (!opened) return opened.error();
    const participants rows(*opened);
    record_page& page = page_of(*opened);

    auto owners = standing_of(*opened);
    if (!owners) return owners.error();
    // Asked after the locks: R4, an owner that left in good order said so before it let go.
    const bool closed = page.owners_closed.load(sync::acquire) != 0;  // E1
    if (closed || *owners == owner_standing::gone) return error(errc::closed, "open record", where);
    if (*owners == owner_standing::dead)
      return error(errc::owner_died, "open record", place(identity, "the record is a leftover of a dead owner"));
    record_terms theirs = terms_of(page);
    const auto alive = rows.find_alive(role::owner);
    const int owner = alive ? pid_at(rows, *alive) : 0;
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
