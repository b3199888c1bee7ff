// Secrets, as the service manager hands them over: files in $CREDENTIALS_DIRECTORY.
#pragma once
#include <stdexcept>
#include <string>

namespace hft::feedd {

// The message names the file, never what is in it.
class CredentialError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// $CREDENTIALS_DIRECTORY/venue.password without the newline at its end: 1 … 10 printable ASCII characters, as much as
// a SoupBinTCP login holds. Throws CredentialError.
[[nodiscard]] std::string read_venue_password();

}  // namespace hft::feedd
