/* Protocols of evaluation as data: another protocol is another row of the table in protocols.c. */
#ifndef MPINN_TRAIN_PROTOCOLS_H
#define MPINN_TRAIN_PROTOCOLS_H

#include "metapinn/phantom.h"

typedef enum mpinn_heart_source {
  MPINN_HEARTS_OF_PAPER,   /* the data set of protocol paper: hearts and scars of the training, other maps */
  MPINN_HEARTS_TRAINED_ON, /* the training's hearts, other scars */
  MPINN_HEARTS_NEW,        /* phantoms of seeds that no training uses */
  MPINN_HEARTS_GIVEN       /* the caller's, of any density */
} mpinn_heart_source;

/* Pairs are the least and the most of what is drawn for each subject. */
typedef struct mpinn_protocol {
  const char *name;
  const char *help; /* a sentence, its lines of at most 90 characters */
  mpinn_heart_source source;
  size_t hearts;      /* 0: as many as are given */
  size_t draws;       /* tissues of a heart; of given hearts, as many as MPINN_PROTOCOL_MAPS need */
  size_t maps;        /* test maps of a subject */
  size_t k;           /* context maps */
  size_t measured[2]; /* nodes, before any go missing */
  unsigned surfaces;  /* where they are, as in mpinn_sampling */
  double missing;     /* share of them that patches take away */
  double noise;    /* ms, standard deviation of what is added to every measured time of contexts and query */
  double ratio[2]; /* speed along the fibres over that across; 0: isotropic */
  mpinn_tissue tissue; /* but for its seed */
} mpinn_protocol;

enum { MPINN_PROTOCOL_MAPS = 200 }; /* test maps of a protocol, at the least */

/* NULL past the last. */
const mpinn_protocol *mpinn_protocol_at(size_t index);
/* NULL where there is none of this name. */
const mpinn_protocol *mpinn_protocol_find(const char *name);
/* "paper, new-scar, … or clinical", for sentences; text[bytes]. */
void mpinn_protocol_names(size_t bytes, char *text);

/* How many hearts a test set of a protocol has, how many tissues each and how many maps each of these. quick:
 * three hearts (of given hearts, all), one tissue, k + 1 maps; of protocol paper one heart with three. */
typedef struct mpinn_test_size {
  size_t hearts, draws, maps;
} mpinn_test_size;
mpinn_test_size mpinn_protocol_size(const mpinn_protocol *protocol, size_t given, size_t k, bool quick);

#endif
