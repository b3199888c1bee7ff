// Bodies of protocol/sequencer.hpp that depend on the sink.
#pragma once
#include "protocol/sequencer.hpp"

namespace hft::feedd {

// How many messages ahead of delivery the sink hears prepare().
inline constexpr std::uint32_t PREPARE_AHEAD_MESSAGES = 8;

template <MessageSink Sink>
RetransmissionRequest Sequencer::on_packet(Bytes payload, Line line, std::uint64_t receive_ts_ns, std::uint64_t now_ns,
                                           Sink& sink) {
  ++counters_.packets[static_cast<std::size_t>(line)];
  if (const MalformedPacket reason = packet_.parse(payload); reason != MalformedPacket::NONE) {
    ++counters_.malformed_packets[static_cast<std::size_t>(reason)];
    return {};
  }
  if (!accept_session(line, now_ns, sink)) {
    ++counters_.foreign_session_packets;
    return {};
  }
  const std::uint64_t first = packet_.sequence();
  const std::uint64_t next = first + packet_.messages();
  const bool news = line != Line::RETRANSMISSION && !packet_.end_of_session() &&
                    (next > expected_ || (next == expected_ && packet_.messages() == 0));
  auto& line_next = line_next_[static_cast<std::size_t>(line)];
  line_next = std::max(line_next, next);
  if (packet_.messages() == 0) ++counters_.heartbeats;
  if (line == Line::RETRANSMISSION) server_silent_ = false;
  if (packet_.end_of_session() && end_sequence_ == 0) end_sequence_ = first;

  if (first > expected_) expire(first, line, now_ns, sink);
  const bool may_drop = options_.requests && !server_silent_;
  if (first > expected_ && next - expected_ > window_.capacity() && packet_.messages() != 0 && !may_drop) {
    make_room(next - std::min(next, window_.capacity()), first, sink);
  }
  if (first <= expected_) {
    deliver_in_order(line, receive_ts_ns, sink);
  } else {
    hold_packet(line, receive_ts_ns, now_ns);
  }
  const RetransmissionRequest request = settle(line, now_ns, sink);
  if (news && next == expected_ && expected_ == highest_) up_to_date_ns_ = receive_ts_ns;
  return request;
}

template <MessageSink Sink>
RetransmissionRequest Sequencer::on_timer(std::uint64_t now_ns, Sink& sink) {
  if (!in_session_) return {};
  return settle(Line::A, now_ns, sink);
}

template <MessageSink Sink>
void Sequencer::finish(Sink& sink) {
  while (expected_ < highest_) {
    give_up_until(window_.held() != 0 ? window_.next_held(expected_) : highest_, sink);
  }
  front_ = {};
}

// True when the parsed packet belongs to the session being read, which it may have begun.
template <MessageSink Sink>
bool Sequencer::accept_session(Line line, std::uint64_t now_ns, Sink& sink) {
  const bool current = in_session_ && packet_.session() == session_;
  if (line == Line::RETRANSMISSION) return current;
  if (!current) {
    if (!confirms_session_change(now_ns)) return false;
    finish(sink);
    begin_session(packet_.session());
    sink.on_session(SessionChange::BEGIN, session_, expected_);
  }
  line_heard_ns_ = now_ns;
  candidate_packets_ = 0;
  return true;
}

// The packet starts at or before `expected_`.
template <MessageSink Sink>
void Sequencer::deliver_in_order(Line line, std::uint64_t receive_ts_ns, Sink& sink) {
  const std::uint64_t skipped = expected_ - packet_.sequence();
  const std::uint32_t messages = packet_.messages();
  if (skipped >= messages) {
    counters_.duplicate_messages += messages;
    return;
  }
  counters_.duplicate_messages += skipped;
  counters_.messages_delivered[static_cast<std::size_t>(line)] += messages - skipped;
  auto index = static_cast<std::uint32_t>(skipped);
  for (std::uint32_t ahead = index; ahead < std::min(messages, index + PREPARE_AHEAD_MESSAGES); ++ahead) {
    sink.prepare(packet_.message(ahead));
  }
  for (; index < messages; ++index) {
    if (index + PREPARE_AHEAD_MESSAGES < messages) sink.prepare(packet_.message(index + PREPARE_AHEAD_MESSAGES));
    if (window_.held() != 0 && window_.holds(expected_)) {
      window_.release(expected_);
      ++counters_.duplicate_messages;
    }
    sink.on_message(expected_, packet_.message(index), MessageMeta{receive_ts_ns, line, index + 1 == messages});
    ++expected_;
  }
  highest_ = std::max(highest_, expected_);
  deliver_held(sink);
}

template <MessageSink Sink>
void Sequencer::deliver_held(Sink& sink) {
  while (window_.held() != 0 && window_.holds(expected_)) {
    const auto& slot = window_.slot(expected_);
    ++counters_.messages_delivered[static_cast<std::size_t>(slot.line)];
    sink.on_message(expected_, slot.message(), slot.meta());
    window_.release(expected_);
    ++expected_;
  }
}

// [expected_, end) is missing for good.
template <MessageSink Sink>
void Sequencer::give_up_until(std::uint64_t end, Sink& sink) {
  ++counters_.gaps_given_up;
  counters_.missing_messages += end - expected_;
  sink.on_gap(expected_, end - expected_);
  expected_ = end;
  deliver_held(sink);
}

// Gives up missing ranges until `target` is reached, or `first`, which is at hand. With nothing held, the whole
// hole before `first` goes: a jump out of the window is a loss, not a reordering.
template <MessageSink Sink>
void Sequencer::make_room(std::uint64_t target, std::uint64_t first, Sink& sink) {
  const std::uint64_t stop = std::min(target, first);
  while (expected_ < stop) {
    give_up_until(window_.held() != 0 ? std::min(window_.next_held(expected_), first) : first, sink);
  }
  highest_ = std::max(highest_, expected_);
}

// Gives up what has been missing for too long, as far as `end`: what lies there is at hand.
template <MessageSink Sink>
void Sequencer::expire(std::uint64_t end, Line progress, std::uint64_t now_ns, Sink& sink) {
  while (front_.end != 0 && expected_ < end && now_ns > front_.since_ns &&
         now_ns - front_.since_ns >= options_.gap_timeout_ns) {
    server_silent_ = options_.requests;
    give_up_until(std::min(front_.end, end), sink);
    update_front(progress, now_ns);
  }
}

template <MessageSink Sink>
RetransmissionRequest Sequencer::settle(Line progress, std::uint64_t now_ns, Sink& sink) {
  update_front(progress, now_ns);
  expire(highest_, progress, now_ns, sink);
  if (end_sequence_ != 0 && expected_ >= end_sequence_ && !ended_) {
    ended_ = true;
    sink.on_session(SessionChange::END, session_, end_sequence_);
  }
  return due_request(now_ns);
}

}  // namespace hft::feedd
