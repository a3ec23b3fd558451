// transom/process/command.cpp - see command.hpp.
#include "transom/process/command.hpp"

#include <algorithm>

#include "transom/base/ensure.hpp"
#include "transom/os/own_process.hpp"
#include "transom/os/spawn.hpp"
#include "transom/process/given.hpp"

namespace transom {

struct command::parts {
  std::string program;
  std::vector<std::string> arguments;
  std::vector<std::pair<std::string, std::string>> variables;
  bool inherits_environment = true;
  std::string directory;
  std::array<fd, 3> streams;
  struct gift {
    detail::given_entry entry;
    std::vector<fd> descriptors;  // here, in the order of entry.descriptors there
  };
  std::vector<gift> gifts;
  std::optional<error> problem;  // the first, told by spawn()

  void add(detail::given_entry entry, result<transport::handover> packed);
};

command::command(std::string program) : parts_(std::make_unique<parts>()) { parts_->program = std::move(program); }
command::command(command&&) noexcept = default;
command& command::operator=(command&&) noexcept = default;
command::~command() = default;

command& command::arg(std::string value) & {
  parts_->arguments.push_back(std::move(value));
  return *this;
}

command& command::env(std::string_view name, std::string_view value) & {
  parts_->variables.emplace_back(name, value);
  return *this;
}

command& command::clear_env() & {
  parts_->inherits_environment = false;
  return *this;
}

command& command::directory(std::string path) & {
  parts_->directory = std::move(path);
  return *this;
}

command& command::stdin_from(fd from) & {
  parts_->streams[0] = std::move(from);
  return *this;
}

command& command::stdout_to(fd to) & {
  parts_->streams[1] = std::move(to);
  return *this;
}

command& command::stderr_to(fd to) & {
  parts_->streams[2] = std::move(to);
  return *this;
}

// ---- giving

void command::parts::add(detail::given_entry entry, result<transport::handover> packed) {
  if (problem) return;
  const bool taken = std::ranges::any_of(gifts, [&](const gift& g) { return g.entry.name == entry.name; });
  if (taken) {
    problem = error::system(static_cast<int>(std::errc::invalid_argument), "spawn",
                            place(program, "\"" + entry.name + "\" is given twice"));
  } else if (!packed) {
    problem = packed.error().during("spawn");
  } else {
    entry.url = std::move(packed->url);
    entry.state = std::move(packed->state);
    gifts.push_back({std::move(entry), std::move(packed->descriptors)});
  }
}

namespace {

detail::given_entry entry_for(std::string name, detail::given_kind kind, const options& how,
                              const transport::terms& agreed) {
  return {.name = std::move(name),
          .kind = kind,
          .schema_hash = how.framing == framing::native ? agreed.schema_hash : 0,
          .schema_text = std::string(agreed.schema_text),
          .capacity = how.capacity,
          .max_message = how.max_message,
          .on_full = static_cast<std::uint8_t>(how.on_full),
          .framing = static_cast<std::uint8_t>(how.framing),
          .keep_open = how.keep_open};
}

}  // namespace

void command::give_sender(std::string name, std::unique_ptr<transport::sending_end> end, const options& how,
                          const transport::terms& agreed) {
  parts_->add(entry_for(std::move(name), detail::given_kind::sender, how, agreed), end->give());
}

void command::give_receiver(std::string name, std::unique_ptr<transport::receiving_end> end, const options& how,
                            const transport::terms& agreed) {
  parts_->add(entry_for(std::move(name), detail::given_kind::receiver, how, agreed), end->give());
}

command& command::give(std::string name, fd owned) & {
  transport::handover packed;
  packed.descriptors.push_back(std::move(owned));
  parts_->add({.name = std::move(name), .kind = detail::given_kind::descriptor}, std::move(packed));
  return *this;
}

// ---- starting

result<child> command::spawn() {
  detail::ensure(parts_ != nullptr, "a moved-from command is used");
  parts& p = *parts_;
  if (p.problem) return *p.problem;

  os::spawn_request request{.program = p.program, .arguments = {p.program}, .directory = p.directory};
  request.arguments.insert(request.arguments.end(), p.arguments.begin(), p.arguments.end());
  for (int stream = 0; stream < 3; ++stream) {
    if (const fd& chosen = p.streams[static_cast<std::size_t>(stream)])
      request.descriptors.push_back({chosen.get(), stream});
  }
  std::vector<detail::given_entry> entries;
  int next = 4;  // 3 is the list
  for (parts::gift& gift : p.gifts) {
    gift.entry.descriptors.clear();
    for (const fd& d : gift.descriptors) {
      request.descriptors.push_back({d.get(), next});
      gift.entry.descriptors.push_back(next++);
    }
    entries.push_back(gift.entry);
  }

  std::vector<std::string> environment;
  const auto replaced = [&](std::string_view variable) {
    const std::string_view name = variable.substr(0, variable.find('='));
    return name == detail::given_variable ||
           std::ranges::any_of(p.variables, [&](const auto& v) { return v.first == name; });
  };
  if (p.inherits_environment) environment = os::own_environment();
  std::erase_if(environment, replaced);
  for (const auto& [name, value] : p.variables) environment.emplace_back(name).append("=").append(value);

  fd list;
  if (!entries.empty()) {
    auto written = detail::write_given(entries);
    if (!written) return written.error();
    list = std::move(*written);
    request.descriptors.push_back({list.get(), 3});
    environment.push_back(std::string(detail::given_variable) + "=3");
  }
  request.environment = std::move(environment);

  auto started = os::spawn_process(request);
  if (!started) return started.error();
  p.gifts.clear();
  return child(std::move(*started));
}

}  // namespace transom
