// What the venue says, from OUCH 5.0 to VenueEvent. Pure; takes any bytes.
#pragma once
#include <cstdint>

#include "gateway/venue.hpp"
#include "protocol/ouch50.hpp"

namespace hft::feedd {

enum class OuchMeaning : std::uint8_t {
  EVENT,
  NEXT_TOKEN,    // the reply to an account query: `token`
  NOTICE,        // a system event: nothing to do
  UNKNOWN_TYPE,  // skipped
  SHORT          // malformed: shorter than its type
};

struct OuchMessage {
  OuchMeaning meaning = OuchMeaning::SHORT;
  VenueEvent event;           // EVENT; answer_ts_ns and replayed are the caller's. NEXT_TOKEN: `token` alone
  bool unknown_code = false;  // a side, time in force or order state that the specification does not name
  bool appendage_cut = false;
};

// `midnight_utc_ns`: the New York midnight that the venue counts from.
// An unknown side or time in force becomes NONE, an unknown order state counts as live: then it still has to be
// cancelled.
void decode_ouch(Bytes message, std::uint64_t midnight_utc_ns, OuchMessage& out) noexcept;

}  // namespace hft::feedd
