#ifndef MPINN_CLI_SCAR_H
#define MPINN_CLI_SCAR_H

#include "cli.h"
#include "metapinn/phantom.h"

/* "paper:2", "segments:1,7,13", "random", "random:7" or "ellipsoid:X,Y,Z,RX,RY,RZ", and behind it
 * "/speed=0.2" and
 * "/transmural=0,0.5". seed is that of a random scar that gives none. */
mpinn_status mpinn_cli_parse_scar(mpinn_cli *cli, const char *text, uint64_t seed,
                                  const mpinn_subject *subject, mpinn_scar *scar);

#endif
