// Bodies of publish/normalizer.hpp: the seven ITCH types that change a book.
#pragma once
#include "publish/itch50_events.hpp"

namespace hft::feedd {

template <EventPublisher Publisher, EventClock Clock>
void Normalizer<Publisher, Clock>::on_book_problem(std::uint32_t id, BookResult problem) {
  ++counters_.book_results[static_cast<std::size_t>(problem)];
  switch (problem) {
    case BookResult::UNKNOWN_REFERENCE:  // expected where orders may rest unseen
      if (instruments_.at(id).validity != schema::BookValidity::VALID) return;
      return invalidate(id, schema::BookValidity::INVALID_REFERENCE);
    case BookResult::DUPLICATE_REFERENCE:
    case BookResult::EXCESS_QUANTITY:
    case BookResult::INSTRUMENT_MISMATCH: return invalidate(id, schema::BookValidity::INVALID_REFERENCE);
    case BookResult::ORDERS_FULL:
    case BookResult::LEVELS_FULL: return invalidate(id, schema::BookValidity::INVALID_CAPACITY);
    case BookResult::ZERO_QUANTITY:
    case BookResult::OK: return;
  }
}

template <EventPublisher Publisher, EventClock Clock>
schema::EventFlags Normalizer<Publisher, Clock>::book_flags(const Context& context, const BookChange& change) {
  auto flags = schema::EventFlags::NONE;
  if (change.result != BookResult::OK) [[unlikely]] {
    on_book_problem(context.id, change.result);
    if (change.side == schema::Side::NONE) flags |= schema::EventFlags::UNKNOWN_REFERENCE;
  }
  if (change.book_changed) {
    flags |= schema::EventFlags::BOOK_CHANGED;
    if (change.depth < BOARD_DEPTH) {
      (change.side == schema::Side::BUY ? context.instrument.bids_dirty : context.instrument.asks_dirty) = true;
      changed(context);
    }
  }
  if (change.top_changed) flags |= schema::EventFlags::TOP_CHANGED;
  return flags;
}

// For a locate without a book every reference is unknown.
template <EventPublisher Publisher, EventClock Clock>
template <class Change>
BookChange Normalizer<Publisher, Clock>::on_book(const Context& context, schema::EventFlags& flags, Change change) {
  if (!context.listed) [[unlikely]] {
    ++counters_.instruments_out_of_range;
    flags = schema::EventFlags::UNKNOWN_REFERENCE;
    return {};
  }
  const BookChange made = change(context.instrument.book);
  flags = book_flags(context, made);
  return made;
}

template <EventPublisher Publisher, EventClock Clock>
void Normalizer<Publisher, Clock>::on_add(const Context& context, const itch50::AddOrder& message,
                                          const itch50::Mpid* attribution) {
  name(context, message.stock);
  Draft draft{.side = normalizer_detail::side_of(message.side),
              .code = context.type,
              .price = message.price_e4.value(),
              .quantity = message.shares.value(),
              .order_reference = message.order_reference.value(),
              .replaced_order_reference = attribution == nullptr ? 0 : normalizer_detail::word_of(*attribution)};
  if (!context.listed) [[unlikely]] {
    ++counters_.instruments_out_of_range;
  } else if (draft.side == schema::Side::NONE) [[unlikely]] {
    ++counters_.unknown_sides;
    invalidate(context.id, schema::BookValidity::INVALID_REFERENCE);
  } else {
    draft.flags = book_flags(context, engine_.add(context.instrument.book, context.id, draft.order_reference,
                                                  draft.side, draft.price, draft.quantity));
  }
  publish(context, schema::EventKind::ADD, draft);
}

template <EventPublisher Publisher, EventClock Clock>
void Normalizer<Publisher, Clock>::on_type(const Context& context, const itch50::OrderExecuted& message) {
  Draft draft{.code = 'E',
              .quantity = message.executed_shares.value(),
              .order_reference = message.order_reference.value(),
              .match_number = message.match_number.value()};
  const BookChange change = on_book(context, draft.flags, [&](Book& book) {
    return engine_.reduce(book, context.id, draft.order_reference, draft.quantity);
  });
  draft.side = change.side;
  draft.price = change.price;
  count_trade(context, draft.price, draft.quantity);
  publish(context, schema::EventKind::EXECUTE, draft);
}

template <EventPublisher Publisher, EventClock Clock>
void Normalizer<Publisher, Clock>::on_type(const Context& context, const itch50::OrderExecutedPriced& message) {
  Draft draft{.code = message.printable,
              .price = message.price_e4.value(),
              .quantity = message.execution.executed_shares.value(),
              .order_reference = message.execution.order_reference.value(),
              .match_number = message.execution.match_number.value()};
  draft.side = on_book(context, draft.flags, [&](Book& book) {
                 return engine_.reduce(book, context.id, draft.order_reference, draft.quantity);
               }).side;
  if (message.printable == 'N') {
    draft.flags |= schema::EventFlags::NOT_PRINTABLE;
  } else {
    count_trade(context, draft.price, draft.quantity);
  }
  publish(context, schema::EventKind::EXECUTE_PRICED, draft);
}

template <EventPublisher Publisher, EventClock Clock>
void Normalizer<Publisher, Clock>::on_type(const Context& context, const itch50::OrderCancel& message) {
  Draft draft{
      .code = 'X', .quantity = message.canceled_shares.value(), .order_reference = message.order_reference.value()};
  const BookChange change = on_book(context, draft.flags, [&](Book& book) {
    return engine_.reduce(book, context.id, draft.order_reference, draft.quantity);
  });
  draft.side = change.side;
  draft.price = change.price;
  publish(context, schema::EventKind::CANCEL, draft);
}

template <EventPublisher Publisher, EventClock Clock>
void Normalizer<Publisher, Clock>::on_type(const Context& context, const itch50::OrderDelete& message) {
  Draft draft{.code = 'D', .order_reference = message.order_reference.value()};
  const BookChange change = on_book(
      context, draft.flags, [&](Book& book) { return engine_.remove(book, context.id, draft.order_reference); });
  draft.side = change.side;
  draft.price = change.price;
  draft.quantity = change.quantity;
  publish(context, schema::EventKind::DELETE, draft);
}

template <EventPublisher Publisher, EventClock Clock>
void Normalizer<Publisher, Clock>::on_type(const Context& context, const itch50::OrderReplace& message) {
  Draft draft{.code = 'U',
              .price = message.price_e4.value(),
              .quantity = message.shares.value(),
              .order_reference = message.new_reference.value(),
              .replaced_order_reference = message.original_reference.value()};
  draft.side = on_book(context, draft.flags, [&](Book& book) {
                 return engine_.replace(book, context.id, draft.replaced_order_reference, draft.order_reference,
                                        draft.price, draft.quantity);
               }).side;
  publish(context, schema::EventKind::REPLACE, draft);
}

}  // namespace hft::feedd
