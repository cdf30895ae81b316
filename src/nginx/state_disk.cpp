// Reading and replacing the state file. Nothing here may touch nginx: it runs
// in a thread beside the event loop.
//
// Writers of several processes, such as the old and the new binary during an
// upgrade, take turns: who has the lock (flock) on PATH.tmp may rename it. In
// its turn each first looks whether another was there before. What a killed
// one leaves behind has no lock, and the next one takes it away.
#include "nginx/state_disk.hpp"

#include <openssl/crypto.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <exception>
#include <utility>

namespace gw::ngx {

namespace {

class Descriptor {
public:
    explicit Descriptor(int fd) : fd_(fd) {}

    ~Descriptor()
    {
        if (fd_ != -1) {
            ::close(fd_);
        }
    }

    Descriptor(const Descriptor &) = delete;
    Descriptor &operator=(const Descriptor &) = delete;

    int get() const { return fd_; }
    bool ok() const { return fd_ != -1; }

private:
    int fd_;
};

FileMark mark_of(const struct stat &status)
{
    FileMark mark;
    mark.looked = true;
    mark.exists = true;
    mark.device = status.st_dev;
    mark.inode = status.st_ino;
    mark.size = status.st_size;
    mark.modified_ns = status.st_mtim.tv_sec * INT64_C(1000000000)
                       + status.st_mtim.tv_nsec;

    return mark;
}

bool write_all(int fd, const std::string &text)
{
    std::size_t written = 0;

    while (written < text.size()) {
        ssize_t n = ::write(fd, text.data() + written, text.size() - written);

        if (n >= 0) {
            written += static_cast<std::size_t>(n);

        } else if (errno != EINTR) {
            return false;
        }
    }

    return true;
}

/// -1: with EWOULDBLOCK, another process is writing.
int lock_temporary(const std::string &path)
{
    constexpr int flags = O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;

    int fd = ::open(path.c_str(), flags | O_CREAT | O_EXCL, 0600);
    bool leftover = fd == -1 && errno == EEXIST;

    if (leftover) {
        fd = ::open(path.c_str(), flags);
    }

    if (fd == -1) {
        errno = leftover && errno == ENOENT ? EWOULDBLOCK : errno;
        return -1;
    }

    struct stat mine;
    struct stat there;
    int error = ::flock(fd, LOCK_EX | LOCK_NB) == -1 ? errno : 0;

    // It may have been renamed, or taken for a leftover, before it was locked.
    if (error == 0
        && (::fstat(fd, &mine) == -1 || ::lstat(path.c_str(), &there) == -1
            || mine.st_ino != there.st_ino || mine.st_dev != there.st_dev))
    {
        error = EWOULDBLOCK;
    }

    // Not written over: its mode and owner are anybody's. The next turn finds
    // its place free.
    if (error == 0 && leftover) {
        error = ::unlink(path.c_str()) == 0 ? EWOULDBLOCK : errno;
    }

    if (error != 0) {
        ::close(fd);
        errno = error;
        return -1;
    }

    return fd;
}

/// The rename itself must outlast a crash of the machine. Not every file
/// system can be asked for that.
void sync_folder_of(const std::string &path)
{
    std::string folder = path.substr(0, path.rfind('/') + 1);
    Descriptor fd(::open(folder.empty() ? "." : folder.c_str(),
        O_RDONLY | O_DIRECTORY | O_CLOEXEC));

    if (fd.ok()) {
        ::fsync(fd.get());
    }
}

}

bool FileMark::operator==(const FileMark &other) const
{
    return looked == other.looked && exists == other.exists
           && device == other.device && inode == other.inode
           && size == other.size && modified_ns == other.modified_ns;
}

bool read_whole(const std::string &path, std::size_t most, std::string &text,
    FileMark &mark, DiskProblem &problem)
{
    text.clear();
    mark = {};
    mark.looked = true;

    Descriptor fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));

    if (!fd.ok() && errno == ENOENT) {
        return true;
    }

    struct stat status;

    if (!fd.ok() || ::fstat(fd.get(), &status) == -1) {
        problem = {"open()", errno};
        return false;
    }

    if (!S_ISREG(status.st_mode)) {
        problem = {"open()", S_ISDIR(status.st_mode) ? EISDIR : EINVAL};
        return false;
    }

    if (status.st_size < 0 || static_cast<std::uint64_t>(status.st_size) > most)
    {
        problem = {"read()", EFBIG};
        return false;
    }

    text.resize(static_cast<std::size_t>(status.st_size));
    std::size_t size = 0;

    while (size < text.size()) {
        ssize_t n = ::read(fd.get(), text.data() + size, text.size() - size);

        if (n == 0) {
            break;
        }

        if (n > 0) {
            size += static_cast<std::size_t>(n);

        } else if (errno != EINTR) {
            problem = {"read()", errno};
            return false;
        }
    }

    text.resize(size);
    mark = mark_of(status);

    return true;
}

