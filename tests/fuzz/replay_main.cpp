// tests/fuzz/replay_main.cpp - runs a fuzz target without libFuzzer: the empty input, each file of the directories and
// files named on the command line, and mutants of all of them.
//
// Mutants come from a fixed seed, so a failure repeats under a debugger; TRANSOM_FUZZ_SEED and TRANSOM_FUZZ_RUNS change
// that.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using input = std::vector<std::uint8_t>;

std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

input read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<input> collect(int count, char** names) {
  std::vector<input> all{input{}};
  for (int i = 1; i < count; ++i) {
    const std::filesystem::path path = names[i];
    if (std::filesystem::is_regular_file(path)) all.push_back(read_file(path));
    if (!std::filesystem::is_directory(path)) continue;
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
    std::ranges::sort(files);
    for (const auto& file : files) all.push_back(read_file(file));
  }
  return all;
}

// A few random changes of the kinds that parsers trip over: a byte, a bit, an extreme, a cut, a repeat, a splice.
input mutate(const std::vector<input>& from, std::mt19937_64& random) {
  const auto below = [&random](std::size_t limit) { return limit == 0 ? 0 : std::size_t(random() % limit); };
  input made = from[below(from.size())];
  for (std::size_t changes = 1 + below(4); changes > 0; --changes) {
    const auto at = static_cast<std::ptrdiff_t>(below(made.size() + 1));
    const bool inside = static_cast<std::size_t>(at) < made.size();
    switch (below(6)) {
      case 0: made.insert(made.begin() + at, static_cast<std::uint8_t>(random())); break;
      case 1:
        if (inside) made[static_cast<std::size_t>(at)] ^= static_cast<std::uint8_t>(1U << below(8));
        break;
      case 2:
        if (inside) made[static_cast<std::size_t>(at)] = below(2) == 0 ? 0x00 : 0xff;
        break;
      case 3: made.erase(made.begin() + at, made.end()); break;
      case 4: {
        const input tail(made.begin() + at, made.end());
        if (made.size() < 65'536) made.insert(made.end(), tail.begin(), tail.end());
        break;
      }
      default: {
        const input& other = from[below(from.size())];
        made.insert(made.begin() + at, other.begin(),
                    other.begin() + static_cast<std::ptrdiff_t>(below(other.size() + 1)));
      }
    }
  }
  return made;
}

}  // namespace

int main(int count, char** names) {
  const std::vector<input> corpus = collect(count, names);
  for (const input& one : corpus) LLVMFuzzerTestOneInput(one.data(), one.size());

  const std::uint64_t seed = number_from("TRANSOM_FUZZ_SEED", 1);
  const std::uint64_t runs = number_from("TRANSOM_FUZZ_RUNS", 5000);
  std::fprintf(stderr, "%zu inputs replayed; now %llu mutants of seed %llu\n", corpus.size(),
               static_cast<unsigned long long>(runs), static_cast<unsigned long long>(seed));
  std::mt19937_64 random(seed);
  for (std::uint64_t run = 0; run < runs; ++run) {
    const input one = mutate(corpus, random);
    LLVMFuzzerTestOneInput(one.data(), one.size());
  }
}
