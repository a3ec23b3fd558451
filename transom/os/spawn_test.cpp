// transom/os/spawn_test.cpp - the child has what is listed and nothing else; a failure comes back with its step.
#include "transom/os/spawn.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <atomic>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "transom/base/bytes.hpp"
#include "transom/os/old_kernel.hpp"
#include "transom/os/pipe.hpp"
#include "transom/os/testing.hpp"

using transom::as_text;
using transom::errc;
namespace os = transom::os;
using os::spawn_process;
using os::spawn_request;
using os::testing::temporary_directory;

namespace {

std::string read_all(const os::pipe_reader& from) {
  std::string text;
  std::array<std::byte, 4096> some;
  while (const auto size = from.read(some).or_throw()) text += as_text(std::span(some).first(size));
  return text;
}

// Runs a shell script and returns what it wrote to its standard output.
std::string output_of(const std::string& script, spawn_request request = {}) {
  auto p = os::pipe::make().or_throw();
  request.program = "/bin/sh";
  request.arguments = {"sh", "-c", script};
  request.descriptors.push_back({p.writer.fd(), 1});
  auto child = spawn_process(request).or_throw();
  { auto gone = std::move(p.writer); }
  std::string text = read_all(p.reader);
  EXPECT_EQ(child.wait().or_throw(), os::exit_state{});
  return text;
}

bool no_children_left() { return ::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD; }

}  // namespace

TEST(spawn, a_program_runs_and_tells_its_end) {
  auto child = spawn_process({.program = "/bin/sh", .arguments = {"sh", "-c", "exit 7"}}).or_throw();
  EXPECT_TRUE(os::testing::is_close_on_exec(child.fd()));
  EXPECT_GT(child.pid(), 0);
  EXPECT_EQ(child.wait().or_throw(), (os::exit_state{.code = 7, .signal = 0}));
}

TEST(spawn, arguments_arrive_as_given_and_the_name_is_the_default) {
  EXPECT_EQ(output_of("printf '%s|' \"$0\" \"$@\""), "sh|");
  auto p = os::pipe::make().or_throw();
  auto child = spawn_process({.program = "/usr/bin/printf",
                              .arguments = {"any name", "%s|", "a b", "", "c\nd"},
                              .descriptors = {{p.writer.fd(), 1}}})
                   .or_throw();
  { auto gone = std::move(p.writer); }
  EXPECT_EQ(read_all(p.reader), "a b||c\nd|");
  EXPECT_EQ(child.wait().or_throw().code, 0);
  EXPECT_EQ(spawn_process({.program = "/bin/true"}).or_throw().wait().or_throw().code, 0);
}

TEST(spawn, the_environment_is_the_parents_or_exactly_the_given_one) {
  ASSERT_EQ(::setenv("TRANSOM_SPAWN_TEST", "inherited", 1), 0);
  EXPECT_EQ(output_of("echo $TRANSOM_SPAWN_TEST"), "inherited\n");
  ::unsetenv("TRANSOM_SPAWN_TEST");
  auto p = os::pipe::make().or_throw();
  auto child = spawn_process({.program = "/usr/bin/env",
                              .environment = std::vector<std::string>{"A=1", "B=two words"},
                              .descriptors = {{p.writer.fd(), 1}}})
                   .or_throw();
  { auto gone = std::move(p.writer); }
  EXPECT_EQ(read_all(p.reader), "A=1\nB=two words\n");
  child.wait().or_throw();
}

TEST(spawn, the_directory_is_the_childs_alone_and_does_not_move_the_program) {
  temporary_directory here;
  const auto before = std::filesystem::current_path();
  EXPECT_EQ(output_of("pwd", {.directory = here.path()}), here.path() + "\n");
  EXPECT_EQ(std::filesystem::current_path(), before);

  const auto relative = std::filesystem::relative("/bin/true").string();
  ASSERT_NE(relative.find('/'), std::string::npos);
  auto child = spawn_process({.program = relative, .directory = here.path()}).or_throw();
  EXPECT_EQ(child.wait().or_throw().code, 0);
}

TEST(spawn, a_name_without_a_slash_is_looked_up_in_path) {
  EXPECT_EQ(spawn_process({.program = "true"}).or_throw().wait().or_throw().code, 0);
  auto missing = spawn_process({.program = "no-such-program-anywhere"});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error(), std::errc::no_such_file_or_directory);
  EXPECT_EQ(missing.error().message(), "execve no-such-program-anywhere: No such file or directory: not found in PATH");
}

