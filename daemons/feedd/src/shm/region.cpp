#include "feedd/region.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

#include "feedd/clock.hpp"

namespace hft {
namespace {

[[noreturn]] void fail(const std::string& what, const std::string& path) {
  throw RegionError(path + ": " + what + ": " + std::strerror(errno));
}

std::string hex(std::uint64_t value) {
  char text[19];
  std::snprintf(text, sizeof text, "0x%016" PRIx64, value);
  return text;
}

// Closes on every path out of a function.
class Descriptor {
 public:
  explicit Descriptor(int value) noexcept : value_(value) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  [[nodiscard]] int get() const noexcept { return value_; }

 private:
  int value_;
};

struct FileSystem {
  std::uint64_t page_bytes;
  bool huge;
  std::uint64_t free_bytes;
};

FileSystem file_system_of(int descriptor, const std::string& path) {
  struct statfs info {};
  if (::fstatfs(descriptor, &info) != 0) fail("fstatfs", path);
  const bool huge = info.f_type == HUGETLBFS_MAGIC;
  const auto block = static_cast<std::uint64_t>(info.f_bsize);
  return {huge ? block : 4096u, huge, block * info.f_bavail};
}

std::uint64_t round_up(std::uint64_t bytes, std::uint64_t page) { return (bytes + page - 1) / page * page; }

// Removes the temporary unless the rename happened.
class Temporary {
 public:
  explicit Temporary(std::string path) : path_(std::move(path)) {}
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  ~Temporary() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  void keep() noexcept { path_.clear(); }

 private:
  std::string path_;
};

void mark_retired(int old_descriptor) noexcept {
  struct stat info {};
  if (::fstat(old_descriptor, &info) != 0 || info.st_size < static_cast<off_t>(RECORDS_OFFSET)) return;
  void* map = ::mmap(nullptr, static_cast<std::size_t>(info.st_size), PROT_READ | PROT_WRITE, MAP_SHARED,
                     old_descriptor, 0);
  if (map == MAP_FAILED) return;
  auto* header = static_cast<std::uint64_t*>(map);
  // Words 0 and 2 of RegionHeader: magic, state. Old layouts keep them there; the magic would change.
  if (header[0] == REGION_MAGIC) {
    control_word(header[2]).store(static_cast<std::uint64_t>(schema::RegionState::RETIRED),
                                  std::memory_order_release);
  }
  ::munmap(map, static_cast<std::size_t>(info.st_size));
}

void write_header(std::byte* base, const RegionOptions& options, std::uint64_t size_bytes, std::uint64_t page_bytes) {
  auto& header = *reinterpret_cast<schema::RegionHeader*>(base);
  const std::uint64_t now_ns = clock_ns(CLOCK_REALTIME);
  header.mutate_magic(REGION_MAGIC);
  header.mutate_layout_hash(LAYOUT_HASH);
  header.mutate_generation(now_ns);
  header.mutate_peer_generation(options.peer_generation);
  header.mutate_capacity_records(options.capacity_records);
  header.mutate_size_bytes(size_bytes);
  header.mutate_created_ts_ns(now_ns);
  header.mutate_record_bytes(options.record_bytes);
  header.mutate_page_bytes(static_cast<std::uint32_t>(page_bytes));
  header.mutate_writer_pid(static_cast<std::uint32_t>(::getpid()));
  header.mutate_writer_uid(::getuid());
  header.mutate_kind(options.kind);
}

void check_header(const schema::RegionHeader& header, schema::RegionKind kind, std::uint64_t file_bytes,
                  const std::string& path) {
  if (header.magic() != REGION_MAGIC) throw RegionError(path + ": not a region of this suite (magic differs)");
  if (header.layout_hash() != LAYOUT_HASH) {
    throw RegionError(path + ": layout " + hex(header.layout_hash()) + " was written by another build, this one has " +
                      hex(LAYOUT_HASH) + "; restart both sides from one installation");
  }
  if (header.kind() != kind) {
    throw RegionError(path + ": holds " + schema::EnumNameRegionKind(header.kind()) + ", expected " +
                      schema::EnumNameRegionKind(kind));
  }
  const std::uint64_t records = header.capacity_records() * header.record_bytes();
  if (header.size_bytes() != file_bytes || RECORDS_OFFSET + records > file_bytes) {
    throw RegionError(path + ": " + std::to_string(file_bytes) + " bytes long, its header says " +
                      std::to_string(header.size_bytes()) + " with " + std::to_string(records) + " of records");
  }
}

}  // namespace

Region::Region(Region&& other) noexcept { *this = std::move(other); }

Region& Region::operator=(Region&& other) noexcept {
  std::swap(base_, other.base_);
  std::swap(size_bytes_, other.size_bytes_);
  std::swap(path_, other.path_);
  std::swap(locked_, other.locked_);
  std::swap(writable_, other.writable_);
  return *this;
}

Region::~Region() {
  if (base_ != nullptr) ::munmap(base_, size_bytes_);
}

Region Region::create(const RegionOptions& options) {
  const std::string temporary_path = options.path + ".tmp." + std::to_string(::getpid());
  Descriptor file(::open(temporary_path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640));
  if (file.get() < 0) fail("create", temporary_path);
  Temporary temporary(temporary_path);

  const FileSystem fs = file_system_of(file.get(), temporary_path);
  if (options.require_huge_pages && !fs.huge) {
    throw RegionError(options.path + ": not on hugetlbfs, and run.huge_pages = \"require\"");
  }
  const std::uint64_t size_bytes = round_up(
      RECORDS_OFFSET + options.capacity_records * options.record_bytes + options.extra_bytes, fs.page_bytes);
  // Exhaustion is an error here and not a SIGBUS at the first touch.
  if (const int error = ::posix_fallocate(file.get(), 0, static_cast<off_t>(size_bytes)); error != 0) {
    errno = error;
    fail("allocate " + std::to_string(size_bytes) + " bytes (" + std::to_string(fs.free_bytes) + " were free)",
         options.path);
  }
  void* map = ::mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, file.get(), 0);
  if (map == MAP_FAILED) fail("map " + std::to_string(size_bytes) + " bytes", options.path);

