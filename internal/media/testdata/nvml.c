/* A management library whose answers a file decides, for tests on machines
 * without a GPU. The file holds one word: "ok", "zero", "hang", "crash", "lost"
 * or "full", and is read at every call for memory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct { unsigned version; unsigned long long total, reserved, free, used; } memory_t;
typedef struct { unsigned pid; unsigned long long used; unsigned gi, ci; } process_t;

static const char *mood(void) {
  static char word[32];
  FILE *f = fopen(getenv("NVML_MOOD"), "r");
  word[0] = 0;
  if (f != NULL) {
    if (fscanf(f, "%31s", word) != 1) word[0] = 0;
    fclose(f);
  }
  return word;
}

int nvmlInit_v2(void) { return 0; }
const char *nvmlErrorString(int code) { return code == 15 ? "GPU is lost" : "Not Supported"; }
int nvmlSystemGetDriverVersion(char *s, unsigned n) { strncpy(s, "580.0", n); return 0; }
int nvmlDeviceGetCount_v2(unsigned *n) { *n = 1; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned i, void **h) { *h = (void *)(unsigned long)(i + 1); return 0; }
int nvmlDeviceGetName(void *h, char *s, unsigned n) { strncpy(s, "Stub", n); return 0; }
int nvmlDeviceGetUUID(void *h, char *s, unsigned n) { strncpy(s, "GPU-stub", n); return 0; }

int nvmlDeviceGetMemoryInfo_v2(void *h, memory_t *m) {
  const char *how = mood();
  if (m->version != (sizeof *m | 2u << 24)) return 2;
  m->total = 8ull << 30;
  m->reserved = 1ull << 30;
  m->used = strcmp(how, "full") == 0 ? 7ull << 30 : 512ull << 20;
  m->free = m->total - m->reserved - m->used;
  if (strcmp(how, "zero") == 0) memset(&m->total, 0, sizeof *m - 8);
  if (strcmp(how, "hang") == 0) pause();
  if (strcmp(how, "crash") == 0) abort();
  if (strcmp(how, "lost") == 0) return 15;
  return 0;
}

int nvmlDeviceGetEncoderCapacity(void *h, int type, unsigned *n) { *n = 100; return 0; }
int nvmlDeviceGetEncoderStats(void *h, unsigned *n, unsigned *fps, unsigned *us) { *n = 2; *fps = 60; *us = 900; return 0; }

int nvmlDeviceGetComputeRunningProcesses_v3(void *h, unsigned *n, process_t *p) {
  /* More than the first list holds, so that it must be asked again. */
  if (*n < 70) { *n = 70; return 7; }
  *n = 70;
  for (unsigned i = 0; i < 70; i++) p[i] = (process_t){.pid = 100000 + i, .used = 1 << 20};
  p[0].pid = (unsigned)getppid();
  p[1].used = ~0ull;
  return 0;
}

int nvmlDeviceGetGraphicsRunningProcesses_v3(void *h, unsigned *n, process_t *p) {
  *n = 1;
  p[0] = (process_t){.pid = (unsigned)getppid(), .used = 3 << 20};
  return 0;
}
