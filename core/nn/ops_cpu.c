#define real float
#define REAL(name) name##_float
#define CBLAS(name) cblas_s##name
#define OPS mpinn_ops_cpu
#define OPS_NAME "cpu"
#include "nn/ops_cpu_template.h"
