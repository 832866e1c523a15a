#include "metapinn_cli.h"

int main(int argc, char **argv) {
  return mpinn_cli_main(argc, argv, NULL, 0);
}
