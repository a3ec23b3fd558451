// transom/meter/record.cpp - a membership once it stands: its questions and its end. See record.hpp; how it begins is
// in record_opening.cpp.
#include "transom/meter/record.hpp"

#include <utility>

#include "transom/base/ensure.hpp"
#include "transom/meter/record_state.hpp"
#include "transom/os/entry.hpp"

namespace transom::meter {

using shm::fate;
using shm::participants;
using shm::role;

record::record(std::unique_ptr<state> from) noexcept : state_(std::move(from)) {
  record_page& page = state_->page();
  owners_closed_ = &page.owners_closed;
  ever_joined_ = &page.ever_joined;
  receivers_bell_ = &page.receivers_bell;
  senders_bell_ = &page.senders_bell;
  mine_ = reinterpret_cast<counters*>(state_->rows().row(state_->row).own_words.data());
  id_ = state_->rows().id(state_->row);
  body_ = body_of(state_->file);
}

record::record(record&&) noexcept = default;
record& record::operator=(record&& other) noexcept {
  if (this == &other) return *this;
  go();
  state_ = std::move(other.state_);
  owners_closed_ = other.owners_closed_;
  ever_joined_ = other.ever_joined_;
  receivers_bell_ = other.receivers_bell_;
  senders_bell_ = other.senders_bell_;
  mine_ = other.mine_;
  id_ = other.id_;
  body_ = other.body_;
  return *this;
}
record::~record() { go(); }

// What a member leaves in the directory beside the file, its caller has removed by now: whoever is the last of all to
// go must find nothing there.
void record::go() noexcept {
  leave();
  if (state_ != nullptr && !forked()) state_->in.tidy();
}

void record::leave() noexcept { leave(false, manner::closing); }
void record::leave(const name_guard& held) noexcept { leave(static_cast<bool>(held), manner::closing); }
void record::leave_keeping() noexcept { leave(false, manner::keeping); }

void record::part() noexcept {
  if (state_ == nullptr || !state_->present || forked()) return;
  state_->present = false;
  state_->rows().part(state_->row);
  wake_everybody(state_->file);
}

void record::leave(bool name_is_held, manner how) noexcept {
  if (state_ == nullptr || !state_->present || forked()) return;
  state_->present = false;
  record_page& page = state_->page();
  name_guard guard;
  if (state_->as == role::owner) {
    // With several owners possible, the last one is only the last while nobody can come. If the lock is not to be
    // had in time, a record that should close stays behind as one whose owners all left, which join() and own() can
    // tell; one to be kept is kept, which matters only to those who find no living owner.
    const bool sole = page.many_owners == 0;
    if (!sole && !name_is_held) {
      if (auto taken = lock_name()) guard = std::move(*taken);
    }
    const bool certain = sole || name_is_held || guard;
    const bool last = certain && last_owner();
    if (how == manner::keeping && (last || !certain)) say_kept(page, true);
    if (how == manner::closing && last) {
      page.owners_closed.store(1, sync::release);  // E1
      const std::string path = file();
      if (state_->file.has_name(path)) os::remove_file(path).ignore();
    }
  }
  const participants rows = state_->rows();
  rows.leave(state_->row);
  wake_everybody(state_->file);
  rows.finish_leaving(state_->row);
  if (state_->as == role::owner && how == manner::closing && !name_is_held && !guard) state_->in.tidy();
}

result<name_guard> record::lock_name() const {
  return state_->in.lock_name(state_->identity, deadline::after(longest_hold));
}

bool record::last_owner() const {
  auto others = state_->rows().fate_of(role::owner, state_->row);
  return others && *others != fate::alive;
}

result<bool> record::any_owner_alive() const {
  if (forked()) return error(errc::forked, "any_owner_alive", place(state_->identity));
  auto owners = state_->rows().fate_of(role::owner);
  if (!owners) return owners.error();
  return *owners == fate::alive;
}

// R6: the same count on both sides of the question belongs to the answer.
result<owner_standing> standing_of(const shm::segment& file) {
  const auto& kept = page_of(file).kept;
  for (int attempt = 0; attempt < 100; ++attempt) {
    const std::uint32_t before = kept.load(sync::acquire);  // E3
    auto owners = participants(file).fate_of(role::owner);
    if (!owners) return owners.error();
    if (*owners == fate::alive) return owner_standing::alive;
    if (kept.load(sync::acquire) != before) continue;  // E3
    if ((before & 1) != 0) return owner_standing::kept;
    return *owners == fate::dead ? owner_standing::dead : owner_standing::gone;
  }
  return owner_standing::alive;  // they come and go faster than we can ask
}

result<owner_standing> record::owners() const {
  if (forked()) return error(errc::forked, "owners", place(state_->identity));
  return standing_of(state_->file);
}

result<void> record::allocate_body(std::size_t offset, std::size_t length) const {
  if (forked()) return error(errc::forked, "allocate", place(state_->identity));
  transom::detail::ensure(offset <= body_.size() && length <= body_.size() - offset,
                          "what is allocated lies within the body");
  return state_->file.allocate(page_of(state_->file).body_offset + offset, length, place(state_->identity));
}

int record::owner_pid() const noexcept {
  const participants rows = state_->rows();
  int some = 0;
  for (unsigned row = 0; row < rows.size(); ++row) {
    const shm::row_word word = rows.word(row);
    if (word.role != role::owner) continue;
    some = pid_at(rows, row);
    if (word.state == row_state::live) break;
  }
  return some;
}

unsigned record::live_senders() const noexcept { return state_->rows().present(role::sender); }

bool record::other_receivers() const noexcept { return state_->rows().present(role::owner, state_->row) != 0; }

std::optional<casualty> record::next_casualty() {
  if (forked()) return {};
  const participants rows = state_->rows();
  auto dead = rows.declare_one_dead(role::sender);
  if (!dead) return {};
  state_->page().ever_joined.store(1, sync::release);  // E2: it may have died between LIVE and saying so
  rows.recycle(role::sender);                          // a record's dead own nothing
  wake_everybody(state_->file);                        // there is one sender less to wait for
  return dead;
}

void record::say_origin(object_origin origin) noexcept {
  state_->page().origin.store(static_cast<std::uint32_t>(origin), sync::relaxed);
}
object_origin record::origin() const noexcept {
  return static_cast<object_origin>(state_->page().origin.load(sync::relaxed));
}

unsigned record::row() const noexcept { return state_->row; }
participants record::rows() const noexcept { return state_->rows(); }
const record_terms& record::terms() const noexcept { return state_->terms; }
bool record::forked() const noexcept { return state_ != nullptr && state_->file.forked(); }
std::string record::file() const { return state_->in.path_of(state_->name); }

}  // namespace transom::meter