TEST(spawn, exactly_the_listed_descriptors_arrive) {
  // Two strangers without close-on-exec, below and above the mapped number.
  transom::fd low(::open("/dev/null", O_RDONLY));
  transom::fd high(::fcntl(low.get(), F_DUPFD, 500));
  transom::fd given(::open("/dev/zero", O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(high);
  // ls has one more open, for the folder itself: the lowest number that is free.
  EXPECT_EQ(output_of("exec ls /proc/self/fd", {.descriptors = {{given.get(), 7}}}), "0\n1\n2\n3\n7\n");
  EXPECT_EQ(output_of("readlink /proc/self/fd/7", {.descriptors = {{given.get(), 7}}}), "/dev/zero\n");
  EXPECT_TRUE(os::testing::is_close_on_exec(given.get()));
}

TEST(spawn, mappings_may_overlap_in_any_way) {
  temporary_directory here;
  std::vector<transom::fd> files;
  for (const char* name : {"a", "b", "c"}) {
    files.emplace_back(::open((here / name).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  }
  const int a = files[0].get(), b = files[1].get(), c = files[2].get();
  // A rotation of the three numbers, and one of them twice.
  const std::string text =
      output_of("for n in $NUMBERS; do basename $(readlink /proc/self/fd/$n); done",
                {.environment = std::vector<std::string>{"PATH=/bin:/usr/bin", "NUMBERS=" + std::to_string(a) + " " +
                                                                                   std::to_string(b) + " " +
                                                                                   std::to_string(c) + " 100"},
                 .descriptors = {{a, b}, {b, c}, {c, a}, {a, 100}}});
  EXPECT_EQ(text, "c\na\nb\na\n");
}

TEST(spawn, a_standard_stream_the_parent_lacks_is_dev_null) {
  EXPECT_TRUE(os::testing::in_child([] {
    auto p = os::pipe::make().or_throw();
    ::close(0);                       // lacking
    ::fcntl(2, F_SETFD, FD_CLOEXEC);  // private
    auto child = spawn_process({.program = "/bin/sh",
                                .arguments = {"sh", "-c", "readlink /proc/self/fd/0 /proc/self/fd/2"},
                                .descriptors = {{p.writer.fd(), 1}}});
    if (!child) return false;
    { auto gone = std::move(p.writer); }
    return read_all(p.reader) == "/dev/null\n/dev/null\n" && child->wait().or_throw().code == 0;
  }));
}

TEST(spawn, signals_are_unblocked_and_at_their_default) {
  EXPECT_TRUE(os::testing::in_child([] {
    sigset_t all;
    ::sigfillset(&all);
    ::sigprocmask(SIG_BLOCK, &all, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
    ::signal(SIGRTMIN + 3, SIG_IGN);
    ::signal(SIGTERM, [](int) {});
    const std::string text = output_of("cat /proc/self/status | grep -E '^Sig(Blk|Ign|Cgt)' | tr -d '[:blank:]'");
    sigset_t after;
    ::sigprocmask(SIG_BLOCK, nullptr, &after);
    return text == "SigBlk:0000000000000000\nSigIgn:0000000000000000\nSigCgt:0000000000000000\n" &&
           ::sigismember(&after, SIGTERM) == 1 && ::signal(SIGPIPE, SIG_DFL) == SIG_IGN;
  }));
}

TEST(spawn, the_parents_mask_is_as_it_was) {
  sigset_t before, after;
  ::pthread_sigmask(SIG_BLOCK, nullptr, &before);
  spawn_process({.program = "/bin/true"}).or_throw().wait().or_throw();
  ::pthread_sigmask(SIG_BLOCK, nullptr, &after);
  for (int signo = 1; signo < 65; ++signo) EXPECT_EQ(::sigismember(&before, signo), ::sigismember(&after, signo));
}

TEST(spawn, what_fails_in_the_child_comes_back_with_its_step_and_the_child_is_reaped) {
  EXPECT_TRUE(os::testing::in_child([] {
    temporary_directory here;
    std::ofstream(here / "text") << "neither binary nor script";
    ::chmod((here / "text").c_str(), 0700);
    std::ofstream(here / "plain") << "#!/bin/sh\n";
    const long before = os::testing::open_descriptors();
    auto step = [](const spawn_request& what, std::errc code, const std::string& operation) {
      auto failed = spawn_process(what);
      return failed.failed_with(code) && failed.error().operation() == operation && no_children_left();
    };
    const bool good =
        step({.program = here / "missing"}, std::errc::no_such_file_or_directory, "execve") &&
        step({.program = here / "plain"}, std::errc::permission_denied, "execve") &&
        step({.program = here / "text"}, std::errc::executable_format_error, "execve") &&
        step({.program = here.path()}, std::errc::permission_denied, "execve") &&
        step({.program = "/bin/true", .directory = here / "missing"}, std::errc::no_such_file_or_directory, "chdir") &&
        step({.program = "/bin/true", .arguments = {"true", std::string(1 << 20, 'x')}},
             std::errc::argument_list_too_long, "execve") &&
        step({.program = "/bin/true", .descriptors = {{-1, 3}}}, std::errc::bad_file_descriptor,
             "fcntl(F_DUPFD_CLOEXEC)") &&
        step({.program = "/bin/true", .descriptors = {{0, 1 << 30}}}, std::errc::invalid_argument,
             "fcntl(F_DUPFD_CLOEXEC)");
    return good && os::testing::open_descriptors() == before;
  }));
}

TEST(spawn, the_sentence_names_the_program_or_the_directory) {
  auto failed = spawn_process({.program = "/no/such/program"});
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message(), "execve /no/such/program: No such file or directory");
  failed = spawn_process({.program = "/bin/true", .directory = "/no/such/folder"});
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message(), "chdir /no/such/folder: No such file or directory");
}

TEST(spawn, a_full_descriptor_table_is_an_error) {
  EXPECT_TRUE(os::testing::with_limit(RLIMIT_NOFILE, 4, [] {
    return spawn_process({.program = "/bin/true"}).failed_with(std::errc::too_many_files_open) && no_children_left();
  }));
}

TEST(spawn, no_more_processes_name_the_limit) {
  EXPECT_TRUE(os::testing::as_nobody([] {
    rlimit none{1, 1};
    if (::setrlimit(RLIMIT_NPROC, &none) != 0) return false;
    auto refused = spawn_process({.program = "/bin/true"});
    // The limit counts per user: another test as nobody may be the one process that is allowed, or not run at all.
    if (refused) return refused->wait().has_value();
    return refused.failed_with(std::errc::resource_unavailable_try_again) &&
           refused.error().detail().find("RLIMIT_NPROC") != std::string::npos;
  }));
}

TEST(spawn, many_threads_spawn_at_once_and_nothing_stays_behind) {
  const long before = os::testing::open_descriptors();
  std::atomic<int> good{0};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&, i] {
        for (int n = 0; n < 10; ++n) {
          const std::string script = "exit " + std::to_string(i * 10 + n);
          auto child = spawn_process({.program = "/bin/sh", .arguments = {"sh", "-c", script}}).or_throw();
          const bool failed = spawn_process({.program = "/no/such/program"}).has_value();
          if (child.wait().or_throw().code == i * 10 + n && !failed) good.fetch_add(1, std::memory_order_relaxed);
        }
      });
    }
  }
  EXPECT_EQ(good.load(std::memory_order_relaxed), 40);
  EXPECT_EQ(os::testing::open_descriptors(), before);
}

TEST(spawn, the_programs_own_image_can_be_started_again) {
  auto p = os::pipe::make().or_throw();
  auto child = spawn_process({.program = "/proc/self/exe",
                              .arguments = {"self", "--gtest_list_tests", "--gtest_filter=spawn.*"},
                              .descriptors = {{p.writer.fd(), 1}}})
                   .or_throw();
  { auto gone = std::move(p.writer); }
  EXPECT_NE(read_all(p.reader).find("the_programs_own_image"), std::string::npos);
  EXPECT_EQ(child.wait().or_throw().code, 0);
}

TEST(spawn, without_close_range_the_strangers_are_kept_out_one_by_one) {
  EXPECT_TRUE(os::testing::in_child([] {
    transom::fd low(::open("/dev/null", O_RDONLY));
    transom::fd high(::fcntl(low.get(), F_DUPFD, 500));
    if (!high || !os::testing::refuse_call(SYS_close_range, ENOSYS)) return false;
    return output_of("exec ls /proc/self/fd", {.descriptors = {{low.get(), 7}}}) == "0\n1\n2\n3\n7\n";
  }));
}
