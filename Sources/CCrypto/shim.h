// SHA-256 of OpenSSL's libcrypto, which every Debian system has.
#include <openssl/evp.h>
