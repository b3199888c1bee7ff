#include "protocol/sequencer.hpp"

#include <cassert>

namespace hft::feedd {

Sequencer::Sequencer(const SequencerOptions& options) : options_(options), window_(options.reorder_window_messages) {
  assert(options.reorder_window_messages != 0 && options.request_messages_max != 0);
  assert(options.lines == 1 || options.lines == 2);
}

// The parsed packet came on line A or B and is not of the current session: is it the first of the next one?
bool Sequencer::confirms_session_change(std::uint64_t now_ns) noexcept {
  if (!in_session_) return true;
  const MoldSession& session = packet_.session();
  const bool came_back = has_earlier_session_ && session == earlier_session_;
  if (end_sequence_ != 0 && !came_back) return true;
  if (came_back && packet_.end_of_session()) return false;  // repeated for a while after every proper end
  if (now_ns > line_heard_ns_ && now_ns - line_heard_ns_ >= SESSION_CHANGE_SILENCE_NS) return true;
  if (session != candidate_session_) candidate_packets_ = 0;
  candidate_session_ = session;
  return ++candidate_packets_ == SESSION_CHANGE_PACKETS;
}

void Sequencer::begin_session(const MoldSession& session) noexcept {
  if (in_session_) {
    earlier_session_ = session_;
    has_earlier_session_ = true;
  }
  ++counters_.sessions;
  window_.clear();
  session_ = session;
  in_session_ = true;
  ended_ = false;
  server_silent_ = false;
  expected_ = options_.join == Join::START ? 1 : packet_.sequence();
  highest_ = expected_;
  tail_noticed_ns_ = 0;
  up_to_date_ns_ = 0;
  end_sequence_ = 0;
  line_next_ = {};
  front_ = {};
}

// The packet starts above `expected_`.
void Sequencer::hold_packet(Line line, std::uint64_t receive_ts_ns, std::uint64_t now_ns) noexcept {
  const std::uint64_t first = packet_.sequence();
  const std::uint32_t messages = packet_.messages();
  for (std::uint32_t index = 0; index < messages; ++index) {
    const std::uint64_t sequence = first + index;
    if (sequence - expected_ >= window_.capacity()) {
      counters_.window_overflow_messages += messages - index;
      break;
    }
    if (window_.held() != 0 && window_.holds(sequence)) {
      ++counters_.duplicate_messages;
    } else if (window_.hold(sequence, packet_.message(index), {receive_ts_ns, line, index + 1 == messages}, now_ns)) {
      ++counters_.held_messages;
    } else {
      ++counters_.oversize_messages;
    }
  }
  if (first + messages > highest_) {
    highest_ = first + messages;
    tail_noticed_ns_ = now_ns;
  }
}

// Finds the first missing range again. `progress` is the line of the packet that was just handled.
void Sequencer::update_front(Line progress, std::uint64_t now_ns) noexcept {
  if (expected_ == highest_) {
    front_ = {};
    return;
  }
  const bool before_held = window_.held() != 0;
  const std::uint64_t end = before_held ? window_.next_held(expected_) : highest_;
  if (front_.end != 0 && front_.begin == expected_) {
    front_.end = end;
    return;
  }
  if (front_.end == end) {  // filled from below: progress, so it may take its time again
    front_.begin = expected_;
    front_.since_ns = now_ns;
    if (progress == Line::RETRANSMISSION) front_.request_due_ns = now_ns;
    return;
  }
  ++counters_.gaps_noticed;
  const std::uint64_t since_ns = before_held ? window_.slot(end).held_ns : tail_noticed_ns_;
  // Only the first missing range is asked for, so it has its time from now on: it waited behind another one.
  const bool answered = options_.requests && !server_silent_;
  front_ = {expected_, end, answered ? now_ns : since_ns, since_ns + options_.request_interval_ns, false};
}

// Nobody will send it any more without being asked: every line has gone on.
bool Sequencer::lines_are_past(std::uint64_t sequence) const noexcept {
  for (std::size_t line = 0; line < options_.lines; ++line) {
    if (line_next_[line] < sequence) return false;
  }
  return true;
}

RetransmissionRequest Sequencer::due_request(std::uint64_t now_ns) noexcept {
  if (!options_.requests || front_.end == 0) return {};
  const bool at_once = !front_.requested && lines_are_past(front_.end);
  if (!at_once && now_ns < front_.request_due_ns) return {};
  front_.requested = true;
  front_.request_due_ns = now_ns + options_.request_interval_ns;
  ++counters_.requests;
  const std::uint64_t missing = front_.end - front_.begin;
  return {session_, front_.begin,
          static_cast<std::uint16_t>(std::min<std::uint64_t>(missing, options_.request_messages_max))};
}

}  // namespace hft::feedd
