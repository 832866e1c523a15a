#define real double
#define REAL(name) name##_double
#define CBLAS(name) cblas_d##name
#define OPS mpinn_ops_cpu_reference
#define OPS_NAME "cpu-reference"
#include "nn/ops_cpu_template.h"
