// Follows a region that another daemon writes, on the helper thread, and hands each live generation to a hot thread.
//
// What the hot thread held before comes back through the mailbox and is unmapped here.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>

#include "feedd/region.hpp"
#include "runtime/handover.hpp"

namespace hft::feedd {

// What this build can read; anything else is refused by name.
struct PeerShape {
  schema::RegionKind kind = schema::RegionKind::NONE;
  std::uint32_t record_bytes = 0;
  std::uint64_t records_min = 1;
  std::uint64_t records_max = 1;  // a queue's capacity is a power of two within these
  bool keeps_inode = false;       // adopted by each life of its writer: retired, it may become LIVE again
};

class PeerRegion {
 public:
  enum class Change : std::uint8_t { NONE, ATTACHED, DETACHED, REFUSED };

  PeerRegion(std::string path, const PeerShape& shape, Handover<Region>& mailbox);

  // One look; at most one change is on its way at a time.
  Change follow();

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  // Generation handed over last, 0 = none.
  [[nodiscard]] std::uint64_t generation() const noexcept { return current_ == nullptr ? 0 : current_->generation(); }
  // Null when none is handed over. Valid until the next follow().
  [[nodiscard]] const Region* region() const noexcept { return current_; }
  // Why the last REFUSED was one.
  [[nodiscard]] const std::string& problem() const noexcept { return problem_; }

 private:
  struct FileIdentity {
    dev_t device = 0;
    ino_t inode = 0;
    bool operator==(const FileIdentity&) const = default;
  };

  [[nodiscard]] FileIdentity identity() const noexcept;  // all zero = no file
  void check_shape(const Region& region) const;          // throws RegionError
  [[nodiscard]] bool worth_opening(const FileIdentity& found) const noexcept;
  Change attach(const FileIdentity& found);
  Change detach();

  std::string path_;
  PeerShape shape_;
  Handover<Region>& mailbox_;
  const Region* current_ = nullptr;  // owned by the hot thread's side until collected
  FileIdentity seen_;                // the file that was looked at last, good or not
  bool seen_retired_ = false;        // that is all that was wrong with it
  std::string problem_;
};

}  // namespace hft::feedd
