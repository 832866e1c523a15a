#include "train/protocols.h"

#include <stdio.h>
#include <string.h>

#define LV (1u << MPINN_CLASS_LV_ENDOCARDIUM)
#define ENDOCARDIA (LV | 1u << MPINN_CLASS_RV_ENDOCARDIUM)

/* The paper's two speeds, m/s, in scars anywhere that are like its own groups of segments: as large, and
 * through the whole wall. Smaller ones, and ones that spare a part of the wall, are in any-tissue. */
#define SCARS .scars = {1, 2}, .radius = {0.2, 0.35}, .partial = 0
#define ANY_SCARS .scars = {1, 3}, .radius = {0.12, 0.35}, .partial = 0.4
#define TISSUE                                                                                               \
  {                                                                                                          \
    SCARS, .healthy = {0.6, 0.6}, .slow = { 0.1, 0.1 }                                                       \
  }

/* Twenty hearts, each of ten maps. */
#define NEW_HEARTS .source = MPINN_HEARTS_NEW, .hearts = 20, .draws = 1, .maps = 10
#define USUALLY_MEASURED .measured = {200, 400}, .surfaces = ENDOCARDIA

static const mpinn_protocol protocols[] = {
    {
        .name = "paper",
        .help = "the paper's: four hearts with five scars each, all of them known from training, new maps",
        .source = MPINN_HEARTS_OF_PAPER,
        .hearts = 4,
        .draws = 5,
        .maps = 10,
        .k = 5,
        .measured = {220, 380},
        .surfaces = ENDOCARDIA,
        .tissue = TISSUE,
    },
    {
        .name = "new-scar",
        .help = "hearts known from training, with scars that were not",
        .source = MPINN_HEARTS_TRAINED_ON,
        .hearts = 4,
        .draws = 5,
        .maps = 10,
        .k = 5,
        USUALLY_MEASURED,
        .tissue = TISSUE,
    },
    {
        .name = "new-heart",
        .help = "phantom hearts and scars that no training has seen",
        NEW_HEARTS,
        .k = 5,
        USUALLY_MEASURED,
        .tissue = TISSUE,
    },
    {
        .name = "real-heart",
        .help = "the hearts named on the command line, with simulated scars and maps, truth from a mesh\n"
                "refined until it has 100,000 nodes, at most twice",
        .source = MPINN_HEARTS_GIVEN,
        .draws = 1,
        .maps = 10,
        .k = 5,
        USUALLY_MEASURED,
        .tissue = TISSUE,
    },
    {
        .name = "noisy",
        .help = "new-heart with 3 ms of noise, and 30 % of the measured nodes missing in patches",
        NEW_HEARTS,
        .k = 5,
        USUALLY_MEASURED,
        .missing = 0.3,
        .noise = 3,
        .tissue = TISSUE,
    },
    {
        .name = "anisotropic",
        .help = "new-heart whose truth has rule-based fibres, 2 to 3 times as fast along as across; the\n"
                "true velocity is the geometric mean of the three",
        NEW_HEARTS,
        .k = 5,
        USUALLY_MEASURED,
        .ratio = {2, 3},
        .tissue = TISSUE,
    },
    {
        .name = "k1",
        .help = "new-heart with a single context map",
        NEW_HEARTS,
        .k = 1,
        USUALLY_MEASURED,
        .tissue = TISSUE,
    },
    {
        .name = "sparse",
        .help = "new-heart with 60 measured nodes",
        NEW_HEARTS,
        .k = 5,
        .measured = {60, 60},
        .surfaces = ENDOCARDIA,
        .tissue = TISSUE,
    },
    {
        .name = "clinical",
        .help = "new-heart measured on the LV's endocardium alone, with 3 ms of noise and three context\n"
                "maps; scars have a border zone of 2 to 6 mm",
        NEW_HEARTS,
        .k = 3,
        .measured = {200, 400},
        .surfaces = LV,
        .noise = 3,
        .tissue = {SCARS, .healthy = {0.6, 0.6}, .slow = {0.1, 0.1}, .border = {2, 6}},
    },
    {
        .name = "any-tissue",
        .help = "new-heart with a healthy velocity of 0.4 to 0.8 m/s and slow regions of 0.1 to 0.4 m/s\n"
                "with a border zone of 0 to 6 mm, small scars and ones that spare a part of the wall too",
        NEW_HEARTS,
        .k = 5,
        USUALLY_MEASURED,
        .tissue = {ANY_SCARS, .healthy = {0.4, 0.8}, .slow = {0.1, 0.4}, .border = {0, 6}},
    },
};
enum { COUNT = sizeof protocols / sizeof *protocols };

const mpinn_protocol *mpinn_protocol_at(size_t index) {
  return index < COUNT ? &protocols[index] : NULL;
}

const mpinn_protocol *mpinn_protocol_find(const char *name) {
  for (size_t i = 0; i < COUNT; i++)
    if (strcmp(protocols[i].name, name) == 0) return &protocols[i];
  return NULL;
}

void mpinn_protocol_names(size_t bytes, char *text) {
  size_t used = 0;
  for (size_t i = 0; i < COUNT && used < bytes; i++) {
    const char *before = i == 0 ? "" : i + 1 < COUNT ? ", " : " or ";
    used += (size_t)snprintf(text + used, bytes - used, "%s%s", before, protocols[i].name);
  }
}

mpinn_test_size mpinn_protocol_size(const mpinn_protocol *protocol, size_t given, size_t k, bool quick) {
  enum { QUICK_HEARTS = 3 };
  mpinn_test_size size = {protocol->hearts, protocol->draws, protocol->maps};
  if (protocol->source == MPINN_HEARTS_GIVEN) {
    const size_t once = given * protocol->maps;
    size.hearts = given;
    size.draws = once ? (MPINN_PROTOCOL_MAPS + once - 1) / once : 0;
  }
  if (size.maps < k + 1) size.maps = k + 1;
  if (!quick) return size;
  if (protocol->source == MPINN_HEARTS_OF_PAPER) return (mpinn_test_size){1, QUICK_HEARTS, size.maps};
  if (protocol->source != MPINN_HEARTS_GIVEN && size.hearts > QUICK_HEARTS) size.hearts = QUICK_HEARTS;
  return (mpinn_test_size){size.hearts, 1, k + 1};
}
