#include "runtime/credentials.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "shared_memory.hpp"

namespace hft::feedd {
namespace {

class CredentialsTest : public SharedMemoryTest {
 protected:
  CredentialsTest() { ::setenv("CREDENTIALS_DIRECTORY", directory_.c_str(), 1); }
  ~CredentialsTest() override { ::unsetenv("CREDENTIALS_DIRECTORY"); }

  void write(const std::string& text) { std::ofstream(directory_ / "venue.password") << text; }
  static std::string refusal() {
    try {
      return "took " + read_venue_password();
    } catch (const CredentialError& error) {
      return error.what();
    }
  }
  void expect_refusal(const std::string& problem) {
    EXPECT_EQ(refusal(), (directory_ / "venue.password").string() + ": " + problem +
                             " (feedd.gateway.venue is set, so a password is needed)");
  }
};

TEST_F(CredentialsTest, APasswordIsReadWithoutItsNewline) {
  write("secret\n");
  EXPECT_EQ(read_venue_password(), "secret");
  write("0123456789");
  EXPECT_EQ(read_venue_password(), "0123456789");
}

TEST_F(CredentialsTest, WhatIsNoPasswordIsRefusedByItsFilesName) {
  expect_refusal("No such file or directory");
  write("");
  expect_refusal("it is empty");
  write("\n");
  expect_refusal("it is empty");
  write("0123456789a");
  expect_refusal("longer than 10 characters");
  write("0123456789a\n");
  expect_refusal("longer than 10 characters");
  write(std::string(100, 'x'));
  expect_refusal("longer than 10 characters");
  for (const char* text : {"a b", "p\xC3\xA4ss", "pass\n\n", "pass\r\n", "pass\t"}) {
    write(text);
    expect_refusal("not printable ASCII without spaces");
  }
}

TEST_F(CredentialsTest, ADirectoryInItsPlaceIsRefused) {
  std::filesystem::create_directory(directory_ / "venue.password");
  expect_refusal("Is a directory");
}

TEST_F(CredentialsTest, WithoutCredentialsThereIsNoPassword) {
  ::unsetenv("CREDENTIALS_DIRECTORY");
  EXPECT_EQ(refusal(),
            "$CREDENTIALS_DIRECTORY/venue.password: CREDENTIALS_DIRECTORY is not set (feedd.gateway.venue is set, so a "
            "password is needed)");
}

}  // namespace
}  // namespace hft::feedd
