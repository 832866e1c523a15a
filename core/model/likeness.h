/* What a heart and its maps are like, in a few numbers that the frame, the unit and the numbering leave as
 * they are: by them a personalization is told from those that weights were trained on. */
#ifndef MPINN_MODEL_LIKENESS_H
#define MPINN_MODEL_LIKENESS_H

#include "base/internal.h"
#include "metapinn/mesh.h"

struct mpinn_local_pass;

enum { MPINN_LIKENESS_SHAPE = 8, MPINN_LIKENESS_MAPS = 11 };
enum { MPINN_LIKENESS_NUMBERS = MPINN_LIKENESS_SHAPE + MPINN_LIKENESS_MAPS };

/* Of a pass of a shared heart that has run all its stages. The first MPINN_LIKENESS_SHAPE numbers are the
 * wall's alone. A number that does not exist is NaN: a surface has no volume. */
void mpinn_likeness_of(const struct mpinn_local_pass *pass, double numbers[MPINN_LIKENESS_NUMBERS]);

/* The wall's numbers alone. */
mpinn_status mpinn_likeness_of_wall(mpinn_context *context, const mpinn_mesh *mesh,
                                    double numbers[MPINN_LIKENESS_SHAPE]);

/* Root mean squares of what the velocity found leaves of the contexts' times and of the query's, in lengths.
 */
void mpinn_likeness_left(const double numbers[MPINN_LIKENESS_NUMBERS], double left[2]);

#endif
