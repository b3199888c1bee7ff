#include "feedd/region.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <bit>
#include <cassert>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <utility>

#include "feedd/clock.hpp"

namespace hft {
namespace {

// Control words of RegionHeader.
constexpr std::size_t STATE_WORD = 2;
constexpr std::size_t VETO_WORD = 10;
constexpr std::uint64_t SMALL_PAGE_BYTES = 4096;

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

// hugetlbfs mounts without a size limit report no free blocks; the pool they draw from does.
std::uint64_t free_huge_bytes(std::uint64_t page_bytes) {
  std::ifstream pool("/sys/kernel/mm/hugepages/hugepages-" + std::to_string(page_bytes / 1024) + "kB/free_hugepages");
  std::uint64_t pages = 0;
  pool >> pages;
  return pages * page_bytes;
}

FileSystem file_system_of(int descriptor, const std::string& path) {
  struct statfs info {};
  if (::fstatfs(descriptor, &info) != 0) fail("fstatfs", path);
  const auto block = static_cast<std::uint64_t>(info.f_bsize);
  if (info.f_type == HUGETLBFS_MAGIC) return {block, true, free_huge_bytes(block)};
  return {SMALL_PAGE_BYTES, false, block * info.f_bavail};
}

// 0: the kind has no record of its own in the schema.
std::uint32_t schema_record_bytes(schema::RegionKind kind) {
  switch (kind) {
    case schema::RegionKind::MARKET_RING: return sizeof(schema::MarketEvent);
    case schema::RegionKind::MARKET_BOARD: return sizeof(schema::BoardEntry);
    case schema::RegionKind::GATEWAY_STATE: return sizeof(schema::GatewayState);
    case schema::RegionKind::UPDATES_RING: return sizeof(schema::OrderUpdate);
    case schema::RegionKind::INTENTS_RING: return sizeof(schema::OrderIntent);
    case schema::RegionKind::STATS: return sizeof(schema::StatDescriptor);
    case schema::RegionKind::FENCE: return sizeof(schema::Fence);
    case schema::RegionKind::VETO: return sizeof(schema::VetoNote);
    case schema::RegionKind::PROGRESS: return sizeof(schema::LoopProgress);
    case schema::RegionKind::INPUTS_RING: return sizeof(schema::LoopInput);
    case schema::RegionKind::IDENTITY:
    case schema::RegionKind::CHECKPOINT: return sizeof(schema::Snapshot);
    case schema::RegionKind::GATEWAY_POSITIONS: return sizeof(schema::GatewayPosition);
    case schema::RegionKind::GATEWAY_ORDERS: return sizeof(schema::GatewayOrder);
    case schema::RegionKind::LIMITS: return sizeof(schema::Limits);
    case schema::RegionKind::COMMANDS: return sizeof(schema::Commands);
    case schema::RegionKind::NONE: break;
  }
  return 0;
}

bool is_ring(schema::RegionKind kind) {
  return kind == schema::RegionKind::MARKET_RING || kind == schema::RegionKind::UPDATES_RING ||
         kind == schema::RegionKind::INTENTS_RING || kind == schema::RegionKind::INPUTS_RING;
}

// What readers index by: checked by the writer at birth and by every reader before it believes a header.
void check_shape(schema::RegionKind kind, std::uint64_t capacity_records, std::uint32_t record_bytes,
                 const std::string& path) {
  const std::uint32_t expected = schema_record_bytes(kind);
  if (expected != 0 && record_bytes != expected) {
    throw RegionError(path + ": records of " + std::to_string(record_bytes) + " bytes, " +
                      schema::EnumNameRegionKind(kind) + " has " + std::to_string(expected));
  }
  if (is_ring(kind) && !std::has_single_bit(capacity_records)) {
    throw RegionError(path + ": " + std::to_string(capacity_records) + " slots, a ring has a power of two");
  }
  constexpr std::uint64_t BYTES_MAX = 1ull << 40;
  if (record_bytes == 0 || capacity_records == 0 || capacity_records > BYTES_MAX / record_bytes) {
    throw RegionError(path + ": " + std::to_string(capacity_records) + " records of " + std::to_string(record_bytes) +
                      " bytes");
  }
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

// Marks the generation behind `old_descriptor` RETIRED and returns its number, 0 if it is not a region.
std::uint64_t mark_retired(int old_descriptor) noexcept {
  struct stat info {};
  if (::fstat(old_descriptor, &info) != 0 || info.st_size < static_cast<off_t>(RECORDS_OFFSET)) return 0;
  void* map =
      ::mmap(nullptr, static_cast<std::size_t>(info.st_size), PROT_READ | PROT_WRITE, MAP_SHARED, old_descriptor, 0);
  if (map == MAP_FAILED) return 0;
  auto* header = static_cast<std::uint64_t*>(map);
  std::uint64_t generation = 0;
  // Words 0, 2, 3 of RegionHeader: magic, state, generation. Old layouts keep them there; the magic would change.
  if (header[0] == REGION_MAGIC) {
    generation = header[3];
    // Pairs with the acquire load in retired().
    control_word(header[STATE_WORD])
        .store(static_cast<std::uint64_t>(schema::RegionState::RETIRED), std::memory_order_release);
  }
  ::munmap(map, static_cast<std::size_t>(info.st_size));
  return generation;
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
  const auto* words = reinterpret_cast<const std::uint64_t*>(&header);
  if (header.magic() != REGION_MAGIC) throw RegionError(path + ": not a region of this suite (magic differs)");
  if (header.layout_hash() != LAYOUT_HASH) {
    throw RegionError(path + ": layout " + hex(header.layout_hash()) + " was written by another build, this one has " +
                      hex(LAYOUT_HASH) + "; restart both sides from one installation");
  }
  if (header.kind() != kind) {
    throw RegionError(path + ": holds " + schema::EnumNameRegionKind(header.kind()) + ", expected " +
                      schema::EnumNameRegionKind(kind));
  }
  if (control_word(words[STATE_WORD]).load(std::memory_order_acquire) ==
      static_cast<std::uint64_t>(schema::RegionState::BUILDING)) {
    throw RegionError(path + ": was never finished by its writer");
  }
  check_shape(kind, header.capacity_records(), header.record_bytes(), path);
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
  check_shape(options.kind, options.capacity_records, options.record_bytes, options.path);
  const std::string temporary_path = options.path + ".tmp." + std::to_string(::getpid());
  Descriptor file(::open(temporary_path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640));
  if (file.get() < 0) fail("create", temporary_path);
  Temporary temporary(temporary_path);
  if (::fchmod(file.get(), options.mode) != 0) fail("set its mode", temporary_path);

  const FileSystem fs = file_system_of(file.get(), temporary_path);
  if (options.require_huge_pages && !fs.huge) {
    throw RegionError(options.path + ": not on hugetlbfs, and run.huge_pages = \"require\"");
  }
  const std::uint64_t size_bytes =
      round_up(RECORDS_OFFSET + options.capacity_records * options.record_bytes + options.extra_bytes, fs.page_bytes);
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
  if (options.fill) options.fill(region.base_);
  // Readers open by name, so LIVE may be stored before the rename. Pairs with the load in check_header.
  control_word(reinterpret_cast<std::uint64_t*>(map)[STATE_WORD])
      .store(static_cast<std::uint64_t>(schema::RegionState::LIVE), std::memory_order_release);

  const Descriptor old(::open(options.path.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK));
  if (old.get() >= 0) {
    // Wall-clock steps back must not repeat a generation.
    const std::uint64_t old_generation = mark_retired(old.get());
    if (region.generation() <= old_generation) region.header().mutate_generation(old_generation + 1);
  }
  if (::rename(temporary_path.c_str(), options.path.c_str()) != 0) fail("rename into place", options.path);
  temporary.keep();
  return region;
}

Region Region::map_file(const std::string& path, schema::RegionKind kind, bool writable) {
  const int access = writable ? O_RDWR : O_RDONLY;
  const Descriptor file(::open(path.c_str(), access | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) {
    if (errno == ENOENT) throw RegionMissing(path + ": does not exist (is its writer running?)");
    fail("open", path);
  }
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) fail("stat", path);
  if (!S_ISREG(info.st_mode)) throw RegionError(path + ": not a regular file");
  const auto size_bytes = static_cast<std::uint64_t>(info.st_size);
  if (size_bytes < RECORDS_OFFSET) {
    throw RegionError(path + ": " + std::to_string(size_bytes) + " bytes are too short for a region");
  }
  const int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
  void* map = ::mmap(nullptr, size_bytes, protection, MAP_SHARED | MAP_POPULATE, file.get(), 0);
  if (map == MAP_FAILED) fail("map", path);

  Region region;
  region.base_ = static_cast<std::byte*>(map);
  region.size_bytes_ = size_bytes;
  region.path_ = path;
  region.writable_ = writable;
  check_header(region.header(), kind, size_bytes, path);
  return region;
}

Region Region::open(const std::string& path, schema::RegionKind kind) { return map_file(path, kind, false); }

Region Region::open_writable(const std::string& path, schema::RegionKind kind) { return map_file(path, kind, true); }

Region Region::adopt(const RegionOptions& options) {
  try {
    Region region = map_file(options.path, options.kind, true);
    if (options.require_huge_pages && region.header().page_bytes() <= SMALL_PAGE_BYTES) {
      throw RegionError(options.path + ": not on huge pages, and run.huge_pages = \"require\"");
    }
    region.locked_ = options.lock_memory && ::mlock(region.base_, region.size_bytes_) == 0;
    region.header().mutate_writer_pid(static_cast<std::uint32_t>(::getpid()));
    control_word(reinterpret_cast<std::uint64_t*>(region.base_)[STATE_WORD])
        .store(static_cast<std::uint64_t>(schema::RegionState::LIVE), std::memory_order_release);
    return region;
  } catch (const RegionMissing&) {
    return create(options);
  }
}

bool Region::retired() const noexcept {
  // Pairs with the release stores in retire() and mark_retired().
  return control_word(reinterpret_cast<const std::uint64_t*>(base_)[STATE_WORD]).load(std::memory_order_acquire) ==
         static_cast<std::uint64_t>(schema::RegionState::RETIRED);
}

void Region::retire() noexcept {
  assert(writable_);
  control_word(reinterpret_cast<std::uint64_t*>(base_)[STATE_WORD])
      .store(static_cast<std::uint64_t>(schema::RegionState::RETIRED), std::memory_order_release);
}

std::uint64_t Region::veto() const noexcept {
  // Pairs with the release store in set_veto.
  return control_word(reinterpret_cast<const std::uint64_t*>(base_)[VETO_WORD]).load(std::memory_order_acquire);
}

void Region::set_veto(std::uint64_t reason) noexcept {
  assert(writable_);
  control_word(reinterpret_cast<std::uint64_t*>(base_)[VETO_WORD]).store(reason, std::memory_order_release);
}

}  // namespace hft
