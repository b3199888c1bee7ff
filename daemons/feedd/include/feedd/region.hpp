// A region: one file of shared memory with one writer, born whole and never repaired in place.
//
//   create:  lock held → "<name>.tmp.<pid>" → fallocate → map, pre-fault, mlock → contents, header LIVE
//            → the old generation's header says RETIRED → rename over <name>
//   adopt:   for the two that keep their inode: what is there is used, else created
//   open:    read-only map → magic, layout hash, kind, size checked → generation remembered
//
// Readers look at `retired()` at leisure, open again and go on when the generation has changed; the old
// mapping stays valid until they drop it. RETIRED comes before the rename, because a writer killed between the
// two must not leave readers on a generation that nobody can reach any more to retire it; so a reader that
// opens again may still get the retired one and tries later.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>

#include "feedd/slot.hpp"
#include "hft/schema/hft_generated.h"
#include "hft/schema/layout_hash.hpp"

namespace hft {

inline constexpr std::uint64_t REGION_MAGIC = 0x314E474552544648ull;  // "HFTREGN1"
inline constexpr std::size_t RING_CONTROL_OFFSET = 256;
inline constexpr std::size_t RECORDS_OFFSET = 4096;

static_assert(sizeof(schema::RegionHeader) == RING_CONTROL_OFFSET);
static_assert(RING_CONTROL_OFFSET + sizeof(schema::RingControl) <= RECORDS_OFFSET);

// Operating errors: the message names the file and what to do about it.
class RegionError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct RegionOptions {
  std::string path;  // final name; its directory must exist and be writable
  schema::RegionKind kind = schema::RegionKind::NONE;
  std::uint64_t capacity_records = 0;
  std::uint32_t record_bytes = 0;  // the schema's size of this kind's record
  std::uint64_t extra_bytes = 0;   // after the records (stats values)
  std::uint64_t peer_generation = 0;
  bool require_huge_pages = false;            // refuse when the directory is not on hugetlbfs
  bool lock_memory = true;                    // mlock; a refusal by RLIMIT_MEMLOCK is reported by locked()
  std::uint32_t mode = 0640;                  // of the file, whatever the umask
  std::function<void(std::byte* base)> fill;  // writes what must be there at birth (stats descriptors)
};

class Region {
 public:
  Region() = default;
  Region(Region&& other) noexcept;
  Region& operator=(Region&& other) noexcept;
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;
  ~Region();

  // Throws RegionError. The caller holds the daemon's lock (DaemonLock).
  static Region create(const RegionOptions& options);
  // Read-only. Throws RegionError; a missing file is RegionMissing.
  static Region open(const std::string& path, schema::RegionKind kind);
  // The same file for writing, without being its creator: operator/veto, whose mode says who may.
  static Region open_writable(const std::string& path, schema::RegionKind kind);
  // A region that keeps its inode over its writer's lives (fence, veto): the one that is there, made LIVE again, or a
  // new one. What is there and can not be used is an error: nothing is repaired in place. Throws RegionError.
  static Region adopt(const RegionOptions& options);

  [[nodiscard]] explicit operator bool() const noexcept { return base_ != nullptr; }
  [[nodiscard]] std::byte* base() const noexcept { return base_; }
  [[nodiscard]] std::byte* records() const noexcept { return base_ + RECORDS_OFFSET; }
  [[nodiscard]] std::size_t size_bytes() const noexcept { return size_bytes_; }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] bool locked() const noexcept { return locked_; }
  [[nodiscard]] bool writable() const noexcept { return writable_; }

  // The header as seen by everyone; only its writer may change it.
  [[nodiscard]] schema::RegionHeader& header() const noexcept {
    return *reinterpret_cast<schema::RegionHeader*>(base_);
  }
  [[nodiscard]] std::uint64_t generation() const noexcept { return header().generation(); }
  [[nodiscard]] std::uint64_t capacity_records() const noexcept { return header().capacity_records(); }
  [[nodiscard]] bool retired() const noexcept;
  // Marks this generation as no longer written (clean end of its writer). Writers only.
  void retire() noexcept;
  // The "no" of the region's writer, a schema::VetoReason; 0 = none. Setting: writers only.
  [[nodiscard]] std::uint64_t veto() const noexcept;
  void set_veto(std::uint64_t reason) noexcept;

 private:
  std::byte* base_ = nullptr;
  std::size_t size_bytes_ = 0;
  std::string path_;
  static Region map_file(const std::string& path, schema::RegionKind kind, bool writable);

  bool locked_ = false;
  bool writable_ = false;
};

class RegionMissing : public RegionError {
 public:
  using RegionError::RegionError;
};

// Another instance holds the daemon's lock; the message names its pid.
class AlreadyRunning : public RegionError {
 public:
  using RegionError::RegionError;
};

// One daemon per directory: a lock held for life. A second instance gets AlreadyRunning.
//
// It is a POSIX record lock: it names its holder, ends with the process, and is not inherited by forked
// helpers. Such locks do not exclude their own process and any close() of the file drops them, therefore a
// second lock of one directory in one process is refused before the file is opened.
class DaemonLock {
 public:
  // Creates `directory` (one level) when absent, takes <directory>/lock, sweeps "*.tmp.*" left by a dead
  // writer. Refuses a directory, or a parent of it, in which others than root and this user could replace files.
  // Throws RegionError.
  explicit DaemonLock(const std::string& directory);
  DaemonLock(const DaemonLock&) = delete;
  DaemonLock& operator=(const DaemonLock&) = delete;
  ~DaemonLock();

 private:
  std::string directory_;
  int descriptor_ = -1;
};

}  // namespace hft
