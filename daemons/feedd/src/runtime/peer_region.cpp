#include "runtime/peer_region.hpp"

#include <sys/stat.h>

#include <bit>
#include <utility>

namespace hft::feedd {

PeerRegion::PeerRegion(std::string path, const PeerShape& shape, Handover<Region>& mailbox)
    : path_(std::move(path)), shape_(shape), mailbox_(mailbox) {}

PeerRegion::Change PeerRegion::follow() {
  const std::unique_ptr<Region> unmapped_on_return = mailbox_.collect();
  if (!mailbox_.idle()) return Change::NONE;
  const bool retired = current_ != nullptr && current_->retired();
  const FileIdentity found = identity();
  if (found == FileIdentity{}) {
    seen_ = {};
    return current_ != nullptr ? detach() : Change::NONE;
  }
  if (worth_opening(found)) return attach(found);
  if (!retired) return Change::NONE;
  seen_retired_ = true;
  return detach();
}

// What was refused is looked at again when another file is there.
bool PeerRegion::worth_opening(const FileIdentity& found) const noexcept {
  return found != seen_ || (current_ == nullptr && seen_retired_ && shape_.keeps_inode);
}

PeerRegion::Change PeerRegion::attach(const FileIdentity& found) {
  seen_ = found;
  seen_retired_ = false;
  try {
    auto region = std::make_unique<Region>(Region::open(path_, shape_.kind));
    check_shape(*region);
    seen_retired_ = region->retired();
    if (seen_retired_) return current_ != nullptr ? detach() : Change::NONE;
    current_ = region.get();
    mailbox_.offer(std::move(region));
    return Change::ATTACHED;
  } catch (const RegionMissing&) {
    seen_ = {};
    return Change::NONE;
  } catch (const RegionError& error) {
    problem_ = error.what();
    if (current_ != nullptr) detach();  // replaced by something unreadable: the old one is over as well
    return Change::REFUSED;
  }
}

PeerRegion::Change PeerRegion::detach() {
  current_ = nullptr;
  mailbox_.offer(std::make_unique<Region>());
  return Change::DETACHED;
}

PeerRegion::FileIdentity PeerRegion::identity() const noexcept {
  struct stat info {};
  if (::stat(path_.c_str(), &info) != 0) return {};
  return {info.st_dev, info.st_ino};
}

void PeerRegion::check_shape(const Region& region) const {
  const std::uint64_t records = region.capacity_records();
  const bool fits = region.header().record_bytes() == shape_.record_bytes && records >= shape_.records_min &&
                    records <= shape_.records_max && std::has_single_bit(records);
  if (!fits) {
    throw RegionError(path_ + ": " + std::to_string(records) + " records of " +
                      std::to_string(region.header().record_bytes()) + " bytes, expected a power of two from " +
                      std::to_string(shape_.records_min) + " to " + std::to_string(shape_.records_max) + " of " +
                      std::to_string(shape_.record_bytes));
  }
}

}  // namespace hft::feedd
