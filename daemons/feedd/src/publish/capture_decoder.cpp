#include "publish/capture_decoder.hpp"

#include <algorithm>

namespace hft::feedd {
namespace {

constexpr std::size_t LENGTH_BYTES = sizeof(U16be);

SequencerOptions capture_sequencing() {
  SequencerOptions options;
  options.join = Join::LIVE;
  options.lines = 1;
  return options;
}

}  // namespace

CaptureDecoder::CaptureDecoder(const NormalizerOptions& options)
    : normalizer_(options, publisher_, clock_), sequencer_(capture_sequencing()) {}

void CaptureDecoder::note_problem(std::uint64_t place, const char* reason) {
  if (first_problem_.reason == nullptr) first_problem_ = {place, reason};
}

void CaptureDecoder::on_message(std::uint64_t feed_sequence, Bytes message, const MessageMeta& meta) {
  publisher_.message_number = counters().messages;
  if (const auto reason = itch50::check(message); reason != itch50::MalformedMessage::NONE) {
    note_problem(packets_ != 0 ? packets_ - 1 : offset_, itch50::name_of(reason).data());
  }
  normalizer_.on_message(feed_sequence, message, meta);
}

// Returns how many bytes made whole messages.
std::size_t CaptureDecoder::decode_whole_messages(Bytes bytes) {
  std::size_t used = 0;
  while (bytes.size() - used >= LENGTH_BYTES) {
    const std::size_t length = view_as<U16be>(bytes.subspan(used)).value();
    if (bytes.size() - used - LENGTH_BYTES < length) break;
    if (end_mark_) on_message(counters().messages + 1, {}, {});  // more follows, so it marked no end
    end_mark_ = length == 0;
    if (!end_mark_) on_message(counters().messages + 1, bytes.subspan(used + LENGTH_BYTES, length), {});
    used += LENGTH_BYTES + length;
    offset_ += LENGTH_BYTES + length;
  }
  return used;
}

void CaptureDecoder::feed_stream(Bytes chunk) {
  // Completes the message that the last chunk cut, byte by byte what it still needs.
  while (!partial_.empty() && !chunk.empty()) {
    const std::size_t wanted =
        partial_.size() < LENGTH_BYTES ? LENGTH_BYTES : LENGTH_BYTES + view_as<U16be>(Bytes(partial_)).value();
    const std::size_t taken = std::min(wanted - partial_.size(), chunk.size());
    partial_.insert(partial_.end(), chunk.begin(), chunk.begin() + static_cast<std::ptrdiff_t>(taken));
    chunk = chunk.subspan(taken);
    if (decode_whole_messages(partial_) != 0) partial_.clear();
  }
  const std::size_t used = decode_whole_messages(chunk);
  partial_.insert(partial_.end(), chunk.begin() + static_cast<std::ptrdiff_t>(used), chunk.end());
}

void CaptureDecoder::feed_packet(Bytes payload, std::uint64_t capture_ts_ns) {
  ++packets_;
  const auto before = sequencer_.counters().malformed_packets;
  sequencer_.on_packet(payload, Line::A, capture_ts_ns, capture_ts_ns, *this);
  const auto& after = sequencer_.counters().malformed_packets;
  for (std::size_t reason = 0; reason < after.size(); ++reason) {
    if (after[reason] != before[reason]) {
      note_problem(packets_ - 1, name_of(static_cast<MalformedPacket>(reason)).data());
    }
  }
}

std::size_t CaptureDecoder::finish() {
  sequencer_.finish(*this);
  return partial_.size();
}

}  // namespace hft::feedd
