#include "gateway/venue/ouch_venue.hpp"

#include <algorithm>

namespace hft::feedd {

using schema::VenueSession;

OuchVenue::OuchVenue(const GatewayConfig& config, TradingDay day, VenueStats& stats, std::string_view password,
                     TcpStream::Clock clock)
    : day_(day), stats_(stats), orders_(config), client_(config, password, stats, clock) {}

unsigned OuchVenue::poll(std::uint64_t now_ns, VenueListener& listener) noexcept {
  listener_ = &listener;
  now_ns_ = now_ns;
  const unsigned handled = client_.poll(now_ns, *this);
  if (client_.session() == VenueSession::REPLAYING && now_ns - asked_ns_ >= ASK_AGAIN_NS) ask(now_ns);
  return handled;
}

void OuchVenue::encode(const VenueOrder& order) noexcept {
  encoded_ = {VenueRequest::ENTER, orders_.enter(order), order.token, false};
}

void OuchVenue::encode(const VenueReplace& replace) noexcept {
  encoded_ = {VenueRequest::REPLACE, orders_.replace(replace), replace.token, replace.mark_short_quantity != 0};
}

SendResult OuchVenue::transmit(std::uint64_t now_ns) noexcept {
  if (!is_up()) return SendResult::NO_SESSION;
  const SendResult result = client_.send(encoded_.kind, encoded_.packet, now_ns);
  if (result != SendResult::WOULD_BLOCK) use_token(encoded_.token);
  if (result == SendResult::SENT) stats_.sent[static_cast<std::size_t>(VenueRequest::MODIFY)].add(encoded_.marks_short);
  return result;
}

SendResult OuchVenue::cancel(std::uint32_t token, std::uint64_t now_ns) noexcept {
  if (!is_up()) return SendResult::NO_SESSION;
  return client_.send(VenueRequest::CANCEL, orders_.cancel(token, 0), now_ns);
}

void OuchVenue::log_off(std::uint64_t now_ns, VenueListener& listener) noexcept {
  listener_ = &listener;
  now_ns_ = now_ns;
  client_.log_off(now_ns, *this);
}

void OuchVenue::on_session(VenueSession session) noexcept {
  if (session == VenueSession::REPLAYING) {
    questions_open_ = 0;
    ask(now_ns_);
  } else if (session != VenueSession::UP && questions_open_ != 0) {
    client_.forget_head();  // its answer may come in the next replay
    questions_open_ = 0;
  }
  listener_->on_session(session);
}

bool OuchVenue::on_message(std::uint64_t sequence, Bytes message, std::uint64_t read_ts_ns) noexcept {
  decode_ouch(message, day_.midnight_utc_ns(clock_ns(CLOCK_REALTIME)), decoded_);
  if (decoded_.meaning == OuchMeaning::SHORT) return false;
  stats_.replayed.add(client_.session() == VenueSession::REPLAYING);
  if (decoded_.meaning == OuchMeaning::UNKNOWN_TYPE) {
    stats_.unknown_messages.add();
    return true;
  }
  stats_.of_type(message[0]).add();
  stats_.unknown_codes.add(decoded_.unknown_code);
  stats_.cut_appendages.add(decoded_.appendage_cut);
  if (decoded_.meaning == OuchMeaning::EVENT) {
    if (repeated_.again(message)) {
      stats_.repeated.add();
      return true;
    }
    on_event(read_ts_ns);
  }
  if (decoded_.meaning == OuchMeaning::NEXT_TOKEN) on_next_token(sequence);
  return true;
}

void OuchVenue::on_event(std::uint64_t read_ts_ns) noexcept {
  decoded_.event.answer_ts_ns = read_ts_ns;
  decoded_.event.replayed = client_.session() == VenueSession::REPLAYING;
  listener_->on_event(decoded_.event);
}

void OuchVenue::on_next_token(std::uint64_t sequence) noexcept {
  next_token_ = std::max(next_token_, decoded_.event.token);
  if (sequence < client_.head()) return;  // of an earlier login
  if (questions_open_ != 0) --questions_open_;
  client_.replay_is_complete(*this);
}

// A question that can not be sent is asked again, or the session is broken anyway.
void OuchVenue::ask(std::uint64_t now_ns) noexcept {
  asked_ns_ = now_ns;
  if (client_.send(VenueRequest::ACCOUNT_QUERY, orders_.account_query(), now_ns) == SendResult::SENT) {
    ++questions_open_;
  }
}

// Never used again, also when the venue's answer says that it did not arrive: it may be on its way still.
void OuchVenue::use_token(std::uint32_t token) noexcept {
  if (token != UINT32_MAX) next_token_ = std::max(next_token_, token + 1);
}

std::unique_ptr<Venue> make_venue(const GatewayConfig& config, TradingDay day, VenueStats& stats,
                                  std::string_view password) {
  return std::make_unique<OuchVenue>(config, day, stats, password);
}

}  // namespace hft::feedd
