/* The hearts of protocol `paper`, which other protocols use too. */
#ifndef MPINN_TRAIN_PAPER_H
#define MPINN_TRAIN_PAPER_H

#include "metapinn/phantom.h"

enum { MPINN_PAPER_HEARTS = 4 };

/* Heart 0 … 3 of the data set of that seed, without tissue or maps: the very same mesh. */
mpinn_status mpinn_paper_heart(mpinn_context *context, uint64_t seed, int heart, mpinn_subject **subject);

/* One subject of the data set: heart 0 … 3 with scar placement 0 … 4, all of it as mpinn_paper_data_set has
 * it. */
mpinn_status mpinn_paper_subject(mpinn_context *context, uint64_t seed, int heart, int scar,
                                 mpinn_subject **subject);

/* Texts "mesh_sha256" and "cv_sha256" (of the cells' CV), by which a test set proves that it is none of the
 * training set. */
mpinn_status mpinn_subject_set_hashes(mpinn_context *context, mpinn_subject *subject);

#endif
