#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <system_error>

#include "feedd/region.hpp"

namespace hft {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const std::string& what, const std::string& path, int error) {
  throw RegionError(path + ": " + what + ": " + std::strerror(error));
}

std::string octal(mode_t mode) {
  char text[8];
  std::snprintf(text, sizeof text, "%04o", static_cast<unsigned>(mode & 07777));
  return text;
}

// Who may replace entries of `directory` can put files of their own in place of a daemon's: only its user and root may.
// In a sticky directory (as /tmp) others may add entries, but not replace any; a daemon's own is not even that.
void require_unwritable_by_others(const std::string& directory, bool may_be_sticky) {
  struct stat info {};
  if (::stat(directory.c_str(), &info) != 0) fail("stat", directory, errno);
  const bool sticky = may_be_sticky && (info.st_mode & S_ISVTX) != 0;
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0 && !sticky) {
    throw RegionError(directory + ": mode " + octal(info.st_mode) +
                      ": others than its owner may replace what is in it (chmod go-w)");
  }
  if (info.st_uid != ::geteuid() && info.st_uid != 0) {
    throw RegionError(directory + ": belongs to uid " + std::to_string(info.st_uid) + ", neither to root nor to uid " +
                      std::to_string(::geteuid()) + ", which this runs as");
  }
}

// Directories that are locked, and by which process: a forked child inherits this map and no lock.
struct Held {
  std::mutex mutex;
  std::map<std::string, pid_t> directories;
};

Held& held() {
  static Held instance;
  return instance;
}

std::string holder_of(int descriptor) {
  struct flock holder {};
  holder.l_type = F_WRLCK;
  holder.l_whence = SEEK_SET;
  const bool named = ::fcntl(descriptor, F_GETLK, &holder) == 0 && holder.l_type != F_UNLCK;
  return named ? std::to_string(holder.l_pid) : "that ends right now";
}

int take(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
  if (descriptor < 0) fail("open lock", path, errno);
  struct flock request {};
  request.l_type = F_WRLCK;
  request.l_whence = SEEK_SET;
  if (::fcntl(descriptor, F_SETLK, &request) == 0) return descriptor;
  const int error = errno;
  const std::string holder = error == EACCES || error == EAGAIN ? holder_of(descriptor) : "";
  ::close(descriptor);
  if (holder.empty()) fail("lock", path, error);
  throw AlreadyRunning(path + ": already held by pid " + holder + "; a second instance may not start");
}

// What a writer killed during create() left behind. Only the lock's holder writes here, so none is in use.
void sweep(const std::string& directory) {
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    if (entry->path().filename().string().find(".tmp.") != std::string::npos) fs::remove(entry->path(), error);
    if (error) break;
  }
  if (error) throw RegionError(directory + ": sweep stale temporaries: " + error.message());
}

}  // namespace

DaemonLock::DaemonLock(const std::string& directory) {
  if (::mkdir(directory.c_str(), 0750) != 0 && errno != EEXIST) fail("create directory", directory, errno);
  std::error_code error;
  directory_ = fs::canonical(directory, error).string();
  if (error) throw RegionError(directory + ": " + error.message());
  require_unwritable_by_others(fs::path(directory_).parent_path().string(), true);
  require_unwritable_by_others(directory_, false);
  const std::lock_guard guard(held().mutex);
  if (const auto entry = held().directories.find(directory_);
      entry != held().directories.end() && entry->second == ::getpid()) {
    throw AlreadyRunning(directory + "/lock: already held by pid " + std::to_string(::getpid()) + ", this process");
  }
  descriptor_ = take(directory + "/lock");
  try {
    sweep(directory);
    held().directories[directory_] = ::getpid();
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
}

DaemonLock::~DaemonLock() {
  const std::lock_guard guard(held().mutex);
  held().directories.erase(directory_);
  ::close(descriptor_);
}

}  // namespace hft