DiskJob::DiskJob(std::string path, std::size_t most, FileMark last,
    std::string text)
    : path_(std::move(path)), most_(most), last_(last), text_(std::move(text))
{
}

DiskJob::~DiskJob()
{
    OPENSSL_cleanse(text_.data(), text_.size());
    OPENSSL_cleanse(found_.data(), found_.size());
}

int DiskJob::start()
{
    // Signals are nginx's, in its own thread.
    sigset_t all;
    sigset_t before;
    pthread_attr_t attributes;
    pthread_t thread;

    int error = pthread_attr_init(&attributes);

    if (error != 0) {
        return error;
    }

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);

    error = pthread_create(&thread, &attributes,
        [](void *data) -> void * {
            static_cast<DiskJob *>(data)->run();
            return nullptr;
        }, this);

    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    pthread_attr_destroy(&attributes);

    return error;
}

void DiskJob::run()
{
    try {
        outcome_ = writes() ? replace() : look();

    } catch (const std::exception &) {
        outcome_ = failed("malloc()", ENOMEM);
    }

    // From here on whoever waits may delete this.
    done_.store(true, std::memory_order_release);
}

DiskJob::Outcome DiskJob::failed(const char *step, int error)
{
    problem_ = {step, error};
    return Outcome::failed;
}

DiskJob::Outcome DiskJob::look()
{
    struct stat status;
    FileMark now;

    if (::stat(path_.c_str(), &status) == 0) {
        now = mark_of(status);

    } else if (errno == ENOENT) {
        now.looked = true;

    } else {
        return failed("stat()", errno);
    }

    if (now == last_) {
        mark_ = now;
        return Outcome::unchanged;
    }

    return read_whole(path_, most_, found_, mark_, problem_)
        ? Outcome::changed : Outcome::failed;
}

DiskJob::Outcome DiskJob::replace()
{
    std::string temporary = path_ + ".tmp";
    Descriptor fd(lock_temporary(temporary));

    if (!fd.ok()) {
        return errno == EWOULDBLOCK ? Outcome::busy
                                    : failed("open()", errno);
    }

    Outcome outcome = look();

    if (outcome == Outcome::unchanged) {
        outcome = write(fd.get(), temporary);
    }

    if (outcome != Outcome::written) {
        ::unlink(temporary.c_str());
    }

    return outcome;
}

DiskJob::Outcome DiskJob::write(int fd, const std::string &temporary)
{
    struct stat status;

    if (!write_all(fd, text_)) {
        return failed("write()", errno);
    }

    if (::fsync(fd) == -1) {
        return failed("fsync()", errno);
    }

    if (::fstat(fd, &status) == -1) {
        return failed("fstat()", errno);
    }

    if (::rename(temporary.c_str(), path_.c_str()) == -1) {
        return failed("rename()", errno);
    }

    mark_ = mark_of(status);
    sync_folder_of(path_);

    return Outcome::written;
}

}
