#include "feedd/commands.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>

#include "shared_memory.hpp"

namespace hft {
namespace {

using schema::CommandScope;

class CommandsTest : public SharedMemoryTest {
 protected:
  [[nodiscard]] Region page(const std::string& name = "commands") const {
    return Region::adopt(options(schema::RegionKind::COMMANDS, 1, sizeof(schema::Commands), name));
  }
  static std::uint64_t& word(const Region& region, std::size_t index) {
    return reinterpret_cast<std::uint64_t*>(region.records())[index];
  }
};

TEST_F(CommandsTest, a_page_that_is_not_there_asks_for_nothing) {
  CommandsView view;
  EXPECT_FALSE(view.take());
  view.set_region(Region());
  EXPECT_FALSE(view.take());
}

TEST_F(CommandsTest, each_request_is_taken_once_with_its_scope_and_ticket) {
  Region made = page();
  CommandsWriter writer(made);
  CommandsView view;
  view.set_region(made);
  EXPECT_FALSE(view.take());
  for (const CommandScope scope : {CommandScope::INSTRUMENT, CommandScope::STRATEGY, CommandScope::ALL}) {
    const std::uint64_t ticket = writer.cancel(scope, 42);
    const CancelRequest request = view.take();
    EXPECT_EQ(ticket, request.ticket);
    EXPECT_EQ(scope, request.scope);
    EXPECT_EQ(scope == CommandScope::ALL ? 0u : 42u, request.subject);
    EXPECT_FALSE(view.take());
  }
}

TEST_F(CommandsTest, who_missed_one_cancels_all) {
  Region made = page();
  CommandsWriter writer(made);
  CommandsView view;
  view.set_region(made);
  writer.cancel(CommandScope::INSTRUMENT, 1);
  const std::uint64_t ticket = writer.cancel(CommandScope::INSTRUMENT, 2);
  const CancelRequest request = view.take();
  EXPECT_EQ(ticket, request.ticket);
  EXPECT_EQ(CommandScope::ALL, request.scope);
}

TEST_F(CommandsTest, positions_are_closed_only_by_a_request_that_was_read_whole) {
  Region made = page();
  CommandsWriter writer(made);
  CommandsView view;
  view.set_region(made);
  writer.cancel(CommandScope::ALL, 0, true);
  EXPECT_TRUE(view.take().close_positions);
  writer.cancel(CommandScope::INSTRUMENT, 3, true);
  EXPECT_TRUE(view.take().close_positions);
  writer.cancel(CommandScope::INSTRUMENT, 3);
  EXPECT_FALSE(view.take().close_positions);
  writer.cancel(CommandScope::ALL, 0, true);  // missed
  writer.cancel(CommandScope::ALL, 0, true);
  EXPECT_FALSE(view.take().close_positions);
  writer.cancel(static_cast<CommandScope>(77), 5, true);
  EXPECT_FALSE(view.take().close_positions);
}

TEST_F(CommandsTest, a_scope_that_nobody_knows_is_all) {
  Region made = page();
  CommandsView view;
  view.set_region(made);
  CommandsWriter(made).cancel(static_cast<CommandScope>(77), 5);
  EXPECT_EQ(CommandScope::ALL, view.take().scope);
}

TEST_F(CommandsTest, what_was_asked_of_an_earlier_feedd_is_not_obeyed) {
  Region made = page();
  CommandsWriter writer(made);
  writer.cancel(CommandScope::ALL, 0);
  CommandsView view;
  view.set_region(made);
  EXPECT_FALSE(view.take());
  const std::uint64_t ticket = writer.cancel(CommandScope::STRATEGY, 3);
  EXPECT_EQ(ticket, view.take().ticket);
}

TEST_F(CommandsTest, a_page_mapped_anew_is_not_obeyed_again_and_what_came_meanwhile_is) {
  Region made = page();
  CommandsWriter writer(made);
  CommandsView view;
  view.set_region(made);
  writer.cancel(CommandScope::ALL, 0);
  EXPECT_TRUE(view.take());
  view.set_region(Region());
  view.set_region(made);
  EXPECT_FALSE(view.take());
  view.set_region(Region());
  writer.cancel(CommandScope::INSTRUMENT, 9);
  view.set_region(made);
  EXPECT_EQ(9u, view.take().subject);
}

TEST_F(CommandsTest, another_page_that_counts_from_the_start_is_followed) {
  Region old_page = page();
  CommandsWriter old_writer(old_page);
  CommandsView view;
  view.set_region(old_page);
  for (int i = 0; i < 3; ++i) old_writer.cancel(CommandScope::ALL, 0);
  EXPECT_TRUE(view.take());
  Region fresh = page("commands.new");
  view.set_region(fresh);
  EXPECT_FALSE(view.take());
  CommandsWriter(fresh).cancel(CommandScope::INSTRUMENT, 4);
  EXPECT_EQ(4u, view.take().subject);
}

TEST_F(CommandsTest, a_request_whose_writer_died_within_is_nobody_s_and_the_next_one_is_whole) {
  Region made = page();
  CommandsView view;
  view.set_region(made);
  control_word(word(made, 0)).store(1);
  EXPECT_FALSE(view.take());
  CommandsWriter(made).cancel(CommandScope::INSTRUMENT, 6);
  EXPECT_EQ(6u, view.take().subject);
}

TEST_F(CommandsTest, a_request_that_a_dying_writer_began_to_overwrite_is_obeyed_for_all) {
  Region made = page();
  CommandsView view;
  view.set_region(made);
  const std::uint64_t ticket = CommandsWriter(made).cancel(CommandScope::INSTRUMENT, 6);
  control_word(word(made, 0)).store(ticket + 1);
  control_word(word(made, 2)).store(99);
  const CancelRequest request = view.take();
  EXPECT_EQ(ticket, request.ticket);
  EXPECT_EQ(CommandScope::ALL, request.scope);
}

TEST_F(CommandsTest, beside_a_busy_writer_no_request_is_lost_and_none_is_mixed) {
  Region made = page();
  CommandsView view;
  view.set_region(made);
  std::atomic<std::uint64_t> last = 0;
  std::thread writing([&] {
    CommandsWriter writer(made);
    std::uint64_t ticket = 0;
    for (std::uint64_t i = 1; i <= 200'000; ++i) {  // the subject tells the ticket
      ticket = writer.cancel(i % 2 == 0 ? CommandScope::INSTRUMENT : CommandScope::STRATEGY, 2 * i);
    }
    last = ticket;
  });
  std::uint64_t before = 0, taken = 0;
  while (last == 0 || before != last) {
    const CancelRequest request = view.take();
    if (!request) continue;
    ++taken;
    ASSERT_GT(request.ticket, before);
    ASSERT_EQ(0u, request.ticket % 2);
    if (request.scope != CommandScope::ALL) {
      ASSERT_EQ(before + 2, request.ticket);
      ASSERT_EQ(request.ticket, request.subject);
      ASSERT_EQ(request.ticket % 4 == 0 ? CommandScope::INSTRUMENT : CommandScope::STRATEGY, request.scope);
    }
    before = request.ticket;
  }
  writing.join();
  EXPECT_GT(taken, 0u);
}

}  // namespace
}  // namespace hft
