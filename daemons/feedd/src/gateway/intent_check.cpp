#include "gateway/intent_check.hpp"

namespace hft::feedd {
namespace {

bool is_order(const schema::OrderIntent& intent) noexcept {
  const bool side = intent.side() == schema::Side::BUY || intent.side() == schema::Side::SELL;
  const bool lifetime =
      intent.time_in_force() == schema::TimeInForce::DAY || intent.time_in_force() == schema::TimeInForce::IOC;
  return side && lifetime && intent.price() > 0 && intent.quantity() > 0;
}

bool action_is_complete(const schema::OrderIntent& intent) noexcept {
  switch (intent.action()) {
    case schema::IntentAction::NEW: return is_order(intent) && intent.replaced_order_id() == 0;
    case schema::IntentAction::REPLACE:
      return is_order(intent) && intent.replaced_order_id() != 0 && intent.replaced_order_id() != intent.order_id();
    case schema::IntentAction::CANCEL: return true;  // the order id, checked for all, says it all
    case schema::IntentAction::NONE: break;
  }
  return false;
}

}  // namespace

bool well_formed(const schema::OrderIntent& intent, const IntentLimits& limits) noexcept {
  const bool names_market = intent.market_generation() == limits.market_generation && intent.market_seq() != 0;
  const bool names_instrument = intent.instrument_id() != 0 && intent.instrument_id() < limits.instruments;
  return intent.intent_id() != 0 && intent.order_id() != 0 && names_market && names_instrument &&
         action_is_complete(intent);
}

}  // namespace hft::feedd
