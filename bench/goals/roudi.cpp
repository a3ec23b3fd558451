// bench/goals/roudi.cpp - see roudi.hpp.
#include "bench/goals/roudi.hpp"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "transom/process/command.hpp"

namespace goals {
namespace {

using namespace std::chrono_literals;
constexpr const char* lock_file = "/tmp/roudi.lock";

// Sizes are of whole chunks: the payload and iceoryx's header before it. A subscriber may hold 256 chunks, a publisher
// 8 more; the largest are few because the rows that need them ask for few.
void write_pools(const std::string& path) {
  std::ofstream file(path);
  file << "[general]\nversion = 1\n[[segment]]\n";
  const auto pool = [&](unsigned payload, unsigned count) {
    file << "[[segment.mempool]]\nsize = " << payload + 64 << "\ncount = " << count << '\n';
  };
  pool(64, 2'000);
  pool(512, 1'000);
  pool(4'096, 1'000);
  pool(65'536, 400);
  pool(1'048'576, 48);
}

bool runs_already() {
  const transom::fd lock(::open(lock_file, O_RDONLY | O_CLOEXEC));
  if (!lock) return false;
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) return true;
  ::flock(lock.get(), LOCK_UN);
  return false;
}

// Its standard output says so when it is ready.
bool says_ready(const transom::os::pipe_reader& out, const transom::child& c) {
  std::string said;
  for (const auto until = std::chrono::steady_clock::now() + 20s; std::chrono::steady_clock::now() < until;) {
    pollfd items[] = {{out.fd(), POLLIN, 0}, {c.fd(), POLLIN, 0}};
    ::poll(items, 2, 1'000);
    if ((items[0].revents & POLLIN) != 0) {
      char piece[512];
      const ssize_t n = ::read(out.fd(), piece, sizeof piece);
      if (n > 0) said.append(piece, static_cast<std::size_t>(n));
      if (said.find("RouDi is ready") != said.npos) return true;
    } else if (items[1].revents != 0) {
      return false;
    }
  }
  return false;
}

}  // namespace

std::unique_ptr<roudi> roudi::start(const std::string& directory, std::string& words) {
  if (runs_already()) {
    words = "a RouDi runs on this machine already";
    return nullptr;
  }
  const std::string pools = directory + "/" + file_name;
  write_pools(pools);
  auto output = transom::os::pipe::make().or_throw();
  auto silence = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  auto started = transom::command{"iox-roudi"}
                     .arg("--config-file")
                     .arg(pools)
                     .arg("--monitoring-mode")
                     .arg("off")
                     .arg("--log-level")
                     .arg("error")
                     .stdout_to(transom::fd(std::move(output.writer).release()))
                     .stderr_to(transom::fd(silence))
                     .spawn();
  if (!started) {
    words = started.error().message();
    return nullptr;
  }
  std::unique_ptr<roudi> it(new roudi(std::move(output.reader), std::move(*started)));
  if (says_ready(it->output_, it->running_)) return it;
  words = "iox-roudi did not become ready";
  return nullptr;
}

roudi::~roudi() {
  running_.kill(SIGTERM).ignore();
  if (running_.wait_for(5s)) return;
  running_.kill(SIGKILL).ignore();
  running_.wait().ignore();
  // The segment of the pools is named after the group that owns it.
  const group* ours = ::getgrgid(::getgid());
  std::error_code ignored;
  if (ours != nullptr) std::filesystem::remove(std::string("/dev/shm/") + ours->gr_name, ignored);
  for (const char* left : {"/dev/shm/iceoryx_mgmt", "/tmp/roudi", "/tmp/iox-unique-roudi.lock", lock_file})
    std::filesystem::remove(left, ignored);
}

}  // namespace goals