  Region region;
  region.base_ = static_cast<std::byte*>(map);
  region.size_bytes_ = size_bytes;
  region.path_ = options.path;
  region.writable_ = true;
  region.locked_ = options.lock_memory && ::mlock(map, size_bytes) == 0;
  ::madvise(map, size_bytes, MADV_DONTDUMP);
  write_header(region.base_, options, size_bytes, fs.page_bytes);
  // Readers open by name, so LIVE may be stored before the rename.
  control_word(reinterpret_cast<std::uint64_t*>(map)[2])
      .store(static_cast<std::uint64_t>(schema::RegionState::LIVE), std::memory_order_release);

  Descriptor old(::open(options.path.c_str(), O_RDWR | O_CLOEXEC));
  if (::rename(temporary_path.c_str(), options.path.c_str()) != 0) fail("rename into place", options.path);
  temporary.keep();
  if (old.get() >= 0) mark_retired(old.get());
  return region;
}

Region Region::open(const std::string& path, schema::RegionKind kind) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) {
    if (errno == ENOENT) throw RegionMissing(path + ": does not exist (is its writer running?)");
    fail("open", path);
  }
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) fail("stat", path);
  const auto size_bytes = static_cast<std::uint64_t>(info.st_size);
  if (size_bytes < RECORDS_OFFSET) throw RegionError(path + ": too short to be a region");
  void* map = ::mmap(nullptr, size_bytes, PROT_READ, MAP_SHARED | MAP_POPULATE, file.get(), 0);
  if (map == MAP_FAILED) fail("map", path);

  Region region;
  region.base_ = static_cast<std::byte*>(map);
  region.size_bytes_ = size_bytes;
  region.path_ = path;
  check_header(region.header(), kind, size_bytes, path);
  return region;
}

bool Region::retired() const noexcept {
  return control_word(reinterpret_cast<const std::uint64_t*>(base_)[2]).load(std::memory_order_acquire) ==
         static_cast<std::uint64_t>(schema::RegionState::RETIRED);
}

void Region::retire() noexcept {
  control_word(reinterpret_cast<std::uint64_t*>(base_)[2])
      .store(static_cast<std::uint64_t>(schema::RegionState::RETIRED), std::memory_order_release);
}

DaemonLock::DaemonLock(const std::string& directory) {
  if (::mkdir(directory.c_str(), 0750) != 0 && errno != EEXIST) fail("create directory", directory);
  const std::string path = directory + "/lock";
  descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
  if (descriptor_ < 0) fail("open lock", path);
  // A POSIX record lock: it tells the holder's pid, and hugetlbfs does not allow writing one into the file.
  struct flock request {};
  request.l_type = F_WRLCK;
  request.l_whence = SEEK_SET;
  if (::fcntl(descriptor_, F_SETLK, &request) != 0) {
    struct flock holder = request;
    const bool named = ::fcntl(descriptor_, F_GETLK, &holder) == 0 && holder.l_type != F_UNLCK;
    ::close(descriptor_);
    throw AlreadyRunning(path + ": already held by pid " + (named ? std::to_string(holder.l_pid) : "?") +
                         "; a second instance may not start");
  }
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.path().filename().string().find(".tmp.") != std::string::npos) std::filesystem::remove(entry.path());
  }
}

DaemonLock::~DaemonLock() { ::close(descriptor_); }

}  // namespace hft
