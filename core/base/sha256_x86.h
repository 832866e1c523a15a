#ifndef MPINN_BASE_SHA256_X86_H
#define MPINN_BASE_SHA256_X86_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern const uint32_t mpinn_sha256_constants[64];

/* Whether the processor has instructions for SHA-256. */
bool mpinn_sha256_x86_works(void);
/* Only where it works. */
void mpinn_sha256_x86(uint32_t state[8], const unsigned char *data, size_t blocks);

#endif
