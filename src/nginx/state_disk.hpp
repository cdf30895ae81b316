// What the state file needs of a disk, which may be slow or full: all of it in
// a thread, so that no worker waits.
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

namespace gw::ngx {

/// Which version of a file it is. It is only ever replaced as a whole, so
/// another version is another inode, or was written at another time.
struct FileMark {
    bool looked = false;            // false: nobody has looked yet
    bool exists = false;
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::int64_t size = 0;
    std::int64_t modified_ns = 0;

    bool operator==(const FileMark &other) const;
    bool operator!=(const FileMark &other) const { return !(*this == other); }
};

/// What went wrong, as the log has it.
struct DiskProblem {
    const char *step = nullptr;     // "open()"; null: nothing
    int error = 0;                  // errno
};

/// Reads a regular file of up to `most` bytes. One that is not there: true,
/// with an empty text.
bool read_whole(const std::string &path, std::size_t most, std::string &text,
    FileMark &mark, DiskProblem &problem);

/// Looks whether a file is still as it was, or replaces it, once.
class DiskJob {
public:
    enum class Outcome {
        unchanged,          // there was nothing to be done
        changed,            // another has replaced it: found() is its text,
                            // and nothing was written
        written,
        busy,               // another is just writing it
        failed              // problem()
    };

    /// text: what is to be written; empty: it is only looked at.
    /// last: the version that the writer knows all of.
    DiskJob(std::string path, std::size_t most, FileMark last,
        std::string text);
    /// Wipes what it has of the file's text.
    ~DiskJob();

    DiskJob(const DiskJob &) = delete;
    DiskJob &operator=(const DiskJob &) = delete;

    bool writes() const { return !text_.empty(); }

    /// In a thread. 0, or an errno: it was not begun.
    int start();

    /// In this one.
    void run();

    bool done() const { return done_.load(std::memory_order_acquire); }

    // Once done:
    Outcome outcome() const { return outcome_; }
    const std::string &found() const { return found_; }
    const FileMark &mark() const { return mark_; }
    const DiskProblem &problem() const { return problem_; }

private:
    Outcome look();
    Outcome replace();
    Outcome write(int fd, const std::string &temporary);
    Outcome failed(const char *step, int error);

    std::string path_;
    std::size_t most_;
    FileMark last_;
    std::string text_;

    Outcome outcome_ = Outcome::failed;
    std::string found_;
    FileMark mark_;
    DiskProblem problem_;
    std::atomic<bool> done_{false};
};

}
