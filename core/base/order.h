/* Orders for qsort. */
#ifndef MPINN_BASE_ORDER_H
#define MPINN_BASE_ORDER_H

/* Ascending; there must be no NaN. */
int mpinn_compare_floats(const void *a, const void *b);
int mpinn_compare_doubles(const void *a, const void *b);

#endif
