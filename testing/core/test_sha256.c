/* SHA-256 against the standard's own examples, by whatever way data arrive. */
#include "base/internal.h"
#include "base/sha256_x86.h"

#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

static void hash_in_pieces(const char *data, size_t bytes, size_t piece, char hex[65]) {
  mpinn_sha256 hash;
  mpinn_sha256_begin(&hash);
  for (size_t i = 0; i < bytes; i += piece)
    mpinn_sha256_add(&hash, data + i, bytes - i < piece ? bytes - i : piece);
  mpinn_sha256_end(&hash, hex);
}

static void standard_examples_come_out(void **state) {
  static char million[1000000];
  const char *two_blocks = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
  char hex[65];
  (void)state;
  hash_in_pieces("", 0, 1, hex);
  assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  hash_in_pieces("abc", 3, 3, hex);
  assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  hash_in_pieces(two_blocks, strlen(two_blocks), 100, hex);
  assert_string_equal(hex, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  memset(million, 'a', sizeof million);
  hash_in_pieces(million, sizeof million, sizeof million, hex);
  assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* Pieces of 1 … 150 bytes go partly the way of whole blocks, partly the other. */
static void pieces_make_no_difference(void **state) {
  char data[1000], whole[65], pieces[65];
  (void)state;
  for (size_t i = 0; i < sizeof data; i++) data[i] = (char)(i * 37 + i / 11);
  hash_in_pieces(data, sizeof data, 1, whole);
  for (size_t piece = 2; piece <= 150; piece++) {
    hash_in_pieces(data, sizeof data, piece, pieces);
    assert_string_equal(pieces, whole);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(standard_examples_come_out),
                                     cmocka_unit_test(pieces_make_no_difference)};
  print_message("SHA instructions: %s\n", mpinn_sha256_x86_works() ? "used" : "not there");
  return cmocka_run_group_tests(tests, NULL, NULL);
}
