// Runs a fuzzer's entry over files instead of libFuzzer: what was ever found
// stays found, with any compiler.  Arguments are files, or folders of files.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

namespace {

std::vector<std::filesystem::path> files_under(
    const std::filesystem::path &path)
{
    if (!std::filesystem::is_directory(path)) {
        return {path};
    }

    std::vector<std::filesystem::path> files;

    for (const auto &entry :
         std::filesystem::recursive_directory_iterator(path)) {
        if (entry.is_regular_file()) {
            files.push_back(entry.path());
        }
    }

    std::sort(files.begin(), files.end());

    return files;
}

bool replay(const std::filesystem::path &path)
{
    std::ifstream file(path, std::ios::binary);

    if (!file) {
        std::fprintf(stderr, "cannot read %s\n", path.c_str());
        return false;
    }

    std::string bytes{std::istreambuf_iterator<char>(file), {}};

    // A fuzzer that finds something traps: the last name printed is the file.
    std::printf("%s\n", path.c_str());
    std::fflush(stdout);

    // No copy with a terminating zero behind it: reading past the end shows
    // under a sanitizer.
    std::vector<uint8_t> data(bytes.begin(), bytes.end());
    LLVMFuzzerTestOneInput(data.data(), data.size());

    return true;
}

}

int main(int argc, char **argv)
{
    bool ok = true;

    for (int i = 1; i < argc; ++i) {
        for (const auto &path : files_under(argv[i])) {
            ok = replay(path) && ok;
        }
    }

    return ok ? 0 : 1;
}
