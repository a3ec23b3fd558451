// tests/install/user/main.cpp - a program of somebody who has only the installed library.
#if __has_include(<transom/transom.hpp>)
#include <transom/transom.hpp>
#endif
#include <transom/os/pipe.hpp>

#include <array>
#include <cstdio>

int main() {
  auto both = transom::os::pipe::make().or_throw();
  const std::array<std::byte, 3> sent{std::byte{1}, std::byte{2}, std::byte{3}};
  both.writer.write_all(sent).or_throw();
  std::array<std::byte, 8> got{};
  const std::size_t count = both.reader.read(got).or_throw();
  if (count != sent.size() || got[2] != sent[2]) return 1;
#if __has_include(<transom/channel.hpp>)
  auto [tx, rx] = transom::channel<int>();
  tx.send(42).or_throw();
  if (rx.recv().or_throw() != 42) return 2;
#endif
  std::puts("the installed library works");
}
