// A CUDA driver and an encoder library in one, for tests: NVENC_MOOD is the
// status with which a session is refused, 0 for one that opens.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int cuInit(unsigned flags) { return 0; }
int cuDeviceGet(int *device, int n) { *device = n; return 0; }
int cuCtxCreate_v2(void **context, unsigned flags, int device) { *context = (void *)0x1234; return 0; }
int cuMemAlloc_v2(void **p, size_t n) { return 2; }
int cuGetErrorName(int code, const char **name) { *name = "CUDA_ERROR_STUB"; return 0; }

struct open { uint32_t version, type; void *device, *reserved; uint32_t api, r1[253]; void *r2[64]; };

static int open_session(struct open *o, void **session) {
	if (o->version != (11 | 1 << 24 | 1 << 16 | 7u << 28) || o->type != 1 || o->device != (void *)0x1234 || o->api != (11 | 1 << 24))
		return 15;
	if (sizeof *o != 1552)
		return 8;
	int code = atoi(getenv("NVENC_MOOD"));
	*session = code ? 0 : (void *)0x5678;
	return code;
}

static int destroy(void *session) {
	if (session != (void *)0x5678)
		abort();
	return 0;
}

struct list { uint32_t version, reserved; void *functions[318]; };

int NvEncodeAPICreateInstance(struct list *l) {
	if (l->version != (11 | 1 << 24 | 2 << 16 | 7u << 28))
		return 15;
	memset(l->functions, 0, sizeof l->functions);
	l->functions[27] = destroy;
	l->functions[29] = open_session;
	return 0;
}
