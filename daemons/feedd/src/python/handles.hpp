// What the Python objects hold, shared with the C functions that compiled Python calls (compiled.cpp).
#pragma once
#include <nanobind/nanobind.h>

#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <string>
#include <variant>

#include "feedd/queue.hpp"
#include "feedd/region.hpp"
#include "feedd/ring.hpp"

namespace hft::python {

// A reader with its last grant. `address` in Python is the address of this struct; it lives as long as the
// Python object, which in turn keeps the region mapped.
struct RingReaderHandle {
  RingReader ring;
  Grant grant;
  std::uint64_t advanced = 0;  // of the grant

  std::int64_t poll(std::int64_t count_max) noexcept {
    grant = ring.poll(count_max > 0 ? static_cast<std::uint64_t>(count_max) : 0);
    advanced = 0;
    return static_cast<std::int64_t>(grant.count);
  }
  // Looks again, up to `spins_max` times, before it comes back with nothing.
  std::int64_t poll_spinning(std::int64_t count_max, std::uint64_t spins_max) noexcept {
    std::int64_t count = poll(count_max);
    for (; count == 0 && spins_max != 0; --spins_max) count = poll(count_max);
    return count;
  }
  [[nodiscard]] std::int64_t start() const noexcept {
    return static_cast<std::int64_t>(ring.index_of(grant.first_sequence));
  }
  [[nodiscard]] bool validate() const noexcept { return ring.validate(grant); }
  // False for more than what is left of the grant.
  bool advance(std::int64_t count) noexcept {
    if (count < 0 || static_cast<std::uint64_t>(count) > grant.count - advanced) return false;
    advanced += static_cast<std::uint64_t>(count);
    ring.advance(static_cast<std::uint64_t>(count));
    return true;
  }
};

// Any record of a ring: market events, intents and inputs are of 128 bytes, updates of 256.
template <std::size_t Bytes>
struct RingRecord {
  std::uint64_t words[Bytes / sizeof(std::uint64_t)];
};
static_assert(sizeof(schema::MarketEvent) == 128);
static_assert(sizeof(schema::OrderIntent) == 128);
static_assert(sizeof(schema::LoopInput) == 128);
static_assert(sizeof(schema::OrderUpdate) == 256);

// The writer of a ring of either record, and what compiled Python publishes through.
class RingWriterHandle {
 public:
  RingWriterHandle(Region& region, std::uint64_t after_sequence)
      : writer_(region.header().record_bytes() == 256 ? Writer(RingWriter<RingRecord<256>>(region, after_sequence))
                                                      : Writer(RingWriter<RingRecord<128>>(region, after_sequence))) {}

  [[nodiscard]] std::size_t record_bytes() const noexcept { return writer_.index() == 0 ? 128 : 256; }
  [[nodiscard]] std::uint64_t sequence() const noexcept {
    return std::visit([](const auto& writer) { return writer.sequence(); }, writer_);
  }
  // Throws std::bad_variant_access when its records are of 256.
  [[nodiscard]] RingWriter<RingRecord<128>>& of_128() { return std::get<0>(writer_); }
  // `record`: record_bytes() of them.
  std::uint64_t publish(const void* record) noexcept {
    return std::visit([record](auto& writer) { return publish_by(writer, record); }, writer_);
  }

 private:
  using Writer = std::variant<RingWriter<RingRecord<128>>, RingWriter<RingRecord<256>>>;

  template <std::size_t Bytes>
  static std::uint64_t publish_by(RingWriter<RingRecord<Bytes>>& writer, const void* record) noexcept {
    RingRecord<Bytes> copy;
    std::memcpy(&copy, record, Bytes);
    return writer.publish(copy);
  }

  Writer writer_;
};

inline void require_kind(const Region& region, std::initializer_list<schema::RegionKind> kinds) {
  for (const schema::RegionKind kind : kinds) {
    if (region.header().kind() == kind) return;
  }
  throw RegionError(region.path() + ": a region of kind " + schema::EnumNameRegionKind(region.header().kind()) +
                    " can not be used so");
}

inline void require_writable(const Region& region) {
  if (!region.writable()) throw RegionError(region.path() + ": mapped read-only; only its creator writes");
}

// The bytes behind a contiguous array, numpy record or bytes object, for the length of a call.
class Buffer {
 public:
  Buffer(nanobind::handle object, int flags) {
    if (PyObject_GetBuffer(object.ptr(), &view_, flags) != 0) throw nanobind::python_error();
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { PyBuffer_Release(&view_); }

  [[nodiscard]] std::size_t size_bytes() const noexcept { return static_cast<std::size_t>(view_.len); }
  [[nodiscard]] std::byte* data() const noexcept { return static_cast<std::byte*>(view_.buf); }

 private:
  Py_buffer view_{};
};

template <class Record>
Record record_from(nanobind::handle object) {
  const Buffer buffer(object, PyBUF_SIMPLE);
  if (buffer.size_bytes() != sizeof(Record)) {
    throw nanobind::value_error(("a record of " + std::to_string(sizeof(Record)) + " bytes expected").c_str());
  }
  Record record;
  std::memcpy(static_cast<void*>(&record), buffer.data(), sizeof record);
  return record;
}

template <class Record>
void record_into(const Record& record, nanobind::handle object) {
  const Buffer buffer(object, PyBUF_WRITABLE);
  if (buffer.size_bytes() != sizeof(Record)) {
    throw nanobind::value_error(("room for a record of " + std::to_string(sizeof(Record)) + " bytes expected").c_str());
  }
  std::memcpy(buffer.data(), &record, sizeof record);
}

}  // namespace hft::python
