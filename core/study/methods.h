/* The methods of a study: what is run, on how much of the maps, and what it is called. */
#ifndef MPINN_STUDY_METHODS_H
#define MPINN_STUDY_METHODS_H

#include "base/internal.h"
#include "metapinn/study.h"

/* One line of a study's tables. */
typedef struct mpinn_study_method {
  const char *name, *fitted_to, *origin; /* as in mpinn_study_row */
  size_t k;
  bool given;       /* the sites of origin are */
  bool remembers;   /* not run but looked up, train/remember.h */
  char by[128];     /* weights or options: scores made with others are not its own */
  mpinn_method run; /* where it does not remember */
} mpinn_study_method;

enum { MPINN_STUDY_CONTEXTS = 5 };

/* All of a study's methods, those that are quick first; the first is what others are compared with. methods
 * is allocated. */
mpinn_status mpinn_study_methods(mpinn_context *context, const mpinn_study *study, size_t *n,
                                 mpinn_study_method **methods);

#endif
