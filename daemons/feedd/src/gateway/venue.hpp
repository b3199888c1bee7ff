// What the gateway sees of a venue's order entry, whatever dialect it speaks. One thread: the gateway's.
//
// A venue moves packets in poll(), tells its listener what arrived, and sends what it is told to, at once or not at
// all: it keeps no queue. Orders are named by tokens that grow strictly for the day; next_token() is the lowest that
// may still be used, right once the session is UP.
#pragma once
#include <array>
#include <cstdint>

#include "hft/schema/hft_generated.h"

namespace hft::feedd {

using ClientId = std::array<char, 14>;    // ours, echoed by the venue: who made the order, across restarts
using VenueSymbol = std::array<char, 8>;  // space-padded

struct VenueOrder {
  std::uint32_t token = 0;
  schema::Side side = schema::Side::NONE;
  schema::TimeInForce time_in_force = schema::TimeInForce::NONE;
  bool post_only = false;
  bool short_sale = false;  // a sell of more than we own: marked as such
  std::uint32_t quantity = 0;
  std::uint64_t price = 0;  // 4 decimals
  VenueSymbol symbol{};
  ClientId client_id{};
};

struct VenueReplace {
  std::uint32_t replaced_token = 0;
  std::uint32_t token = 0;
  schema::TimeInForce time_in_force = schema::TimeInForce::NONE;
  bool post_only = false;
  std::uint32_t chain_quantity = 0;  // total for the chain, executed shares included
  // A replacement keeps the mark of what it replaces. Not 0: that is to be marked short first, in the same packet of
  // the wire, as an order of this total.
  std::uint32_t mark_short_quantity = 0;
  std::uint64_t price = 0;
  ClientId client_id{};
};

// Columns: what of VenueEvent a kind fills beyond kind, token, exchange_ts_ns and answer_ts_ns.
//   ACCEPTED         side short_sale quantity price symbol venue_order_id time_in_force live client_id
//   REPLACED         replaced_token, and as ACCEPTED: quantity is what is open now
//   CANCELED         quantity (taken off) reason
//   EXECUTED         quantity (this fill) price match_number liquidity
//   BROKEN           match_number reason client_id
//   REJECTED         reason client_id
//   CANCEL_PENDING, CANCEL_REJECTED   nothing
//   REPRIORITIZED    price venue_order_id
//   MODIFIED         side short_sale quantity (open now)
//   RESTATED         reason
struct VenueEvent {
  enum class Kind : std::uint8_t {
    ACCEPTED,
    REPLACED,
    CANCELED,
    EXECUTED,
    BROKEN,
    REJECTED,
    CANCEL_PENDING,
    CANCEL_REJECTED,
    REPRIORITIZED,
    MODIFIED,
    RESTATED
  };
  Kind kind = Kind::ACCEPTED;
  schema::Side side = schema::Side::NONE;
  schema::TimeInForce time_in_force = schema::TimeInForce::NONE;
  bool short_sale = false;
  bool live = true;       // false: accepted or replaced, and already dead
  bool replayed = false;  // of the replay after a login: told before, or of an earlier life
  std::uint8_t liquidity = 0;
  std::uint16_t reason = 0;  // the venue's own code
  std::uint32_t token = 0;
  std::uint32_t replaced_token = 0;
  std::uint32_t quantity = 0;
  std::uint64_t price = 0;
  std::uint64_t venue_order_id = 0;
  std::uint64_t match_number = 0;
  std::uint64_t exchange_ts_ns = 0;  // UTC since the epoch
  std::uint64_t answer_ts_ns = 0;    // CLOCK_MONOTONIC, when it was read from the socket
  VenueSymbol symbol{};
  ClientId client_id{};
};

class VenueListener {
 public:
  // In the order of the venue's stream, from within Venue::poll.
  virtual void on_event(const VenueEvent& event) noexcept = 0;
  // Every change. UP means: logged in, everything replayed that this process has not seen yet, next_token() known.
  // Whatever was sent before a session broke and is not answered when the next one is UP was never received.
  virtual void on_session(schema::VenueSession session) noexcept = 0;

 protected:
  ~VenueListener() = default;
};

enum class SendResult : std::uint8_t {
  SENT,         // handed to the kernel whole
  WOULD_BLOCK,  // nothing of it was handed over; later perhaps
  NO_SESSION    // not UP, or the session broke while sending: then it may have arrived
};

class Venue {
 public:
  virtual ~Venue() = default;
  // Connects, logs in, sends heartbeats, reads; returns how many messages it handled.
  virtual unsigned poll(std::uint64_t now_ns, VenueListener& listener) noexcept = 0;
  [[nodiscard]] virtual schema::VenueSession session() const noexcept = 0;
  [[nodiscard]] virtual std::uint32_t next_token() const noexcept = 0;

  // Make the message; transmit() is what is left to do, so that whoever sends can look once more in between.
  virtual void encode(const VenueOrder& order) noexcept = 0;
  virtual void encode(const VenueReplace& replace) noexcept = 0;
  // Writes what was encoded last, once.
  virtual SendResult transmit(std::uint64_t now_ns) noexcept = 0;
  // The whole of it.
  virtual SendResult cancel(std::uint32_t token, std::uint64_t now_ns) noexcept = 0;
  // Ends the session in order: LOGGED_OFF, and no new one is begun until log_on().
  virtual void log_off(std::uint64_t now_ns, VenueListener& listener) noexcept = 0;
  virtual void log_on() noexcept = 0;
};

}  // namespace hft::feedd
